"""Where a training step's time goes, by kind of operation, before and now.

    git worktree add build/before REVISION
    .venv/bin/python benchmarks/operations.py build/before

profiles the step of RS-50 on Pantomime by both versions, on both backends, on one
core. See README.md beside this file.
"""

import json
import tempfile
from pathlib import Path

import environments
import rows
import run
import since

from r3d_rs.report import speed


def measure(environment: dict, steps: int) -> dict:
    """Return what `operations_side.py` prints."""
    script = environments.HERE / "operations_side.py"
    with tempfile.TemporaryDirectory() as folder:
        _, printed = run.timed(
            [script, run.POINT, run.DATASET, steps], environment, folder
        )
    return json.loads(printed.splitlines()[-1])


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=3)
    rows.add_choice(parser, "sides", run.SIDES)
    parser.add_argument("before", type=Path, help="checkout of the earlier version")
    parser.add_argument("--steps", type=int, default=10, help="of a repetition")
    arguments = parser.parse_args()
    before = arguments.before.absolute()
    variables = since.sides(before, environments.HERE.parent / "build" / "since")

    measured: dict[tuple[str, str], list[dict]] = {}
    for repetition in range(arguments.repetitions):
        for backend in arguments.sides:
            for side in list(variables)[:: -1 if repetition % 2 else 1]:
                environment = run.variables(run.SIDES[backend]) | variables[side]
                found = measure(environment, arguments.steps)
                measured.setdefault((backend, side), []).append(found)
                print(
                    f"{repetition + 1}: {backend}, {side}:"
                    f" {1000 * found['seconds']:.0f} ms a step",
                    flush=True,
                )
    table = []
    for (backend, side), found in measured.items():
        # The repetition in the middle, as it is, so that its operations add up.
        one = sorted(found, key=lambda one: one["seconds"])[len(found) // 2]
        about = {
            "backend": backend,
            "side": side,
            "revision": since.revision(before if side == since.BEFORE else Path()),
            "repetitions": len(found),
            "step_ms": 1000 * one["seconds"],
            "versions": one["versions"],
            **rows.machine(),
        }
        table += [
            {"operation": name, "count": count, "ms": 1000 * seconds, **about}
            for name, (count, seconds) in one["operations"].items()
        ]
    path = rows.write(arguments.output, "operations.csv", table)
    for backend in arguments.sides:
        print(f"\n{speed.operations_table(arguments.output, backend).to_string()}")
    print(path)


if __name__ == "__main__":
    main()
