"""Rows of the benchmarks' tables, and the machine that they were measured on."""

import argparse
import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from r3d_rs.experiments import provenance
from r3d_rs.files import whole_file
from r3d_rs.report import repetitions

#: Of a person's own measurements; the study publishes by `--output results`.
RUNS = Path(__file__).parent.parent / "runs"


def machine() -> dict:
    """Return processor, cores that may be used, and date."""
    return {
        "processor": provenance.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "date": datetime.date.today().isoformat(),
    }


def compared(measured: Mapping[str, Sequence[float]]) -> dict[str, dict]:
    """Summarize what was measured of the sides, each beside the first.

    Args:
        measured: by side, one number a repetition.

    Returns:
        By side: the columns of `repetitions.summary`, and the first's name.
    """
    first = next(iter(measured))
    return {
        side: repetitions.summary(values, measured[first]) | {"reference": first}
        for side, values in measured.items()
    }


def write(folder: Path, name: str, rows: Sequence[dict]) -> Path:
    """Write rows as `<folder>/benchmarks/<name>`, in one piece."""
    path = Path(folder) / "benchmarks" / name
    with whole_file(path) as part:
        pd.DataFrame(rows).to_csv(
            part, index=False, float_format="%.6g", lineterminator="\n"
        )
    return path


def options(
    description: str, repetitions: int, seconds: float | None = None
) -> argparse.ArgumentParser:
    """Return a parser with what the benchmarks have in common.

    Args:
        description: of the benchmark.
        repetitions: by default.
        seconds: of a side's turn by default; None where turns have no such length.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output", type=Path, default=RUNS, help="folder of the tables (runs)"
    )
    parser.add_argument("--repetitions", type=int, default=repetitions)
    if seconds:
        parser.add_argument(
            "--seconds", type=float, default=seconds, help="of a side's turn"
        )
    return parser


def add_choice(parser, name: str, allowed: Sequence[str]) -> None:
    """Add an option that takes some of the allowed names, by default all."""
    parser.add_argument(
        f"--{name}",
        nargs="+",
        choices=list(allowed),
        default=list(allowed),
        metavar="NAME",
        help=f"of {', '.join(allowed)}",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add the option that says what `use_threads` takes."""
    parser.add_argument("--threads", type=int, default=0, help="cores, 0 for all")


def use_threads(threads: int) -> None:
    """Let this process and those it starts run on so many cores alone; 0 for all.

    Raises:
        ValueError: naming the number and the cores there are.
    """
    cores = sorted(os.sched_getaffinity(0))
    if not 0 <= threads <= len(cores):
        raise ValueError(
            f"threads is {threads}; allowed is 0 for all cores, to {len(cores)}"
        )
    if threads:
        os.sched_setaffinity(0, cores[:threads])
