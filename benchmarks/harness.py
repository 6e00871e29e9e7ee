"""Sides measured in turn on the same cores, each in a process of its own."""

import argparse
import contextlib
import dataclasses
import datetime
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.cores import usable_cores
from r3d_rs.experiments import provenance
from r3d_rs.files import whole_file

HERE = Path(__file__).parent
ROOT = HERE.parent

#: Keeps a side on the processor; a side's own variables have precedence.
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}

#: Draws of the bootstrap.
DRAWS = 10_000


@dataclasses.dataclass(frozen=True)
class Side:
    """One way to do the work.

    Args:
        script: in this folder; it calls `worker.serve`.
        python: returns the Python of its environment.
        settings: besides the case's.
        environment: variables of its process.
    """

    script: str | Path
    python: Callable[[], Path]
    settings: Mapping = dataclasses.field(default_factory=dict)
    environment: Mapping = dataclasses.field(default_factory=dict)


def ours(backend: str, **environment: str) -> Side:
    """Return a side of this checkout, on a backend of Keras."""
    variables = {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend, **environment}
    return Side("ours.py", lambda: Path(sys.executable), environment=variables)


def official(**settings) -> Side:
    """Return a side of the official implementation."""

    def python():
        return environment("official", "--no-deps")  # its own list asks for far more

    return Side("model_garden.py", python, settings, {"KERAS_BACKEND": "tensorflow"})


def pytorch(**settings) -> Side:
    """Return a side of PyTorch, in this environment where it is installed here."""

    def python():
        here = importlib.util.find_spec("torch")
        return Path(sys.executable) if here else environment("torch")

    return Side("pytorch.py", python, settings)


