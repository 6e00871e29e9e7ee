"""Check that the published tables, figures and runs match the records."""

import tempfile
from pathlib import Path

from r3d_rs.experiments import published
from r3d_rs.report import counted, figures, tables

MADE = ("tables", "figures")


def make(results: Path) -> list[Path]:
    """Write all tables and figures of a folder of records, and return the files.

    Raises:
        FileNotFoundError, ValueError: as in `tables.build`.
    """
    made = [*tables.build(results), *figures.build(results)]
    return made + counted.build(results)


def files(results: Path) -> list[Path]:
    """Return the files that are missing or do not match the records.

    Tables and figures are made again in a temporary folder and compared. PNG files are
    not compared, but the SVG files beside them are.

    Raises:
        FileNotFoundError, ValueError: as in `make`.
    """
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        for path in results.resolve().iterdir():
            if path.name not in MADE:
                (fresh / path.name).symlink_to(path)
        other = published.FILE.read_text(encoding="utf-8") != published.text(fresh)
        return [published.FILE] * other + [
            results / path.relative_to(fresh)
            for path in make(fresh)
            if path.suffix != ".png"
            and not _same(path, results / path.relative_to(fresh))
        ]


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.read_bytes() == other.read_bytes()
