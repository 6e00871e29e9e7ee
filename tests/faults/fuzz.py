"""Mutated input for all that parses what others wrote.

    python tests/faults/fuzz.py --seconds 60
    make fuzz SECONDS=300

Without the package atheris, input is mutated at random; with it (`make fuzz` has it in
an environment of its own), what has been covered guides the mutations, and
`runs/faults/fuzz.csv` is written. A parser may raise `ValueError` or `OSError`;
anything else is a finding, and its input is printed.
"""

import argparse
import functools
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]

#: What an expected failure is.
EXPECTED = (ValueError, OSError)

#: Pieces that mean something to one of the parsers.
WORDS = [
    *(b'"', b"'", b",", b"\n", b"\r\n", b"\0", b"../", b"null", b"{}", b"[", b"]"),
    *(b"1e999", b"-1", b"NaN", b"\xff\xfe", b"\xed\xa0\x80", b"label", b"train"),
    *(b"9" * 400, b"[" * 2000, b"True", b"__class__", b"epochs", b"sha256"),
]


def _folder() -> Path:
    return Path(tempfile.gettempdir())


def _written(content: bytes, name: str) -> Path:
    path = Path(_temporary().name) / name
    path.write_bytes(content)
    return path


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory()


def annotations(content: bytes) -> None:
    """Parse Kinetics' CSV files."""
    from r3d_rs.data import listing

    listing.read(_written(content, "train.csv"))


def records(content: bytes) -> None:
    """Parse the record of a run."""
    from r3d_rs.experiments import record

    record.read(_written(content, "seed-0.json"))


def runs(content: bytes) -> None:
    """Parse what a run was, and its recipe."""
    from r3d_rs import files
    from r3d_rs.recipes import recipe

    fields = files.read_json(_written(content, "run.json"))
    try:
        recipe.recipe_hash(recipe.from_dict(fields["recipe"]))
    except (KeyError, TypeError) as error:  # as `trained.load` has it
        raise ValueError(f"no run of a classifier: {error}") from error


def scores(content: bytes) -> None:
    """Parse the scores of every video."""
    from r3d_rs.experiments import record

    record.load_scores(_written(content, "scores.npz"))


def notebooks(content: bytes) -> None:
    """Parse an executed notebook."""
    from r3d_rs.experiments import executed

    executed.read(_written(content, "seed-0.ipynb"))


def parameters(content: bytes) -> None:
    """Check the parameters of a run."""
    from r3d_rs.experiments import run

    point, _, rest = content.decode("utf-8", "replace").partition("\n")
    row, _, toggles = rest.partition("\n")
    for function, received in (
        (run.scaling, {"point": point}),
        (run.ablation, {"row": row, "toggles": toggles}),
    ):
        try:
            function(**received, dataset="pantomime", seed=0)
        except ValueError as error:
            assert str(error)


def keys(content: bytes) -> None:
    """Find a network's variables among the keys of an official checkpoint."""
    from r3d_rs.models import model_garden

    names = content.decode("utf-8", "replace").split("\n")
    root = model_garden._backbone_root(dict.fromkeys(names, ()), "a checkpoint")
    weights = [model_garden._Weight(f"{root}layer_with_weights-0/kernel", None, (1,))]
    model_garden._check(
        weights, set(names), dict.fromkeys(names, (2,)), {}, "a checkpoint"
    )


#: What is fuzzed: the parser, and input that it takes.
TARGETS: dict[str, tuple[Callable[[bytes], None], Callable[[], list[bytes]]]] = {
    "annotations": (annotations, lambda: [_csv()]),
    "records": (records, lambda: [_record()[0]]),
    "runs": (runs, lambda: [_run()]),
    "scores": (scores, lambda: [_record()[1]]),
    "notebooks": (notebooks, lambda: [_notebook()]),
    "parameters": (parameters, lambda: [b"RS-50\nSE\nLS,SD", b"R3D-50\nbaseline\n"]),
    "checkpoint keys": (
        keys,
        lambda: [b"backbone/layer_with_weights-0/kernel\nmodel/layer_with_weights-1"],
    ),
}


def _csv() -> bytes:
    from tests.shared.tiny import HEADER

    return (HEADER + 'sit down,a,3,13,train\n"turn, left",b,0,10,train\n').encode()


def _record() -> tuple[bytes, bytes]:
    from r3d_rs.experiments import record
    from tests.shared.made_up import made_up, made_up_scores

    with tempfile.TemporaryDirectory() as folder:
        path = record.write(made_up(), Path(folder), made_up_scores())
        return path.read_bytes(), record.scores_path(path).read_bytes()


