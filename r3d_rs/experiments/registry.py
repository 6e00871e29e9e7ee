"""Registry of the paper's experiments: their notebooks, recipes and records."""

import dataclasses
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from r3d_rs import paper
from r3d_rs.data import names
from r3d_rs.evaluation import networks
from r3d_rs.experiments import parameters, record
from r3d_rs.paths import study_path
from r3d_rs.recipes import contrastive, points, scales, table2
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.recipes.recipe import Recipe

#: Pairs of a dataset of this study and the paper's dataset that it stands for.
FIRST, SECOND = ("pantomime-20", "kinetics-400"), ("pantomime-30", "kinetics-600")
WEB = ("pantomime-web", "web-video-text")

#: Rows of Table 2 that are also points of Figure 2: one recipe, so one run serves both.
SAME = {
    "ablation/baseline": "scaling/R3D-50",
    "ablation/RS-200@f48": "scaling/RS-200@f48",
}


#: A row that trains the same network as a point, though its recipe has another hash.
#: Runs with equal seeds agree bit for bit, so statistics treat them as one network.
TWINS = {"ablation/D-stem": "scaling/RS-50"}


@dataclass(frozen=True)
class Experiment:
    """One row of a table or one point of a figure.

    Args:
        study: kind of run, and the folder of its records.
        point: name within the study.
        notebook: notebook that runs it, without the file's ending.
        parameters: the notebook's parameters, besides dataset and seed.
        datasets: datasets that it is meant for, the small ones first.
        paper: the paper's top-1 by dataset, per cent; empty if it gives none.
        source: where the paper gives them; "" if it gives none.
        parents: dataset of the pre-training that it starts from, by its own dataset.
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

    @property
    def scales(self) -> tuple[str, ...]:
        """Names of the scales that it has a recipe for."""
        if self.notebook == "pretraining":
            return tuple(scales.STAGES[self.parameters["stage"]].changes)
        return tuple(scales.SCALES)

    def recipe(self, dataset: str, scale: str = "") -> Recipe:
        """Return the recipe of a run on a dataset.

        This is the only mapping from an experiment to what is trained. Runs, plans,
        costs and tables all use it.

        Args:
            dataset: a name in `names.DATASETS`, or a dataset of your own.
            scale: a name in `scales.SCALES`; "" for the dataset's own. A trained
                network to fine-tune keeps the scale that it was trained at.
        """
        scale = scale or names.scale(dataset)
        received = self.parameters
        match self.notebook:
            case "scaling":
                return scales.of_point(points.point(received["point"]), scale)
            case "ablation":
                row = table2.chosen(received["row"], received.get("toggles", ""))
                return scales.at_scale(row, scale)
            case "pretraining":
                return scales.of_stage(received["stage"], received["point"], scale)
            case "finetune":
                if received["network"] in points.scaling():
                    return scales.of_point(points.point(received["network"]), scale)
                return networks.recipe_of(networks.find(received["network"]))
            case _:
                return self._contrastive(scale)[1]

    def parent_recipe(self, dataset: str, scale: str = "") -> Recipe | None:
        """Return the recipe of the pre-training that it starts from, or None.

        The arguments are as in `recipe`.
        """
        if self.notebook == "contrastive" and not self.parameters.get("backbone"):
            return self._contrastive(scale or names.scale(dataset))[0]
        before = self.before(dataset)
        return before and before[0].recipe(before[1], scale)

    def _contrastive(self, scale: str) -> tuple[ContrastiveRecipe, Recipe]:
        model = points.point(self.parameters["point"]).model
        untrained = self.parameters.get("backbone") == points.UNTRAINED
        return contrastive.at_scale(model, scale, untrained)

    def before(self, dataset: str) -> "tuple[Experiment, str] | None":
        """Return the pre-training that it starts from and its dataset, or None."""
        if not self.parents:
            return None
        return get(f"pre-training/{self.point}"), self.parents[dataset]

    def received(self, dataset: str, seed: int, folder: str | Path) -> dict:
        """Return the notebook's parameters for a run.

        Args:
            dataset: dataset of the run.
            seed: seed of the run.
            folder: folder of the checkpoints, where the parent is.
        """
        values = {**self.parameters, "dataset": dataset, "seed": seed}
        if self.parents:
            own = (self.parents[dataset], "pre-training", self.point)
            values["parent"] = str(record.place(folder, *own, seed))
        return values


def _scaling() -> list[Experiment]:
    fourth = {row["point"]: row for row in paper.rows("table4") if row["point"]}
    found = []
    for point in points.scaling().values():
        numbers, sources, datasets = {}, [], FIRST
        if point.paper_top1 is not None:
            numbers["kinetics-400"] = point.paper_top1
            sources.append(point.source)
        if point.name in fourth:
            numbers["kinetics-600"] = float(fourth[point.name]["top1"])
            sources.append(fourth[point.name]["source"])
        if point.name in (*fourth, *points.TABLE_5):
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
            row["row"],
            "ablation",
            {"row": row["row"]},
            FIRST,
            {"kinetics-400": float(row["top1"])},
            row["source"],
        )
        for row in paper.rows("table2")
    ] + [
        Experiment("ablation", name, "ablation", {"row": name}, FIRST)
        for name in table2.FURTHER
    ]


def _pretraining() -> list[Experiment]:
    tuned = FIRST + SECOND
    found = []
    for point in points.TABLE_5:
        rows = [row for row in paper.rows("table5") if row["point"] == f"{point}+WVT"]
        for stage, datasets in (
            ("pre-train", WEB),
            ("fine-tune", tuned),
            ("scratch", tuned),
        ):
            own = Experiment(
                scales.STAGES[stage].study,
                point,
                "pretraining",
                {"stage": stage, "point": point},
                datasets,
            )
            if stage == "fine-tune":
                own = dataclasses.replace(
                    own,
                    paper={row["dataset"].lower(): float(row["top1"]) for row in rows},
                    source="; ".join(row["source"] for row in rows),
                    parents=dict(zip(tuned, WEB + WEB, strict=True)),
                )
            found.append(own)
    return found


def _contrastive() -> list[Experiment]:
    rows = {row["point"]: row for row in paper.rows("table6")}
    found = []
    for point in points.TABLE_6:
        told = point in rows
        found += [
            Experiment(
                "contrastive",
                point,
                "contrastive",
                {"point": point},
                FIRST,
                {"kinetics-400": float(rows[point]["top1"])} if told else {},
                rows[point]["source"] if told else "",
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
def all_experiments() -> Mapping[str, Experiment]:
    """Return all experiments by name: Figures 1 and 2, Tables 2 to 6."""
    found = [*_scaling(), *_ablation(), *_pretraining(), *_contrastive()]
    return MappingProxyType({experiment.name: experiment for experiment in found})


def get(name: str) -> Experiment:
    """Return an experiment.

    Raises:
        ValueError: naming the experiment and those allowed.
    """
    found = all_experiments()
    if name not in found:
        study = f"{name.partition('/')[0]}/"
        allowed = [one for one in found if one.startswith(study)] or found
        raise ValueError(
            f"experiment: received {name!r}, allowed are {', '.join(allowed)}"
        )
    return found[name]


def of_parameters(notebook: str, received: Mapping[str, str]) -> Experiment:
    """Return the experiment that a notebook's parameters ask for.

    It is one of `all_experiments`, or another of the same kind: other toggles of Table
    2, another point to pre-train, a given backbone, or a network to fine-tune.

    Args:
        notebook: name of the notebook, without the file's ending.
        received: the parameters that `OWN` lists for this notebook.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
        FileNotFoundError: as `networks.find` does, for a network to fine-tune.
    """
    given = {name: value for name, value in received.items() if value}
    point = received.get("point", "")
    match notebook:
        case "scaling":
            study, name = "scaling", points.point(point).name
        case "ablation":
            row, toggles = received["row"], received["toggles"]
            table2.chosen(row, toggles)  # raises
            study, name = "ablation", table2.title(row, toggles)
        case "pretraining":
            parameters.check("stage", received["stage"], str, allowed=scales.STAGES)
            study = scales.STAGES[received["stage"]].study
            name = points.point(point).name
        case "contrastive":
            parameters.check("point", point, str, allowed=points.TABLE_6)
            backbone = received["backbone"]
            study = "linear-evaluation" if backbone else "contrastive"
            name = f"{point}+{_short(backbone)}" if backbone else point
        case "finetune":
            study, name = "finetune", received["network"]
            if name not in points.scaling():
                name = f"from-{_told(networks.find(name).name)}"
    known = all_experiments().get(f"{study}/{name}")
    return known or Experiment(study, name, notebook, given, ())


#: Parameters of each notebook that select the experiment.
OWN = {
    "scaling": ("point",),
    "ablation": ("row", "toggles"),
    "pretraining": ("stage", "point"),
    "contrastive": ("point", "backbone"),
    "finetune": ("network",),
}


#: Network that `r3d-rs run finetune/NAME` starts from by default. Of the published
#: networks it is the best start for EgoGestAR (`results/calibration/fine-tuning.csv`).
NETWORK = "pantomime-web/RS-50"


def _short(backbone: str) -> str:
    """Return the name of a backbone: the full name of its run, or its file's name."""
    own = networks.in_folder(backbone)
    is_run = own.run_file.exists()
    return _told(own.name if is_run else study_path("backbone", backbone).name)