def environment(name: str, *options: str) -> Path:
    """Return the Python of an environment, which is made if need be."""
    requirements = HERE / f"{name}-requirements.txt"
    folder = ROOT / "build" / "environments" / name
    ready, wanted = folder / "installed.txt", requirements.read_text()
    python = folder / "bin" / "python"
    if not ready.exists() or ready.read_text() != wanted:
        print(f"Installing {requirements.name} into {folder}", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", *options, "-r", requirements]
        subprocess.run([python, *install], check=True)
        ready.write_text(wanted)
    return python


class Worker:
    """A side's process. It is stopped by a signal whenever it is not its turn."""

    def __init__(self, side: Side, settings: Mapping):
        """Start the process, and wait until it has done the work once.

        Raises:
            RuntimeError: with the end of its error stream, when the process ends.
        """
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        variables = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": ""}
        self._process = subprocess.Popen(
            [side.python(), HERE / side.script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | NO_GPU | variables | dict(side.environment),
        )
        try:
            self.about = self.ask({**settings, **side.settings})
        except BaseException:
            self.close()
            raise

    def ask(self, request) -> dict:
        """Wake the process, send it a request, and stop it again once it answers.

        Raises:
            RuntimeError: with the end of its error stream, when the process ends.
        """
        self._process.send_signal(signal.SIGCONT)
        reply = ""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            reply = self._process.stdout.readline()
        if not reply:
            status = self._process.wait()
            self._errors.seek(0)
            killed = " (out of memory?)" if status == -signal.SIGKILL else ""
            raise RuntimeError(
                f"{self._process.args[1]} ended with status {status}{killed}:"
                f" {self._errors.read()[-2000:]}"
            )
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(reply)

    def __enter__(self) -> "Worker":
        """Return the worker."""
        return self

    def __exit__(self, *_) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # a request that it never read
            self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()


def compare(
    case: str,
    unit: str,
    sides: Mapping[str, Side],
    settings: Mapping,
    repetitions: int,
    seconds: float,
) -> list[dict]:
    """Measure the sides of a case in turn, in reversed order every second time.

    Args:
        case: its name.
        unit: of the rates, amounts a second.
        sides: by name; ratios are to the first.
        settings: of all sides.
        repetitions: how often each side has its turn.
        seconds: of a turn, about; the work is done once at least.

    Returns:
        A row a side: `summary` of its rates, `reference`, memory, seconds from the
        beginning of building to the end of the first work, the last `value`, what the
        side says of itself, processor, cores and date.

    Raises:
        RuntimeError: when counts differ, or a value is not finite.
    """
    with contextlib.ExitStack() as stack:
        workers = {}
        for name, side in sides.items():
            print(f"{case}: starting {name}", flush=True)
            workers[name] = stack.enter_context(Worker(side, settings))
        abouts = {name: worker.about for name, worker in workers.items()}
        counts = agreed({name: about.pop("counts") for name, about in abouts.items()})
        amounts = {name: about.pop("amount") for name, about in abouts.items()}
        times = {
            name: max(1, round(seconds / worker.ask(1)["seconds"]))
            for name, worker in workers.items()
        }
        rates, last = {name: [] for name in workers}, {}
        for repetition in range(repetitions):
            for name in list(workers)[:: -1 if repetition % 2 else 1]:
                last[name] = reply = workers[name].ask(times[name])
                if not math.isfinite(reply["value"]):
                    raise RuntimeError(f"{name}: the value is {reply['value']}")
                rates[name].append(times[name] * amounts[name] / reply["seconds"])
    first = next(iter(sides))
    rows = []
    for name in sides:
        row = {
            "side": name,
            "case": case,
            "unit": unit,
            **summary(rates[name], rates[first]),
            "reference": first,
            "peak_mb": _megabytes(last[name]["peak"]),
            "device_peak_mb": _megabytes(last[name].get("device_peak")),
            "value": last[name]["value"],
            **counts,
            **abouts[name],
            **machine(),
        }
        print(f"{case}: {name}: {row['median']:.3g} {unit}", flush=True)
        rows.append(row)
    return rows


def agreed(counts: Mapping[str, Mapping[str, object]]) -> dict:
    """Return the counts by name, of which all sides that have one have the same.

    Raises:
        RuntimeError: naming a count, and each side's.
    """
    found = {}
    for name in dict.fromkeys(name for own in counts.values() for name in own):
        each = {side: own[name] for side, own in counts.items() if name in own}
        values = list(each.values())
        if any(value != values[0] for value in values):
            raise RuntimeError(f"{name} differ: {each}")
        found[name] = values[0]
    return found


def summary(values: Sequence[float], reference: Sequence[float]) -> dict[str, float]:
    """Summarize one side's repetitions beside those of another.

    Args:
        values: one number a repetition.
        reference: of the other side, in the same repetitions.

    Returns:
        `median`, `low` and `high` (quartiles); `ratio` of the medians, `ratio_low` and
        `ratio_high` (its 95 % bootstrap interval, which draws a repetition as a whole,
        as both sides saw the same machine); `repetitions`.
    """
    a, b = np.asarray(values, float), np.asarray(reference, float)
    low, median, high = np.percentile(a, [25, 50, 75])
    drawn = np.random.default_rng(0).integers(len(a), size=(DRAWS, len(a)))
    ratios = np.median(a[drawn], 1) / np.median(b[drawn], 1)
    below, above = np.percentile(ratios, [2.5, 97.5])
    return {
        "median": float(median),
        "low": float(low),
        "high": float(high),
        "ratio": float(median / np.median(b)),
        "ratio_low": float(below),
        "ratio_high": float(above),
        "repetitions": len(a),
    }


def machine() -> dict:
    """Return processor, cores that may be used, and date."""
    return {
        "processor": provenance.processor(),
        "cores": usable_cores(),
        "date": datetime.date.today().isoformat(),
    }


def write(folder: Path, name: str, rows: Sequence[dict]) -> None:
    """Write rows as `<folder>/benchmarks/<name>`."""
    path = folder / "benchmarks" / name
    with whole_file(path) as part:
        table = pd.DataFrame(rows)
        table.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    print(f"Written: {path}")


def options(
    description: str, sides: Mapping[str, Side], repetitions: int, seconds: float
) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark, and their defaults."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "runs", help="folder of results (runs)"
    )
    parser.add_argument(
        "--sides", nargs="+", choices=list(sides), default=list(sides), metavar="SIDE"
    )
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--seconds", type=float, default=seconds, help="of a turn")
    return parser


def _megabytes(count: int | None) -> int | None:
    return None if count is None else round(count / 2**20)
