"""Table columns: their cells in the CSV file and their text in the book."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from r3d_rs.evaluation import interval
from r3d_rs.experiments import record, registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import comparison, editions

#: Function that returns the dataset and name of a row's experiment, or None.
Run = Callable[[dict], tuple[str, str] | None]


@dataclass(frozen=True)
class Column:
    """A column that the table's rows already have.

    Args:
        key: name in the CSV file.
        title: title in the book; empty for a column of the file only.
        digits: decimals in the book; None leaves a number as in the file.
        run: returns the experiment that a cell links to; None for no links.
    """

    key: str
    title: str = ""
    digits: int | None = None
    run: Run | None = None

    def cells(self, results: Path, rows: pd.DataFrame) -> dict:
        """Return the columns of the CSV file."""
        return {self.key: rows[self.key]}

    def text(self, row: dict[str, str]) -> str:
        """Return the book's text for a row of the CSV file."""
        value = row[self.key]
        if self.digits is None or not value:
            return value
        return f"{float(value):.{self.digits}f}"


@dataclass(frozen=True)
class Accuracy(Column):
    """Video top-1 of our runs, with its 95 % interval, as five columns.

    In the file `<key>_top1` is the mean over seeds, or "not run". `<key>_low` and
    `<key>_high` are the ends of the interval. `<key>_seeds` is the number of seeds.
    `<key>_interval` is "t over seeds" or, for a single seed, "Wilson over videos".
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
        # As text: in a column with empty cells, pandas would write the number as 3.0.
        cells = (*numbers, str(summary.seeds), summary.interval)
        return dict(zip(self.NAMES, cells, strict=True))

    def text(self, row: dict[str, str]) -> str:
        """Return mean, interval and seeds; "not run" or "" if there are no runs."""
        top1, low, high, seeds, _ = (row[f"{self.key}_{name}"] for name in self.NAMES)
        if not seeds:
            return top1
        return interval.described(float(top1), float(low), float(high), seeds)


@dataclass(frozen=True)
class Delta(Column):
    """Gain over the nearest row above that has an experiment; interval unadjusted."""

    def cells(self, results: Path, rows: pd.DataFrame) -> dict:
        """Compare each row's records with the records of the row above."""
        ends, above = [], None
        for own in map(self.run, _filled(rows)):
            ends.append(own and above and (above, own))
            above = own or above
        return {self.key: _gains(results, ends)}


@dataclass(frozen=True)
class Gain(Column):
    """Gain between two experiments of the same row, with an unadjusted interval.

    `before` returns the baseline experiment, `run` the other one.
    """

    before: Run | None = None

    def cells(self, results: Path, rows: pd.DataFrame) -> dict:
        """Compare the records of each row's two experiments."""
        ends = [(self.before(row), self.run(row)) for row in _filled(rows)]
        return {self.key: _gains(results, ends)}


@dataclass(frozen=True)
class Table:
    """One table.

    Args:
        caption: caption in the book.
        names: column with the names of the rows.
        rows: returns the rows, with all columns that need none of our runs.
        columns: columns in the order of the CSV file; the file adds `edition`.
    """

    caption: str
    names: str
    rows: Callable[[Path], pd.DataFrame]
    columns: tuple[Column, ...]

    def build(self, results: Path) -> pd.DataFrame:
        """Return the content of the CSV file; `edition` names the edition it shows."""
        rows, cells = self.rows(results), {}
        named = [column.run for column in self.columns if column.run]
        found = [run(row) for run in named for row in _filled(rows)]
        root = editions.root(results, filter(None, found))
        for column in self.columns:
            cells |= column.cells(root, rows)
        return pd.DataFrame(cells).assign(edition=editions.title(root))


def _gains(results: Path, ends: list[tuple | None]) -> list[str]:
    """Describe each row's unadjusted gain; "" for a row without two experiments."""
    pairs = {both: comparison.Pair(*both[0], both[1][1]) for both in filter(None, ends)}
    found = comparison.gains(results, list(pairs.values()), adjust=False)
    texts = dict(zip(pairs, map(comparison.text, found), strict=True))
    return [texts.get(both, "") for both in ends]


def _filled(rows: pd.DataFrame) -> list[dict]:
    return rows.astype(object).where(rows.notna(), "").to_dict("records")