def _told(name: str) -> str:
    """Return a network's name with only the characters that a record's name allows."""
    return re.sub(r"[^A-Za-z0-9@+._-]+", "-", name).strip("-")


def of_point(point: str) -> str:
    """Return the experiment of a point of Figures 1 and 2 or a row of Tables 3 and 4.

    A point with RandAugment is the last row of Table 2.
    """
    return "ablation/RA" if point.endswith("+RA") else f"scaling/{point}"


def untrained(point: str) -> str:
    """Return the experiment of a point of Table 6 with random weights."""
    return f"linear-evaluation/{point}+{points.UNTRAINED}"


def records(results: str | Path, dataset: str, name: str) -> list[dict]:
    """Read the records of an experiment, and of one with the same recipe (`SAME`).

    There is one record per seed, in the order of the seeds. If both experiments have a
    seed, the first one's record is taken.
    """
    found = {}
    for own in reversed([name, *aliases(name)]):
        for run in record.find(results, dataset, *own.split("/", 1)):
            found[run["experiment"]["seed"]] = run
    return [found[seed] for seed in sorted(found)]


def aliases(name: str) -> list[str]:
    """Return the names of other experiments with the same recipe (`SAME`)."""
    return [SAME[name]] if name in SAME else [a for a, b in SAME.items() if b == name]
