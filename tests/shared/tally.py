"""How often a fault was tried, and how often what is promised held.

In the long version, `R3D_RS_FAULTS=long`, each test writes its line of
`runs/faults/<part>.csv`. With `R3D_RS_FAULTS_RESULTS=results` they are the published
ones, which the book shows.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.experiments import provenance
from r3d_rs.files import whole_file
from r3d_rs.report import faults

LONG = os.environ.get("R3D_RS_FAULTS", "") == "long"
SEED = int(os.environ.get("R3D_RS_FAULTS_SEED", "0"))
RESULTS = Path(__file__).parents[2] / os.environ.get("R3D_RS_FAULTS_RESULTS", "runs")


def times(short: int, long: int) -> int:
    """Return how often to try."""
    return long if LONG else short


def random(name: str) -> np.random.Generator:
    """Return a generator for a test, the same for the same `R3D_RS_FAULTS_SEED`."""
    return np.random.default_rng([SEED, *name.encode()])


@dataclass
class Tally:
    """Counts of one fault.

    Attributes:
        survived: times that what is promised held.
        lost: what happened the other times.
    """

    survived: int = 0
    lost: list[str] = field(default_factory=list)

    def count(self, held: bool, otherwise: str) -> None:
        """Count one time; `otherwise` says what happened if it did not hold."""
        if held:
            self.survived += 1
        else:
            self.lost.append(otherwise)


@contextlib.contextmanager
def tallied(part: str, fault: str, test: str) -> Iterator[Tally]:
    """Count how often a fault is survived, and fail if it once is not.

    Args:
        part: of the suite, the name of its file of results.
        fault: what is done, for the table.
        test: name of the test.
    """
    tally = Tally()
    yield tally
    assert tally.survived + len(tally.lost), "nothing was tried"
    if LONG:
        write(part, fault, test, tally)
    assert not tally.lost, "\n".join(tally.lost[:20])


def write(part: str, fault: str, test: str, tally: Tally) -> None:
    """Write a fault's line, in the place of an older one."""
    path = faults.path(RESULTS, part)
    line = {
        "fault": fault,
        "tried": tally.survived + len(tally.lost),
        "survived": tally.survived,
        "lost": len(tally.lost),
        "test": test,
        "seed": SEED,
        "commit": commit(),
    }
    replace(path, pd.DataFrame([line]), "fault")


def commit() -> str:
    """Return the commit of the code, short, with "+changes" where files differ."""
    name, changes, _ = provenance.commit().partition("+")
    return name[:10] + ("+changes" if changes else "")


def replace(path: Path, rows: pd.DataFrame, *columns: str) -> None:
    """Write rows of a table, in the place of older ones with the same in columns."""
    names = list(columns)
    if path.exists():
        old = pd.read_csv(path)
        again = old.set_index(names).index.isin(rows.set_index(names).index)
        kept = old[~again]
        rows = pd.concat([kept, rows]) if len(kept) else rows
    with whole_file(path) as part:
        rows.sort_values(names, kind="stable").to_csv(
            part, index=False, lineterminator="\n"
        )
