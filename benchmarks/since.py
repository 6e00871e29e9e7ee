"""What has become faster since an earlier version, by a checkout of it.

    git worktree add build/before REVISION
    .venv/bin/python benchmarks/since.py build/before

runs both versions in turn: a run of RS-50 on Pantomime as a reader starts it, its
training step, and the command line. See README.md beside this file.
"""

import subprocess
from pathlib import Path

import environments
import rows
import run
import step

from r3d_rs.report import speed

NOW, BEFORE = "now", "before"

#: What is run, by case: the backend (None for TensorFlow's), and how.
RUNS = {f"{run.COMMAND}, {side}": backend for side, backend in run.SIDES.items()}
LIST = "python -m r3d_rs list"
STEPS = {
    f"training step of RS-50 on Pantomime, {side}": backend
    for side, backend in run.SIDES.items()
}


def sides(before: Path, data: Path) -> dict[str, dict[str, str]]:
    """Return the variables of each version's processes, with data of its own."""
    checkouts = {NOW: environments.CHECKOUT, BEFORE: {"PYTHONPATH": str(before)}}
    return {
        side: checkout | {"R3D_RS_DATA": str(data / side)}
        for side, checkout in checkouts.items()
    }


def measure_commands(
    variables: dict, epochs: int, repetitions: int, folder: Path
) -> dict[str, dict[str, list[float]]]:
    """Return the seconds of the commands, by case and side.

    A first time, which fills caches and is not counted, comes before.
    """
    measured: dict[str, dict[str, list[float]]] = {}
    for side, own in variables.items():
        place = folder / side
        place.mkdir(parents=True, exist_ok=True)
        arguments = ["-m", "r3d_rs", "data", "prepare", run.DATASET]
        run.timed(arguments, run.variables() | own, place)
    for repetition in range(-1, repetitions):
        order = list(variables)[:: -1 if repetition % 2 else 1]
        for case in (*RUNS, LIST):
            for side in order:
                environment = run.variables(RUNS.get(case)) | variables[side]
                if case == LIST:
                    arguments = ["-m", "r3d_rs", *run.QUICK[LIST]]
                    seconds, _ = run.timed(arguments, environment, folder / side)
                else:
                    seconds = run.command(environment, epochs)
                print(f"{repetition + 1}: {case}: {side}: {seconds:.1f} s", flush=True)
                if repetition >= 0:
                    of_case = measured.setdefault(case, {s: [] for s in variables})
                    of_case[side].append(seconds)
    return measured


def measure_steps(variables: dict, repetitions: int, seconds: float) -> list[dict]:
    """Return rows of the training steps, in clips a second."""
    table = []
    for case, backend in STEPS.items():
        network = step.CASES["Pantomime's RS-50, batch 32, training"]
        ours = step.ours(backend)
        versions = {side: ours.having(own) for side, own in variables.items()}
        table += step.measure(case, network, versions, repetitions, seconds)
    return [row | {"unit": "clips/s"} for row in table]


def revision(checkout: Path) -> str:
    """Return the revision of a checkout."""
    command = ["git", "-C", checkout, "rev-parse", "--short", "HEAD"]
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.strip()


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=3, seconds=4.0)
    parser.add_argument("before", type=Path, help="checkout of the earlier version")
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    before = arguments.before.absolute()
    folder = environments.HERE.parent / "build" / "since"
    variables = sides(before, folder)
    steps = measure_steps(variables, arguments.repetitions, arguments.seconds)
    commands = measure_commands(
        variables, arguments.epochs, arguments.repetitions, folder
    )
    table = steps + [
        {"side": side, "case": case, "unit": "seconds", **summary}
        for case, of_case in commands.items()
        for side, summary in rows.compared(of_case).items()
    ]
    for row in table:
        row |= {
            "revision": revision(before if row["side"] == BEFORE else Path()),
            "epochs": arguments.epochs,
            **rows.machine(),
        }
    path = rows.write(arguments.output, "since.csv", table)
    print(f"\n{speed.since_table(arguments.output).to_string()}\n{path}")


if __name__ == "__main__":
    main()
