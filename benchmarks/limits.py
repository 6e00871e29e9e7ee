"""Limits of the cores: rates of matrix multiplication and of copying memory.

    .venv/bin/python benchmarks/limits.py

See README.md beside this file.
"""

import harness

SIDES = {"TensorFlow": harness.ours("tensorflow"), "PyTorch": harness.pytorch()}
NUMPY = {"NumPy": harness.ours("tensorflow")}

#: Sizes of square matrices of float32.
SIZES = (512, 1024, 2048, 4096)

#: Bytes to copy at once, far more than the caches hold.
COPIED = 2**28


def multiply_rate(sides: dict, repetitions: int = 3, seconds: float = 1.0) -> float:
    """Return the best rate for the largest matrices, in 10^9 operations per second."""
    work = {"work": "multiply", "size": SIZES[-1]}
    rows = harness.compare(
        "multiplication", "GFLOP/s", sides, work, repetitions, seconds
    )
    return max(row["median"] for row in rows)


def main() -> None:
    """Run the benchmark."""
    parser = harness.options(__doc__, SIDES, repetitions=7, seconds=1.0)
    arguments = parser.parse_args()
    turns = (arguments.repetitions, arguments.seconds)
    sides = {name: SIDES[name] for name in arguments.sides}
    rows = []
    for size in SIZES:
        work = {"work": "multiply", "size": size}
        case = f"multiply {size}×{size}"
        rows += harness.compare(case, "GFLOP/s", sides, work, *turns)
    work = {"work": "copy", "size": COPIED}
    rows += harness.compare("copy", "GB/s", NUMPY, work, *turns)
    harness.write(arguments.output, "limits.csv", rows)


if __name__ == "__main__":
    main()