def _run() -> bytes:
    from r3d_rs import files
    from r3d_rs.recipes.recipe import Recipe, as_dict

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.json"
        fields = {"dataset": "kinetics-400", "classes": ["a"], "seed": 0}
        files.write_json(path, fields | {"recipe": as_dict(Recipe())})
        # Without its checksum more of it can be changed.
        whole = path.read_bytes()
        return whole.replace(b'"sha256"', b'"other"')


def _notebook() -> bytes:
    return (ROOT / "notebooks" / "scaling.ipynb").read_bytes()


def attempt(target: str, content: bytes) -> str | None:
    """Parse content, and return what is wrong if it fails as it must not."""
    function, _ = TARGETS[target]
    try:
        function(content)
    except EXPECTED:
        return None
    except (Exception, RecursionError):
        return f"{target}: {content[:200]!r}: {traceback.format_exc()}"
    return None


def mutated(content: bytes, generator: np.random.Generator) -> bytes:
    """Change bytes, take some out, or put words of the parsers in, a few times."""
    changed = bytearray(content)
    for _ in range(int(generator.integers(1, 6))):
        place = int(generator.integers(len(changed) + 1))
        match int(generator.integers(5)):
            case 0 if changed:
                changed[place % len(changed)] = int(generator.integers(256))
            case 1:
                changed[place:place] = WORDS[int(generator.integers(len(WORDS)))]
            case 2:
                del changed[place : place + int(generator.integers(1, 20))]
            case 3:
                other = int(generator.integers(len(changed) + 1))
                changed[place:place] = changed[other : other + 50]
            case _:
                word = WORDS[int(generator.integers(len(WORDS)))]
                changed[place : place + len(word)] = word
    return bytes(changed)


def mutate(
    target: str, seconds: float, generator: np.random.Generator
) -> Iterator[tuple[int, str | None]]:
    """Yield how many inputs were parsed, and each finding."""
    _, seeds = TARGETS[target]
    seeds, number, end = seeds(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        content = mutated(seeds[int(generator.integers(len(seeds)))], generator)
        found = attempt(target, content)
        number += found is None
        if found:
            yield 1, found
    yield number, None


def guided(target: str, seconds: float) -> None:
    """Let atheris choose the input; it ends this process."""
    import atheris

    with atheris.instrument_imports(include=["r3d_rs"]):
        attempt(target, b"")
    _, seeds = TARGETS[target]
    corpus = Path(_temporary().name) / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds()):
        (corpus / str(number)).write_bytes(seed)

    def once(content):
        if found := attempt(target, content):
            raise AssertionError(found)

    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}", str(corpus)], once)
    atheris.Fuzz()


def guide(target: str, seconds: float) -> tuple[int, str | None]:
    """Guide the mutations of a target in a process of its own.

    Returns:
        How many inputs were parsed, and the finding that ended it.
    """
    command = [sys.executable, __file__, "--guided", "--target", target]
    done = subprocess.run(
        [*command, "--seconds", str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=ROOT,
    )
    # libFuzzer's lines begin with the number of inputs so far.
    parsed = [int(n) for n in re.findall(r"^#(\d+)\t", done.stdout, re.MULTILINE)]
    if not parsed:
        raise RuntimeError(f"atheris did not start: {done.stdout[-2000:]}")
    return max(parsed), done.stdout[-5000:] if done.returncode else None


def guide_all(targets: list[str], seconds: float) -> int:
    """Guide the mutations of targets, write what came of it, and count the findings."""
    from tests.shared.tally import Tally, write

    lost = 0
    for target in targets:
        number, found = guide(target, seconds)
        tally = Tally(number - bool(found), [found] if found else [])
        write("fuzz", f"input of {target} by coverage", "guided", tally)
        lost += bool(found)
        print(f"{target}: {number} inputs", found or "", flush=True)
    return lost


def main() -> None:
    """Fuzz all targets, or one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10, help="for each target")
    parser.add_argument("--target", choices=sorted(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by atheris")
    arguments = parser.parse_args()
    if arguments.guided and arguments.target:
        guided(arguments.target, arguments.seconds)  # atheris ends the process
    targets = [arguments.target] if arguments.target else sorted(TARGETS)
    if arguments.guided:
        lost = guide_all(targets, arguments.seconds)
        sys.exit(f"{lost} findings" if lost else 0)
    lost = 0
    for target in targets:
        generator = np.random.default_rng([arguments.seed, *target.encode()])
        number = 0
        for count, found in mutate(target, arguments.seconds, generator):
            number += count
            if found:
                lost += 1
                print(found, file=sys.stderr)
        print(f"{target}: {number} inputs")
    sys.exit(f"{lost} findings" if lost else 0)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
