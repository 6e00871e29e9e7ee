"""Measure sides in turn on the same cores, each in its own process."""

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

#: Keeps a side on the CPU, unless its own variables override this.
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}

#: Number of bootstrap draws.
DRAWS = 10_000


@dataclasses.dataclass(frozen=True)
class Side:
    """One way to do the work, such as one library.

    Args:
        script: script in this folder, which calls `worker.serve`.
        python: returns the Python of its environment.
        settings: settings in addition to the case's.
        environment: environment variables of its process.
    """

    script: str | Path
    python: Callable[[], Path]
    settings: Mapping = dataclasses.field(default_factory=dict)
    environment: Mapping = dataclasses.field(default_factory=dict)


def ours(backend: str, **environment: str) -> Side:
    """Return a side that runs this checkout on a backend of Keras."""
    variables = {"PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend, **environment}
    return Side("ours.py", lambda: Path(sys.executable), environment=variables)


def official(**settings) -> Side:
    """Return a side that runs the official implementation."""

    def python():
        return environment("official", "--no-deps")  # its own requirements are far more

    return Side("model_garden.py", python, settings, {"KERAS_BACKEND": "tensorflow"})


def pytorch(**settings) -> Side:
    """Return a side that runs PyTorch, in this environment if it is installed here."""

    def python():
        here = importlib.util.find_spec("torch")
        return Path(sys.executable) if here else environment("torch")

    return Side("pytorch.py", python, settings)


def environment(name: str, *options: str) -> Path:
    """Return the Python of an environment, after installing it if necessary."""
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
    """Process of a side. A signal stops it whenever it is not its turn."""

    def __init__(self, side: Side, settings: Mapping):
        """Start the process, and wait until it has done the work once.

        Raises:
            RuntimeError: if the process ends; it has the end of its error stream.
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
        """Wake the process, send it a request, and stop it again after its answer.

        Raises:
            RuntimeError: if the process ends; it has the end of its error stream.
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
        with contextlib.suppress(BrokenPipeError):  # it never read a request
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
    """Measure the sides of a case in turn, reversing their order every second time.

    Args:
        case: name of the case.
        unit: unit of the rates, amounts per second.
        sides: sides by name. Ratios are relative to the first side.
        settings: settings of all sides.
        repetitions: number of turns of each side.
        seconds: approximate length of a turn. The work is done at least once.

    Returns:
        One row per side: `summary` of its rates, `reference`, memory, seconds from the
        start of building to the end of the first work, the last `value`, the side's
        own facts, processor, cores and date.

    Raises:
        RuntimeError: if counts differ or a value is not finite.
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
    """Check that the sides agree on their common counts, and return the counts.

    Raises:
        RuntimeError: if a count differs; it gives the count of each side.
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
    """Summarize one side's repetitions, relative to a reference side.

    Args:
        values: one number per repetition.
        reference: the reference side's numbers, from the same repetitions.

    Returns:
        `median`, `low` and `high` (quartiles), `ratio` of the medians, `ratio_low` and
        `ratio_high` (95 % bootstrap interval), and `repetitions`. The bootstrap draws
        both sides of a repetition together, because they share the machine's state.
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
    """Return the processor, the number of usable cores, and the date."""
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
    parser.add_argument("--seconds", type=float, default=seconds, help="of each turn")
    return parser


def _megabytes(count: int | None) -> int | None:
    return None if count is None else round(count / 2**20)
