"""Where the time of a whole run goes, and what the command line takes.

    .venv/bin/python benchmarks/run.py

trains and evaluates RS-50 on Pantomime for a few epochs, on both backends. See
README.md beside this file.
"""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import environments
import rows

from r3d_rs.experiments import provenance
from r3d_rs.report import speed
from r3d_rs.report.goals import START

POINT, DATASET = "RS-50", "pantomime-20"

#: A larger network, of which the time to the first step is measured too.
LARGER = "RS-200"

#: Sides by name: the value of `KERAS_BACKEND`.
SIDES = {"TensorFlow": "tensorflow", "JAX": "jax"}

#: The whole of a run in our process, and as a reader starts it.
IN_ALL, COMMAND = "in all", f"python -m r3d_rs run scaling/{POINT}"

#: Commands that compute nothing; their side.
QUICK = {"python -m r3d_rs --help": ["--help"], "python -m r3d_rs list": ["list"]}
COMMAND_LINE = "command line"


def variables(backend: str | None = None) -> dict[str, str]:
    """Return the environment of a side's process."""
    own = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    if backend:
        own["KERAS_BACKEND"] = backend
    return os.environ | environments.CHECKOUT | own


def timed(arguments: list, environment: dict, folder: str) -> tuple[float, str]:
    """Run our Python, and return the seconds it took and what it printed.

    Raises:
        RuntimeError: with the end of what it printed, when it fails.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [environments.OURS, *map(str, arguments)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{arguments}: {(done.stdout + done.stderr)[-2000:]}")
    return seconds, done.stdout


def parts(backend: str, epochs: int, point: str) -> tuple[dict[str, float], int]:
    """Return the seconds of a run's parts in a fresh process, and its peak in bytes.

    Those until the first step is done, if `epochs` is 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        script = Path(__file__).with_name("run_side.py")
        started = time.monotonic()
        arguments = [script, started, point, DATASET, epochs]
        seconds, printed = timed(arguments, variables(backend), folder)
    measured = json.loads(printed.splitlines()[-1])
    return measured["parts"] | {IN_ALL: seconds}, measured["peak"]


def command(environment: dict[str, str], epochs: int) -> float:
    """Return the seconds of a run through papermill, as a reader starts it."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-m", "r3d_rs", "run", f"scaling/{POINT}", "--dataset", DATASET]
        arguments += ["-p", f"epochs={epochs}"]
        return timed(arguments, environment, folder)[0]


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=3)
    rows.add_choice(parser, "sides", SIDES)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        timed(["-m", "r3d_rs", "data", "prepare", DATASET], variables(), folder)
    measured: dict[str, dict[str, list[float]]] = {}
    peaks = {}
    for repetition in range(arguments.repetitions):
        for side in arguments.sides[:: -1 if repetition % 2 else 1]:
            larger, _ = parts(SIDES[side], 0, LARGER)
            found, peaks[side] = parts(SIDES[side], arguments.epochs, POINT)
            found |= {f"{LARGER}: {part}": larger[part] for part in START}
            found[COMMAND] = command(variables(SIDES[side]), arguments.epochs)
            for case, seconds in found.items():
                of_case = measured.setdefault(case, {s: [] for s in arguments.sides})
                of_case[side].append(seconds)
            print(
                f"{repetition + 1} of {arguments.repetitions}: {side}:"
                f" {found[IN_ALL]:.1f} s, by papermill {found[COMMAND]:.1f} s",
                flush=True,
            )
        for case, quick in QUICK.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds, _ = timed(["-m", "r3d_rs", *quick], variables(), folder)
            of_case = measured.setdefault(case, {COMMAND_LINE: []})
            of_case[COMMAND_LINE].append(seconds)
    versions = provenance.versions()
    about = {
        "versions": ", ".join(f"{name} {versions[name]}" for name in sorted(versions)),
        **rows.machine(),
    }
    table = [
        {"side": side, "case": case, "epochs": arguments.epochs, **summary}
        | {"peak_mb": round(peaks[side] / 2**20) if case == IN_ALL else None}
        | about
        for case, of_case in measured.items()
        for side, summary in rows.compared(of_case).items()
    ]
    path = rows.write(arguments.output, "run.csv", table)
    print(f"\n{speed.run_table(arguments.output).to_string()}\n{path}")


if __name__ == "__main__":
    main()
