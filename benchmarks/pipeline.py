"""Clips per second of the training input pipeline, ours and the official one.

    .venv/bin/python benchmarks/pipeline.py

makes records of moving textures, sets up an environment with tf-models-official (both
once), and lets the pipelines draw batches from the same records on the same cores in
turn. See README.md beside this file.
"""

import argparse
import csv
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import videos

from r3d_rs.study import speed

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "official-requirements.txt"

#: What both sides are told; area (0.08, 1) and flips are fixed in their files.
SETTINGS = {"batch_size": 32, "frames": 16, "temporal_stride": 2, "size": 224}

#: Epochs after which the memory is looked at.
EPOCHS = (1, 2, 4, 8, 16, 32, 64)

OFFICIAL, OURS = "official", "r3d_rs"
#: The sides: name, and data type of the clips. Ratios are to the first.
SIDES = ((OFFICIAL, "float32"), (OURS, "float32"), (OFFICIAL, "bfloat16"))


class Worker:
    """A process that draws batches when told to, and does nothing in between.

    It is stopped by a signal right after each answer, so that none of its threads runs
    while the other side is measured, nor fills buffers that would count as a start.
    """

    def __init__(self, python: Path, script: str, settings: dict):
        """Start the process, and wait for its first batch."""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        self._process = subprocess.Popen(
            [python, HERE / script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": ""},
        )
        self.about = self.ask(**settings)

    def ask(self, **request) -> dict:
        """Wake the process, send it a request, and stop it again once it answers."""
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        reply = self._process.stdout.readline()
        if not reply:
            self._errors.seek(0)
            raise RuntimeError(
                f"{self._process.args[1]}: {self._errors.read()[-2000:]}"
            )
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(reply)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()


def official_python(data: Path) -> Path:
    """Return the Python of the official side's environment, set up if need be."""
    folder = data / "official-environment"
    ready, wanted = folder / "installed.txt", REQUIREMENTS.read_text()
    python = folder / "bin" / "python"
    if not ready.exists() or ready.read_text() != wanted:
        print(f"Installing {REQUIREMENTS.name} into {folder}", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--no-deps", "-r", REQUIREMENTS]
        subprocess.run([python, *install], check=True)
        ready.write_text(wanted)
    return python


def start(side: tuple, records: Path, data: Path) -> Worker:
    """Start the worker of a side."""
    name, dtype = side
    settings = SETTINGS | {"records": str(records), "dtype": dtype}
    if name == OFFICIAL:
        return Worker(official_python(data), "official_side.py", settings)
    return Worker(Path(sys.executable), "our_side.py", settings)


def measure(sides: dict[tuple, Worker], repetitions: int, seconds: float) -> list[dict]:
    """Let the sides draw in turn, every second time in reversed order."""
    rows = []
    for worker in sides.values():
        worker.ask(seconds=seconds)
    for repetition in range(repetitions):
        order = list(sides)[:: -1 if repetition % 2 else 1]
        drawn = {side: sides[side].ask(seconds=seconds) for side in order}
        rates = {side: one["clips"] / one["seconds"] for side, one in drawn.items()}
        for side in sides:
            name, dtype = side
            rows.append(
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
    return rows


def memory(worker: Worker, videos_an_epoch: int) -> list[dict]:
    """Return the resident memory of a worker that has just started, by epoch."""
    rows, drawn = [], 1
    for epochs in EPOCHS:
        batches = epochs * (videos_an_epoch // SETTINGS["batch_size"])
        # A request draws one more than it counts.
        reply = worker.ask(batches=batches - drawn - 1)
        drawn = batches
        rows.append({"epochs": epochs, "resident_mb": round(reply["rss"] / 2**20)})
    return rows


def describe(side: tuple) -> str:
    """Return a side's name for people."""
    return " ".join(side)


def processor() -> str:
    """Return the processor's model (Linux), or what the platform calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return names[0] if names else platform.processor()


def write(path: Path, rows: list[dict]) -> None:
    """Write rows as CSV, in one piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    temporary.replace(path)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cache = Path("~", ".cache", "r3d_rs", "benchmarks").expanduser()
    results = HERE.parent / "results"
    parser.add_argument(
        "--data", type=Path, default=cache, help="for what is made once"
    )
    parser.add_argument(
        "--output", type=Path, default=results, help="folder of the results"
    )
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="a repetition a side"
    )
    arguments = parser.parse_args()

    data = arguments.data.expanduser().absolute()
    made = videos.Videos()
    records = videos.make(made, data)
    frame_bytes = videos.mean_frame_bytes(records, made)
    print(f"A frame takes {frame_bytes / 1000:.1f} kB.")
    machine = {
        "batch_size": SETTINGS["batch_size"],
        "frame_kb": round(frame_bytes / 1000, 1),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "date": datetime.date.today().isoformat(),
    }
    workers = {}
    try:
        for side in SIDES:
            workers[side] = start(side, records, data)
        rows = measure(workers, arguments.repetitions, arguments.seconds)
        for row in rows:
            side = (row["side"], row["dtype"])
            about = workers[side].about
            row |= {key: about[key] for key in ("package", "tensorflow")} | machine
    finally:
        for worker in workers.values():
            worker.close()
    write(arguments.output / "benchmarks" / "pipeline.csv", rows)
    print(f"\n{speed.pipeline_table(arguments.output).to_string()}")

    worker = start(SIDES[1], records, data)
    try:
        rows = [row | machine for row in memory(worker, made.videos)]
    finally:
        worker.close()
    write(arguments.output / "benchmarks" / "pipeline-memory.csv", rows)
    print(f"\n{speed.memory_table(arguments.output).to_string()}")


if __name__ == "__main__":
    main()
