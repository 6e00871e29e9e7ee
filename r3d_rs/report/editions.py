"""Choice of the records that a table shows: Pantomime's first or second edition.

The first edition's records are in `<results>/first-edition`. A table shows them, marked
as superseded, until all its planned runs exist or the study has ended. Then the whole
table changes to the second edition. Verdicts use the second edition only.
"""

from collections.abc import Iterable
from pathlib import Path

from r3d_rs.experiments import registry
from r3d_rs.operations import study

#: Folder of the first edition's records, beside the second edition's records.
FIRST = "first-edition"
#: Mark of a table or figure that shows the first edition.
SUPERSEDED = "first edition, superseded"


def root(results: str | Path, experiments: Iterable[tuple[str, str]]) -> Path:
    """Return the folder of the records that a table of experiments shows.

    Args:
        results: folder of the records.
        experiments: dataset and name of each experiment in the table.
    """
    results = Path(results)
    first = results / FIRST
    if not first.is_dir() or study.ended(results):
        return results
    planned = study.read().seeds
    there = all(
        len(registry.records(results, dataset, name))
        >= planned.get((dataset, registry.SAME.get(name, name)), 0)
        for dataset, name in set(experiments)
    )
    return results if there else first


def title(root: Path) -> str:
    """Return the mark of a folder of records; "" for the second edition."""
    return SUPERSEDED if root.name == FIRST else ""
