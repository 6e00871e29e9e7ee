"""What the work on speed aimed at, beside what the benchmarks measured."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import speed

TRAINING = "RS-50, 16×112², batch 4, training"
INFERENCE = "RS-50, 16×112², batch 4, inference"
LARGER = "RS-50, 16×224², batch 1, inference"
PANTOMIME = "Pantomime's RS-50, batch 32, training"

OURS, JAX, OFFICIAL = "ours, TensorFlow", "ours, JAX", "official"
PLAIN = "3-D form, TensorFlow"
PYTORCH = ("PyTorch", "PyTorch, channels last")

#: Parts of a run until its first step is done, in run.csv.
START = ("Python and imports", "data", "building", "first step")


@dataclasses.dataclass(frozen=True)
class Goal:
    """One goal.

    Args:
        what: is measured.
        table: of `results/benchmarks/` that says it.
        wanted: the number.
        found: from the table's rows to the number, and to what it could be at most if
            the network's arithmetic ran as fast as the best matrix multiplication; None
            where that says nothing.
        more: whether more than `wanted` is better.
    """

    what: str
    table: str
    wanted: float
    found: Callable[[pd.DataFrame], tuple[float, float | None]]
    more: bool = True


class _NotRunError(Exception):
    """There is no table, or no row in it of a case and side."""


def _of(rows: pd.DataFrame | None, case: str, side: str) -> pd.Series:
    if rows is None:
        raise _NotRunError
    own = rows[(rows["case"] == case) & (rows["side"] == side)]
    if own.empty:
        raise _NotRunError
    [row] = own.index
    return rows.loc[row]


def _times(case: str, side: str, *others: str) -> Callable:
    """Return how many times as fast a side is as the fastest of others."""

    def found(rows):
        best = max((_of(rows, case, other) for other in others), key=_median)
        return _median(_of(rows, case, side)) / _median(best), 1 / best["share"]

    return found


def _median(row: pd.Series) -> float:
    return row["median"]


def _share(case: str) -> Callable:
    return lambda rows: (_of(rows, case, OURS)["share"], None)


def _memory(*others: str) -> Callable:
    def found(rows):
        least = min(_of(rows, TRAINING, other)["peak_mb"] for other in others)
        return _of(rows, TRAINING, OURS)["peak_mb"] / least, None

    return found


def _since(case: str) -> Callable:
    def found(rows):
        before, now = (_median(_of(rows, case, side)) for side in ("before", "now"))
        faster = now / before if _of(rows, case, "now")["unit"] == "clips/s" else None
        return faster or before / now, None

    return found


def _start(prefix: str = "") -> Callable:
    def found(rows):
        parts = (_of(rows, prefix + part, "TensorFlow") for part in START)
        return sum(map(_median, parts)), None

    return found


GOALS = (
    Goal("training, times official", "step", 1.7, _times(TRAINING, OURS, OFFICIAL)),
    Goal("training, times PyTorch", "step", 1.2, _times(TRAINING, OURS, *PYTORCH)),
    *(
        goal
        for name, case in (("16×112²", INFERENCE), ("16×224²", LARGER))
        for goal in (
            Goal(
                f"inference at {name}, times official",
                "step",
                1.25,
                _times(case, OURS, OFFICIAL),
            ),
            Goal(
                f"inference at {name}, times PyTorch",
                "step",
                1.1,
                _times(case, OURS, *PYTORCH),
            ),
            Goal(
                f"inference at {name}, share of the best multiplication",
                "step",
                0.8,
                _share(case),
            ),
        )
    ),
    *(
        Goal(f"JAX, times TensorFlow: {name}", "step", 0.8, _times(case, JAX, OURS))
        for name, case in (
            ("training", TRAINING),
            ("inference at 16×112²", INFERENCE),
            ("inference at 16×224²", LARGER),
            ("training on Pantomime", PANTOMIME),
        )
    ),
    Goal(
        "training on Pantomime, times the 3-D form",
        "step",
        2.0,
        _times(PANTOMIME, OURS, PLAIN),
    ),
    Goal(
        "training on Pantomime, times that before",
        "since",
        2.0,
        _since("training step of RS-50 on Pantomime, TensorFlow"),
    ),
    Goal(
        "a short run on Pantomime, times as fast as before",
        "since",
        2.0,
        _since("python -m r3d_rs run scaling/RS-50, TensorFlow"),
    ),
    Goal("memory of training, times official", "step", 0.8, _memory(OFFICIAL), False),
    Goal("memory of training, times PyTorch", "step", 1.0, _memory(*PYTORCH), False),
    Goal("start of RS-50 to its first step, s", "run", 15, _start(), False),
    Goal("start of RS-200 to its first step, s", "run", 45, _start("RS-200: "), False),
    Goal(
        "python -m r3d_rs list, s",
        "run",
        1.0,
        lambda rows: (
            _median(_of(rows, "python -m r3d_rs list", "command line")),
            None,
        ),
        False,
    ),
)


def table(results: Path) -> pd.DataFrame:
    """Return the goals.

    Returns:
        A row a goal: the number aimed at, the one measured ("not run" where its table
        lacks it), whether it was reached, and for ratios of rates what it could be at
        most, if the network's arithmetic ran at the rate of the best matrix
        multiplication.
    """
    names = {goal.table for goal in GOALS}
    tables = {name: speed.read(results, f"{name}.csv") for name in names}
    rows = {}
    for goal in GOALS:
        try:
            number, most = goal.found(tables[goal.table])
        except _NotRunError:
            cells = (NOT_RUN, "", "")
        else:
            reached = number >= goal.wanted if goal.more else number <= goal.wanted
            cells = (
                f"{number:.3g}",
                "yes" if reached else "no",
                "" if most is None else f"{most:.3g}",
            )
        sign = "≥" if goal.more else "≤"
        rows[goal.what] = (f"{sign} {goal.wanted:g}", *cells)
    columns = ["goal", "measured", "reached", "at most by the arithmetic"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
