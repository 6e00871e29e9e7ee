"""The parts of the paper: the number and the hours of the runs behind each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from r3d_rs import paper
from r3d_rs.data.names import DATASETS
from r3d_rs.experiments import provenance, record, registry
from r3d_rs.experiments.registry import FIRST, SECOND
from r3d_rs.recipes import points


@dataclass(frozen=True)
class Item:
    """A part of the paper.

    Args:
        name: number and subject in the paper.
        exact: what is reproduced without training; "" if nothing is.
        study: study that replicates its accuracies; None if it has no accuracies.
        datasets: datasets of that study, ours and the paper's.
        also: further studies and experiments that it needs, on any dataset.
        points: its points; empty if all points of the study belong to it.
    """

    name: str
    exact: str = ""
    study: str | None = None
    datasets: tuple[str, ...] = FIRST
    also: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


ITEMS = (
    Item("Table 1: architecture", exact="generated from the model"),
    Item("Figures 1 and 2, Table 3: scaling", "FLOPs and parameters", "scaling"),
    Item("Table 2: ablation", "FLOPs", "ablation"),
    Item(
        "Table 4: Kinetics-600",
        "FLOPs and parameters",
        "scaling",
        SECOND,
        points=tuple(paper.table(4)["point"].dropna()),
    ),
    Item(
        "Table 5: pre-training",
        study="fine-tuning",
        datasets=FIRST + SECOND,
        also=("pre-training", "from-scratch", "scaling/RS-50"),
    ),
    Item(
        "Table 6: contrastive learning",
        study="contrastive",
        also=("linear-evaluation",),
    ),
)


def table(results: Path) -> pd.DataFrame:
    """Count the runs behind each part of the paper.

    Args:
        results: folder of the records.

    Returns:
        One row for each of `ITEMS`, with "not run" if it has accuracies but no run.
    """
    runs = [run["experiment"] for run in record.find(results)]
    rows = {}
    for item in ITEMS:
        row = rows[item.name] = {"exact": item.exact or "-"}
        own = [run for run in runs if _is_of(run, item)]
        for name, scale in (("pantomime", "pantomime"), ("kinetics", "paper")):
            some = [run for run in own if DATASETS[run["dataset"]].scale == scale]
            row[name] = _runs(item, some)
    return pd.DataFrame.from_dict(rows, orient="index")


def _runs(item: Item, runs: list[dict]) -> str:
    """Describe how many points of an item have been run, in how many runs."""
    if item.study is None:
        return "-"
    if not runs:
        return record.NOT_RUN
    whole = item.study == "scaling" and item.datasets == FIRST
    of = f" of {len(points.scaling())}" if whole else ""
    names = [record.name(run) for run in runs]
    number = len({registry.SAME.get(name, name) for name in names})
    plurals = ["s" * (count > 1) for count in (number, len(runs))]
    return f"{number}{of} point{plurals[0]}, {len(runs)} run{plurals[1]}"


def _is_of(run: dict, item: Item) -> bool:
    """Return whether a run's accuracy belongs to an item."""
    name = record.name(run)
    studies = {own.split("/")[0] for own in (name, *registry.aliases(name))}
    return (
        item.study in studies
        and run["dataset"] in item.datasets
        and (not item.points or run["point"] in item.points)
    )


def _is_needed(run: dict, item: Item) -> bool:
    """Return whether a run belongs to an item, or is needed for it."""
    names = (run["study"], record.name(run))
    return _is_of(run, item) or any(name in item.also for name in names)


def hours(results: Path) -> pd.DataFrame:
    """Add up the hours of the runs behind each part of the paper, by device.

    Args:
        results: folder of the records.

    Returns:
        One row per device for each of `ITEMS` with accuracies, and for all runs. A run
        that serves two parts counts in both, but only once in all runs. "not run" marks
        a part without records.
    """
    runs = record.find(results)
    parts = {
        item.name: [run for run in runs if _is_needed(run["experiment"], item)]
        for item in ITEMS
        if item.study
    }
    rows = []
    for name, own in {**parts, "all runs": runs}.items():
        times = {}
        for run in own:
            seconds = run["wall_seconds"]["total"]
            times.setdefault(run["device"], []).append(seconds / 3600)
        rows += [
            {"": name, "device": device, "runs": len(some), "hours": f"{sum(some):.1f}"}
            for device, some in times.items()
        ] or [{"": name, "device": "-", "runs": 0, "hours": record.NOT_RUN}]
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def on_accelerators(results: Path) -> pd.DataFrame:
    """Compare runs on accelerators with runs of the same point on processors alone.

    Args:
        results: folder of the records.

    Returns:
        One row per point and accelerator, with the top-1 of both kinds of runs in per
        cent, seed by seed. "not run" marks missing runs.
    """
    points = {}
    for run in record.find(results):
        place, there = run["experiment"], provenance.accelerators(run["device"])
        own = points.setdefault((record.name(place), place["dataset"]), {})
        own.setdefault(there, []).append(run)
    rows = [
        {
            "": name,
            "dataset": dataset,
            "device": device,
            "top-1 there (%)": _seed_by_seed(runs),
            "on processors alone (%)": _seed_by_seed(own.get("", [])),
        }
        for (name, dataset), own in points.items()
        for device, runs in own.items()
        if device
    ]
    rows = rows or [{"": "any run on an accelerator", "device": record.NOT_RUN}]
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def _seed_by_seed(runs: Sequence[dict]) -> str:
    texts = [
        f"{100 * run['metrics']['video_top1']:.1f}"
        f" (seed {run['experiment']['seed']}, {run['backend']})"
        for run in runs
    ]
    return ", ".join(texts) or record.NOT_RUN
