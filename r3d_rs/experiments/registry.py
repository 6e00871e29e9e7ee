"""Every experiment of the paper by name, what runs it, and its records."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from r3d_rs import paper
from r3d_rs.experiments import record
from r3d_rs.recipes import contrastive, points, scales, table2

#: The paper's datasets and ours that play their parts.
FIRST, SECOND = ("pantomime-20", "kinetics-400"), ("pantomime-30", "kinetics-600")
WEB = ("pantomime-web", "web-video-text")

#: Rows of Table 2 that are points of Figure 2 too: one recipe, so one run serves both.
SAME = {
    "ablation/baseline": "scaling/R3D-50",
    "ablation/RS-200@f48": "scaling/RS-200@f48",
}


@dataclass(frozen=True)
class Experiment:
    """One row of a table or one point of a figure.

    Args:
        study: kind of run, the folder of its records.
        point: name within the study.
        notebook: that runs it, without its ending.
        parameters: of the notebook, besides dataset and seed.
        datasets: that it is meant for, the small ones first.
        paper: top-1 by dataset, per cent, where the paper gives it.
        source: of these in the paper, "" where it gives none.
        parents: the dataset of the pre-training that it starts from, by its own.
    """

    study: str
    point: str
    notebook: str
    parameters: Mapping[str, str]
    datasets: tuple[str, ...]
    paper: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    parents: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Study and point, such as "scaling/RS-50"."""
        return f"{self.study}/{self.point}"

    def before(self, dataset: str) -> "tuple[Experiment, str] | None":
        """Return the pre-training that it starts from, and the dataset of that."""
        if not self.parents:
            return None
        return get(f"pre-training/{self.point}"), self.parents[dataset]

    def received(self, dataset: str, seed: int, folder: str | Path) -> dict:
        """Return the notebook's parameters for a run.

        Args:
            dataset: to run on.
            seed: of everything random.
            folder: of the runs' checkpoints, where a parent is.
        """
        values = {**self.parameters, "dataset": dataset, "seed": seed}
        if self.parents:
            own = (self.parents[dataset], "pre-training", self.point)
            values["parent"] = str(record.place(folder, *own, seed))
        return values


def _scaling() -> list[Experiment]:
    fourth = paper.table(4).dropna(subset="point").set_index("point")
    found = []
    for point in points.SCALING.values():
        numbers, sources, datasets = {}, [], FIRST
        if point.paper_top1 is not None:
            numbers["kinetics-400"] = point.paper_top1
            sources.append(point.source)
        if point.name in fourth.index:
            numbers["kinetics-600"] = float(fourth.loc[point.name, "top1"])
            sources.append(fourth.loc[point.name, "source"])
        if point.name in (*fourth.index, *points.TABLE_5):
            datasets = FIRST + SECOND
        found.append(
            Experiment(
                "scaling",
                point.name,
                "scaling",
                {"point": point.name},
                datasets,
                numbers,
                "; ".join(sources),
            )
        )
    return found


def _ablation() -> list[Experiment]:
    return [
        Experiment(
            "ablation",
            row.row,
            "ablation",
            {"row": row.row},
            FIRST,
            {"kinetics-400": row.top1},
            row.source,
        )
        for row in paper.table(2).itertuples()
    ]


def _pretraining() -> list[Experiment]:
    rows = paper.table(5).dropna(subset="point").set_index("dataset")
    papers = {name: f"{name[0].upper()}{name[1:]}" for name in (FIRST[1], SECOND[1])}
    found = []
    for point in points.TABLE_5:
        own = f"{point}+WVT" in rows["point"].to_list()
        numbers = {d: float(rows.loc[title, "top1"]) for d, title in papers.items()}
        tuned = FIRST + SECOND
        stages = {
            "pre-training": ("pre-train", WEB),
            "fine-tuning": ("fine-tune", tuned),
            "from-scratch": ("scratch", tuned),
        }
        for study, (stage, datasets) in stages.items():
            told = own and study == "fine-tuning"
            found.append(
                Experiment(
                    study,
                    point,
                    "pretraining",
                    {"stage": stage, "point": point},
                    datasets,
                    numbers if told else {},
                    "; ".join(rows["source"]) if told else "",
                    {d: WEB[d.startswith("kinetics")] for d in tuned}
                    if study == "fine-tuning"
                    else {},
                )
            )
    return found


def _contrastive() -> list[Experiment]:
    rows = paper.table(6).set_index("point")
    found = []
    for point in points.TABLE_6:
        told = point in rows.index
        found += [
            Experiment(
                "contrastive",
                point,
                "contrastive",
                {"point": point},
                FIRST,
                {"kinetics-400": float(rows.loc[point, "top1"])} if told else {},
                rows.loc[point, "source"] if told else "",
            ),
            Experiment(
                "linear-evaluation",
                f"{point}+untrained",
                "contrastive",
                {"point": point, "backbone": points.UNTRAINED},
                FIRST,
            ),
        ]
    return found


@functools.cache
def everything() -> Mapping[str, Experiment]:
    """Return all experiments by name: Figures 1 and 2, Tables 2 to 6."""
    found = [*_scaling(), *_ablation(), *_pretraining(), *_contrastive()]
    return MappingProxyType({experiment.name: experiment for experiment in found})


def get(name: str) -> Experiment:
    """Return an experiment.

    Raises:
        ValueError: naming the experiment and those there are.
    """
    found = everything()
    if name not in found:
        study = f"{name.partition('/')[0]}/"
        allowed = [one for one in found if one.startswith(study)] or found
        raise ValueError(
            f"experiment: received {name!r}, allowed are {', '.join(allowed)}"
        )
    return found[name]


def recipes_of(experiment: Experiment, dataset: str):
    """Return the recipe of an experiment and that of its parent, or None."""
    received = experiment.parameters
    match experiment.notebook:
        case "scaling":
            point = points.point(received["point"])
            return scales.of_point(point, dataset), None
        case "ablation":
            return scales.at_scale(table2.row(received["row"]), dataset), None
        case "pretraining":
            stage, point = received["stage"], received["point"]
            own = scales.of_stage(stage, point, dataset)
            web = experiment.parents.get(dataset)
            before = web and scales.of_stage("pre-train", point, web)
            return own, before
        case "contrastive":
            model = points.point(received["point"]).model
            untrained = received.get("backbone") == points.UNTRAINED
            before, own = contrastive.at_scale(model, dataset, untrained)
            return own, None if untrained else before


def of_point(point: str) -> str:
    """Return the experiment of a point of Figures 1 and 2 or a row of Tables 3 and 4.

    RandAugment makes the last row of Table 2 of a point of Figure 2.
    """
    return "ablation/RA" if point.endswith("+RA") else f"scaling/{point}"


def untrained(point: str) -> str:
    """Return the experiment of a point of Table 6 with random weights."""
    return f"linear-evaluation/{point}+{points.UNTRAINED}"


def records(results: str | Path, dataset: str, name: str) -> list[dict]:
    """Read the records of an experiment, and of the one that is the same (`SAME`).

    Args:
        results: folder of the records.
        dataset: that they ran on.
        name: of the experiment.

    Returns:
        One record a seed, in the order of the seeds; its own where both have one.
    """
    found = {}
    for own in reversed([name, *same(name)]):
        for run in record.find(results, dataset, *own.split("/", 1)):
            found[run["experiment"]["seed"]] = run
    return [found[seed] for seed in sorted(found)]


def same(name: str) -> list[str]:
    """Return the names of other experiments that have the same recipe."""
    return [SAME[name]] if name in SAME else [a for a, b in SAME.items() if b == name]
