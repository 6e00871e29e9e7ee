"""Where the replication stands: which parts of the paper have been run, and how."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from r3d_rs.study import experiments, record
from r3d_rs.study.registry import FIRST, SECOND


@dataclass(frozen=True)
class Item:
    """A part of the paper.

    Args:
        name: its number and subject in the paper.
        exact: what can be settled without training and has been, "" for nothing.
        study: of the records that replicate its accuracies; None if it has none.
        datasets: of these records, ours and the paper's.
    """

    name: str
    exact: str = ""
    study: str | None = None
    datasets: tuple[str, ...] = FIRST


ITEMS = (
    Item("Table 1: architecture", exact="generated from the model"),
    Item("Figures 1 and 2, Table 3: scaling", "FLOPs and parameters", "scaling"),
    Item("Table 2: ablation", "FLOPs", "ablation"),
    Item("Table 4: Kinetics-600", "FLOPs and parameters", "scaling", SECOND),
    Item("Table 5: pre-training", study="fine-tuning", datasets=FIRST + SECOND),
    Item("Table 6: contrastive learning", study="contrastive"),
)


def table(results: Path) -> pd.DataFrame:
    """Count the runs behind each part of the paper.

    Args:
        results: folder of the records.

    Returns:
        One row for each of `ITEMS`; "not run" where accuracies could be and are not.
    """
    runs = [run["experiment"] for run in record.find(results)]
    rows = {
        item.name: {"exact": item.exact or "-"}
        | {
            scale: _runs(
                item,
                [
                    run
                    for run in runs
                    if run["dataset"] in item.datasets
                    and run["dataset"].startswith(scale)
                ],
            )
            for scale in ("pantomime", "kinetics")
        }
        for item in ITEMS
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _runs(item: Item, runs: list[dict]) -> str:
    """Say how many points of an item have been run, and how often."""
    if item.study is None:
        return "-"
    points = [run["point"] for run in runs if run["study"] == item.study]
    if not points:
        return "not run"
    whole = item.study == "scaling" and item.datasets == FIRST
    of = f" of {len(experiments.SCALING)}" if whole else ""
    number = len(set(points))
    return f"{number}{of} point{'s' * (number > 1)}, {len(points)} runs"
