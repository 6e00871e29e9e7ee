"""What the cores can do at most: matrix multiplication, and copying memory.

    .venv/bin/python benchmarks/limits.py

See README.md beside this file.
"""

import contextlib
from pathlib import Path

import environments
import rows
from turns import Worker, in_turn

from r3d_rs.report import speed

#: Sides by name: the Python, and the library that it computes by.
SIDES = {
    "TensorFlow": (lambda: environments.OURS, "tensorflow"),
    "PyTorch": (environments.torch, "torch"),
    "NumPy": (lambda: environments.OURS, "numpy"),
}

#: Sizes of square matrices of float32.
SIZES = (512, 1024, 2048, 4096)

#: Bytes that are copied at once, far more than the caches hold.
COPIED = 2**28


def cases(side: str) -> dict[str, dict]:
    """Return a side's requests by name, less the seconds."""
    if side == "NumPy":
        return {"copy": {"operation": "copy", "size": COPIED}}
    return {
        f"multiply {size}×{size}": {"operation": "multiply", "size": size}
        for size in SIZES
    }


def measure(sides: list[str], repetitions: int, seconds: float) -> list[dict]:
    """Measure the sides in turn.

    Returns:
        A row a side and case; `median` is 10^9 operations a second, two a multiply-add,
        or 10^9 bytes a second, read and written.
    """
    table = []
    with contextlib.ExitStack() as stack:
        workers = {side: stack.enter_context(start(side)) for side in sides}
        for case in dict.fromkeys(case for side in sides for case in cases(side)):
            taking_part = {s: workers[s] for s in sides if case in cases(s)}
            requests = {
                side: {**cases(side)[case], "seconds": seconds} for side in taking_part
            }
            for side, worker in taking_part.items():
                worker.ask(**requests[side])
            measured = {side: [] for side in taking_part}
            for replies in in_turn(taking_part, requests, repetitions):
                for side, reply in replies.items():
                    measured[side].append(reply["done"] / reply["seconds"] / 1e9)
            table += [
                {
                    "side": side,
                    "case": case,
                    "unit": "GB/s" if case == "copy" else "GFLOP/s",
                    **summary,
                    "versions": workers[side].about["versions"],
                    **rows.machine(),
                }
                for side, summary in rows.compared(measured).items()
            ]
    return table


def start(side: str) -> Worker:
    """Start the worker of a side."""
    python, library = SIDES[side]
    on_processor = {"CUDA_VISIBLE_DEVICES": "-1"}
    return Worker(python(), "limits_side.py", {"library": library}, on_processor)


def multiply_rate(table: list[dict]) -> float:
    """Return the best rate of matrix multiplication, 10^9 operations a second."""
    return max(row["median"] for row in table if row["unit"] == "GFLOP/s")


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=7, seconds=1.0)
    rows.add_choice(parser, "sides", SIDES)
    rows.add_threads(parser)
    arguments = parser.parse_args()
    rows.use_threads(arguments.threads)
    table = measure(arguments.sides, arguments.repetitions, arguments.seconds)
    path: Path = rows.write(arguments.output, "limits.csv", table)
    print(f"{speed.limits_table(arguments.output).to_string()}\n{path}")


if __name__ == "__main__":
    main()
