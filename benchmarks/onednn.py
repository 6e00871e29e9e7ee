"""A training step on TensorFlow with oneDNN and without it.

    .venv/bin/python benchmarks/onednn.py

says what TensorFlow's own choice costs on processors that it leaves oneDNN out on. See
README.md beside this file.
"""

import rows
import step

from r3d_rs.report import speed

CASE = "Pantomime's RS-50, batch 32, training"


def side(chosen: str) -> step.Side:
    """Return our side on TensorFlow, with `TF_ENABLE_ONEDNN_OPTS` as given."""
    return step.ours("tensorflow").having({"TF_ENABLE_ONEDNN_OPTS": chosen})


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=7, seconds=6.0)
    rows.add_threads(parser)
    arguments = parser.parse_args()
    rows.use_threads(arguments.threads)
    table = step.measure(
        CASE,
        step.CASES[CASE],
        {"without oneDNN": side("0"), "with oneDNN": side("1")},
        arguments.repetitions,
        arguments.seconds,
    )
    machine = rows.machine()
    path = rows.write(arguments.output, "onednn.csv", [r | machine for r in table])
    print(f"\n{speed.onednn_table(arguments.output).to_string()}\n{path}")


if __name__ == "__main__":
    main()
