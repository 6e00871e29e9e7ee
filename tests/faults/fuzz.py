"""Mutated input for all that parses what others wrote.

    python tests/faults/fuzz.py --seconds 60
    make fuzz SECONDS=300

Without the package atheris, input is mutated at random; with it (`make fuzz` has it in
an environment of its own), what has been covered guides the mutations. A parser may
raise `ValueError` or `OSError`; anything else is a finding, and its input is kept.
"""

import argparse
import functools
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
    from r3d_rs.study import record

    record.read(_written(content, "seed-0.json"))


def runs(content: bytes) -> None:
    """Parse what a run was, and its recipe."""
    from r3d_rs import checksum
    from r3d_rs.training import recipe

    fields = checksum.read(_written(content, "run.json"))
    try:
        recipe.recipe_hash(recipe.from_dict(fields["recipe"]))
    except (KeyError, TypeError) as error:  # as `trained.load` has it
        raise ValueError(f"no run of a classifier: {error}") from error


def scores(content: bytes) -> None:
    """Parse the scores of every video."""
    from r3d_rs.study import record

    record.load_scores(_written(content, "scores.npz"))


def notebooks(content: bytes) -> None:
    """Parse an executed notebook."""
    from r3d_rs.study import executed

    executed.read(_written(content, "seed-0.ipynb"))


def parameters(content: bytes) -> None:
    """Check the parameters of a run."""
    from r3d_rs.study import run

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
    from tests.tiny import HEADER

    return (HEADER + 'sit down,a,3,13,train\n"turn, left",b,0,10,train\n').encode()


def _record() -> tuple[bytes, bytes]:
    from r3d_rs.study import record
    from tests.test_study import made_up, made_up_scores

    with tempfile.TemporaryDirectory() as folder:
        path = record.write(made_up(), Path(folder), made_up_scores())
        return path.read_bytes(), record.scores_path(path).read_bytes()


def _run() -> bytes:
    from r3d_rs import checksum
    from r3d_rs.training.recipe import Recipe, as_dict

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.json"
        fields = {"dataset": "kinetics-400", "classes": ["a"], "seed": 0}
        checksum.write(path, fields | {"recipe": as_dict(Recipe())})
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


def main() -> None:
    """Fuzz all targets, or one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=10, help="for each target")
    parser.add_argument("--target", choices=sorted(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by atheris")
    arguments = parser.parse_args()
    if arguments.guided:
        if not arguments.target:
            parser.error("--guided needs a --target: atheris ends the process")
        guided(arguments.target, arguments.seconds)
        return
    lost = 0
    for target in [arguments.target] if arguments.target else sorted(TARGETS):
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
