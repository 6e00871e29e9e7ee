"""What the fault suite has tried, and what was lost, as tables of the book.

The long version of `tests/faults` writes `<results>/faults/<part>.csv`.
"""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.experiments.record import NOT_RUN

#: Parts of the suite, by the name of their file, with their titles.
PARTS = {
    "killed": "killed",
    "shortage": "short of something",
    "corruption": "one byte changed",
    "hostile": "hostile input",
    "together": "at the same time",
    "hosts": "several hosts",
    "fuzz": "bytes chosen by coverage",
}


def path(results: Path, part: str) -> Path:
    """Return the file of a part of the suite."""
    return Path(results) / "faults" / f"{part}.csv"


def source(part: str) -> str:
    """Return the name of a part's file in `tests/faults`."""
    return "fuzz.py" if part == "fuzz" else f"test_{part}.py"


def table(results: Path) -> pd.DataFrame:
    """Return each fault with the times it was tried, survived and lost.

    A part that has not been run in its long version has one line that says so.
    """
    rows = []
    for part, title in PARTS.items():
        file = path(results, part)
        if not file.exists():
            tests = f"tests/faults/{source(part)}"
            rows.append({"": title, "fault": NOT_RUN, "test": tests})
            continue
        for row in pd.read_csv(file, dtype=str).to_dict("records"):
            rows.append({"": title, **row})
    columns = ["", "fault", "tried", "survived", "lost", "test"]
    return pd.DataFrame(rows, columns=columns).fillna("-").set_index("")


def memory(results: Path) -> pd.DataFrame:
    """Return the growth of memory and of open files, by what ran.

    Args:
        results: folder of the records.

    Returns:
        A row for the pipeline and for training: minutes, steps, resident memory at the
        begin and at the end (MB), its slope (MB an hour, with its standard error), and
        the least and most files that were open.
    """
    file = Path(results) / "faults" / "memory.csv"
    if not file.exists():
        return pd.DataFrame({"": {"memory over ten minutes": NOT_RUN}})
    rows = {}
    for name, own in pd.read_csv(file).groupby("what", sort=False):
        rows[name] = {
            "minutes": f"{own['seconds'].iloc[-1] / 60:.1f}",
            "steps": f"{own['steps'].iloc[-1]:,}",
            "resident at first, MB": f"{own['resident_mb'].iloc[0]:.0f}",
            "at last": f"{own['resident_mb'].iloc[-1]:.0f}",
            "slope, MB an hour": "{:+.1f} ± {:.1f}".format(*slope(own)),
            "open files": f"{own['open_files'].min()} to {own['open_files'].max()}",
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def slope(measured: pd.DataFrame) -> tuple[float, float]:
    """Return the slope of the resident memory in MB an hour, and its standard error.

    Args:
        measured: with the columns `seconds` and `resident_mb`.
    """
    hours, memory = measured["seconds"] / 3600, measured["resident_mb"]
    [[spread, common], [_, total]] = np.cov(hours, memory)
    slope = common / spread
    unexplained = max(0.0, total / spread - slope**2)
    return float(slope), math.sqrt(unexplained / (len(measured) - 2))


def versions(results: Path) -> pd.DataFrame:
    """Return how the tests went with the oldest and the newest dependencies."""
    file = Path(results) / "faults" / "versions.csv"
    if not file.exists():
        return pd.DataFrame({"passed": {"oldest and newest": NOT_RUN}})
    rows = pd.read_csv(file, dtype=str).drop(columns="commit")
    return rows.set_index("versions").rename_axis(None)


def licences(results: Path) -> pd.DataFrame:
    """Return the licences of the direct dependencies."""
    file = Path(results) / "faults" / "licences.csv"
    if not file.exists():
        return pd.DataFrame({"licence": {"all": NOT_RUN}})
    return pd.read_csv(file, dtype=str).set_index("package").rename_axis(None)
