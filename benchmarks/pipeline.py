"""Clips per second of the training input pipeline, ours and the official one.

    .venv/bin/python benchmarks/pipeline.py

makes records of moving textures, sets up an environment with tf-models-official (both
once), and lets the pipelines draw batches from the same records on the same cores in
turn. See README.md beside this file.
"""

import contextlib
from pathlib import Path

import environments
import rows
import videos
from turns import Worker, in_turn

from r3d_rs.report import speed

#: What both sides are told; area (0.08, 1) and flips are fixed in their files.
SETTINGS = {"batch_size": 32, "frames": 16, "temporal_stride": 2, "size": 224}

#: Epochs after which the memory is looked at.
EPOCHS = (1, 2, 4, 8, 16, 32, 64)

OFFICIAL, OURS = "official", "r3d_rs"
#: The sides: name, and data type of the clips. Ratios are to the first.
SIDES = ((OFFICIAL, "float32"), (OURS, "float32"), (OFFICIAL, "bfloat16"))


def start(side: tuple, records: Path) -> Worker:
    """Start the worker of a side."""
    name, dtype = side
    settings = SETTINGS | {"records": str(records), "dtype": dtype}
    if name == OFFICIAL:
        return Worker(environments.official(), "pipeline_official.py", settings)
    return Worker(
        environments.OURS, "pipeline_ours.py", settings, environments.CHECKOUT
    )


def measure(sides: dict[tuple, Worker], repetitions: int, seconds: float) -> list[dict]:
    """Let the sides draw in turn, every second time in reversed order."""
    found = []
    for worker in sides.values():
        worker.ask(seconds=seconds)
    requests = {side: {"seconds": seconds} for side in sides}
    for repetition, drawn in enumerate(in_turn(sides, requests, repetitions)):
        rates = {side: one["clips"] / one["seconds"] for side, one in drawn.items()}
        for side in sides:
            name, dtype = side
            found.append(
                {
                    "side": name,
                    "dtype": dtype,
                    "repetition": repetition,
                    "clips": drawn[side]["clips"],
                    "seconds": round(drawn[side]["seconds"], 4),
                    "cpu_seconds": round(drawn[side]["cpu_seconds"], 4),
                    "clips_per_second": round(rates[side], 2),
                    "ratio": round(rates[side] / rates[SIDES[0]], 4),
                }
            )
        rate = ", ".join(f"{describe(side)} {rates[side]:.1f}" for side in sides)
        print(f"{repetition + 1} of {repetitions}: clips/s {rate}", flush=True)
    return found


def memory(worker: Worker, videos_an_epoch: int) -> list[dict]:
    """Return the resident memory of a worker that has just started, by epoch."""
    found, drawn = [], 1
    for epochs in EPOCHS:
        batches = epochs * (videos_an_epoch // SETTINGS["batch_size"])
        # A request draws one more than it counts.
        reply = worker.ask(batches=batches - drawn - 1)
        drawn = batches
        found.append({"epochs": epochs, "resident_mb": round(reply["rss"] / 2**20)})
    return found


def describe(side: tuple) -> str:
    """Return a side's name for people."""
    return " ".join(side)


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=15, seconds=8.0)
    videos.add_folder(parser)
    arguments = parser.parse_args()

    made = videos.Videos()
    records = videos.make(made, arguments.data)
    frame_bytes = videos.mean_frame_bytes(records, made)
    print(f"A frame takes {frame_bytes / 1000:.1f} kB.")
    machine = {
        "batch_size": SETTINGS["batch_size"],
        "frame_kb": round(frame_bytes / 1000, 1),
        **rows.machine(),
    }
    with contextlib.ExitStack() as stack:
        workers = {side: stack.enter_context(start(side, records)) for side in SIDES}
        measured = measure(workers, arguments.repetitions, arguments.seconds)
        for row in measured:
            side = (row["side"], row["dtype"])
            about = workers[side].about
            row |= {key: about[key] for key in ("package", "tensorflow")} | machine
    rows.write(arguments.output, "pipeline.csv", measured)
    print(f"\n{speed.pipeline_table(arguments.output).to_string()}")

    with start(SIDES[1], records) as worker:
        measured = [row | machine for row in memory(worker, made.videos)]
    rows.write(arguments.output, "pipeline-memory.csv", measured)
    print(f"\n{speed.memory_table(arguments.output).to_string()}")


if __name__ == "__main__":
    main()
