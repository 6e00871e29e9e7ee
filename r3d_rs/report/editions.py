"""Which records a table shows: of Pantomime's second edition, or still of its first.

The first edition's are in `<results>/first-edition`. A table shows them, marked as
superseded, until all runs that the plan has for it are there or the study has ended;
then it changes over as a whole. No verdict is made of them.
"""

from collections.abc import Iterable
from pathlib import Path

from r3d_rs.experiments import registry
from r3d_rs.operations import study

#: Folder of the first edition's records, beside those of the second.
FIRST = "first-edition"
#: How a table or a figure that shows them is marked.
SUPERSEDED = "first edition, superseded"


def root(results: str | Path, experiments: Iterable[tuple[str, str]]) -> Path:
    """Return the folder of the records that a table of experiments shows.

    Args:
        results: folder of the records.
        experiments: dataset and name of each that the table has.
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
    """Return how to mark what shows the records of a folder, "" for the second's."""
    return SUPERSEDED if root.name == FIRST else ""
