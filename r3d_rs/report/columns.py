"""What a column of a table is: its cells in the CSV file, and its text in the book."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from r3d_rs.evaluation import interval
from r3d_rs.experiments import record, registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import comparison, editions

#: The dataset and the name of a row's experiment; None where a row has none of ours.
Run = Callable[[dict], tuple[str, str] | None]


@dataclass(frozen=True)
class Column:
    """A column that a table's rows have already.

    Args:
        key: name in the CSV file.
        title: in the book; empty for a column of the file alone.
        digits: decimals in the book; None leaves a number as it is in the file.
        run: the experiment that a cell leads to, None without links.
    """

    key: str
    title: str = ""
    digits: int | None = None
    run: Run | None = None

    def cells(self, results: Path, rows: pd.DataFrame) -> dict:
        """Return the columns of the CSV file."""
        return {self.key: rows[self.key]}

    def text(self, row: dict[str, str]) -> str:
        """Return the book's cell for a row of the CSV file."""
        value = row[self.key]
        if self.digits is None or not value:
            return value
        return f"{float(value):.{self.digits}f}"


@dataclass(frozen=True)
class Accuracy(Column):
    """Video top-1 of our runs: a mean with its 95 % interval, as five columns.

    In the file `<key>_top1` is the mean over seeds or "not run", `_low` and `_high` are
    the ends of the interval, `_seeds` their number and `_interval` its kind ("t over
    seeds" or, for a single seed, "Wilson over videos").
    """

    NAMES = ("top1", "low", "high", "seeds", "interval")

    def cells(self, results: Path, rows: pd.DataFrame) -> dict:
        """Average the records of each row."""
        cells = [self._measured(results, self.run(row)) for row in _filled(rows)]
        return {
            f"{self.key}_{name}": [cell.get(name) for cell in cells]
            for name in self.NAMES
        }

    def _measured(self, results: Path, run: tuple[str, str] | None) -> dict:
        if run is None:
            return {}
        summary = record.summarize(registry.records(results, *run))
        if summary is None:
            return {"top1": NOT_RUN}
        shares = (summary.mean, summary.low, summary.high)
        numbers = [round(100 * share, 2) for share in shares]
        # Text, because a column of numbers with empty cells would read 3.0.
        cells = (*numbers, str(summary.seeds), summary.interval)
        return dict(zip(self.NAMES, cells, strict=True))

    def text(self, row: dict[str, str]) -> str:
        """Return the mean with its interval and seeds, or what stands there."""
        top1, low, high, seeds, _ = (row[f"{self.key}_{name}"] for name in self.NAMES)
        if not seeds:
            return top1
        return interval.described(float(top1), float(low), float(high), seeds)


@dataclass(frozen=True)
class Delta(Column):
    """The gain of our runs over the row of ours above, with its interval by itself."""

    def cells(self, results: Path, rows: pd.DataFrame) -> dict:
        """Compare each row's records with those above."""
        ends, above = [], None
        for own in map(self.run, _filled(rows)):
            ends.append(own and above and (above, own))
            above = own or above
        return {self.key: _gains(results, ends)}


@dataclass(frozen=True)
class Gain(Column):
    """The gain of a row's runs over other runs of its own, with its interval by itself.

    `before` finds the others.
    """

    before: Run | None = None

    def cells(self, results: Path, rows: pd.DataFrame) -> dict:
        """Compare each row's records."""
        ends = [(self.before(row), self.run(row)) for row in _filled(rows)]
        return {self.key: _gains(results, ends)}


@dataclass(frozen=True)
class Table:
    """One table.

    Args:
        caption: in the book.
        names: the column that names the rows.
        rows: returns the rows with all columns that no run of ours is needed for.
        columns: in the order of the CSV file, which has `edition` after them.
    """

    caption: str
    names: str
    rows: Callable[[Path], pd.DataFrame]
    columns: tuple[Column, ...]

    def build(self, results: Path) -> pd.DataFrame:
        """Return what the CSV file holds; `edition` says which records it shows."""
        rows, cells = self.rows(results), {}
        named = [column.run for column in self.columns if column.run]
        found = [run(row) for run in named for row in _filled(rows)]
        root = editions.root(results, filter(None, found))
        for column in self.columns:
            cells |= column.cells(root, rows)
        return pd.DataFrame(cells).assign(edition=editions.title(root))


def _gains(results: Path, ends: list[tuple | None]) -> list[str]:
    """Describe the gain between each row's two runs by itself, "" where it has none."""
    pairs = {both: comparison.Pair(*both[0], both[1][1]) for both in filter(None, ends)}
    found = comparison.gains(results, list(pairs.values()), adjust=False)
    texts = dict(zip(pairs, map(comparison.text, found), strict=True))
    return [texts.get(both, "") for both in ends]


def _filled(rows: pd.DataFrame) -> list[dict]:
    return rows.astype(object).where(rows.notna(), "").to_dict("records")
