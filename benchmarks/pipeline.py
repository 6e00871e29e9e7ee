"""Clips per second of the training input pipelines, ours and the official one.

    .venv/bin/python benchmarks/pipeline.py

The pipelines draw batches from the same records in turn, on the same cores. See
README.md beside this file.
"""

import harness
import videos

#: Ours gives float32; the official settings are bfloat16.
SIDES = {
    "official, float32": harness.official(dtype="float32"),
    "ours, float32": harness.ours("tensorflow"),
    "official, bfloat16": harness.official(dtype="bfloat16"),
}

#: Settings of all sides. Their scripts fix the crop's area (0.08, 1) and flips.
SETTINGS = {
    "work": "clips",
    "batch_size": 32,
    "frames": 16,
    "temporal_stride": 2,
    "size": 224,
}


def main() -> None:
    """Run the benchmark."""
    parser = harness.options(__doc__, SIDES, repetitions=15, seconds=8.0)
    videos.add_folder(parser)
    arguments = parser.parse_args()
    rows = harness.compare(
        "16×224², batch 32",
        "clips/s",
        {name: SIDES[name] for name in arguments.sides},
        SETTINGS | {"records": str(videos.make(arguments.data, videos=64))},
        arguments.repetitions,
        arguments.seconds,
    )
    harness.write(arguments.output, "pipeline.csv", rows)


if __name__ == "__main__":
    main()
