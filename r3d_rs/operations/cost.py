"""Cost of the study on the paper's datasets, and what to run first on a budget."""

import math
from dataclasses import astuple, dataclass
from pathlib import Path

import pandas as pd
from scipy import special

from r3d_rs import paper
from r3d_rs.experiments import registry
from r3d_rs.operations import exact
from r3d_rs.pantomime import sets
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.tpu import chips

#: Numbers of videos for training and for evaluation. The numbers for Kinetics are from
#: the official implementation (`video_classification.py`, `kinetics400()` and
#: `kinetics600()`). The number for web videos is the paper's number of clips (§4.5).
VIDEOS = {
    "kinetics-400": (215_570, 17_706),
    "kinetics-600": (366_016, 27_780),
    "web-video-text": (paper.settings()["pretraining"]["clips"]["value"], 0),
}


@dataclass(frozen=True)
class Cost:
    """Cost of one run. `estimate` decides whether it includes pre-training.

    Args:
        steps: optimizer steps.
        clips: training clips; contrastive learning takes two per video.
        training_macs: multiply-adds of training.
        evaluation_macs: multiply-adds of all views of all videos.
        checkpoint_gb: size of the checkpoints and the trained network, 10^9 bytes.
    """

    steps: int
    clips: int
    training_macs: float
    evaluation_macs: float
    checkpoint_gb: float

    @property
    def core_hours(self) -> float:
        """Hours of one TPU v3 core at its peak rate, a lower bound."""
        chip = chips.chips()["v3"]
        operations = 2 * (self.training_macs + self.evaluation_macs)
        return operations * chip.devices / chip.flops / 3600

    def __add__(self, other: "Cost") -> "Cost":
        """Return the sum of two costs."""
        return Cost(*map(sum, zip(astuple(self), astuple(other), strict=True)))


def estimate(
    experiment: registry.Experiment, dataset: str, counts: pd.DataFrame, *, parent=True
) -> Cost:
    """Return the cost of one seed of an experiment.

    Args:
        experiment: experiment of the registry.
        dataset: a name in `VIDEOS`, or one of Pantomime's datasets.
        counts: exact counts, from `exact.read`.
        parent: whether to include pre-training that is a separate run. Pre-training
            within the run always counts.
    """
    own, before = experiment.recipe(dataset), experiment.parent_recipe(dataset)
    videos = _videos(dataset)
    cost = _training(own, videos[0], counts)
    size, frames = own.eval_size, own.frames
    views = own.temporal_views * own.spatial_views * videos[1]
    cost += Cost(0, 0, 0.0, views * _macs(own, frames, size, counts), 0.0)
    if before is not None and (parent or not experiment.parents):
        web = experiment.parents.get(dataset, dataset)
        cost += _training(before, _videos(web)[0], counts)
    return cost


def _videos(dataset: str) -> tuple[int, int]:
    """Return the numbers of videos for training and for evaluation."""
    if dataset in VIDEOS:
        return VIDEOS[dataset]
    videos = sets.SETS[dataset]
    return videos.count("train"), videos.count("test") or videos.count("validate")


def _training(recipe: Recipe, videos: int, counts: pd.DataFrame) -> Cost:
    steps = recipe.steps or recipe.epochs * (videos // recipe.batch_size)
    clips = steps * recipe.batch_size * recipe.clips_per_example
    # The backward pass takes about twice the operations of the forward pass.
    passes = 1 if recipe.frozen else 3
    macs = clips * passes * _macs(recipe, recipe.frames, recipe.size, counts)
    # A run keeps two checkpoints of weights and momenta, and the trained network.
    parameters = exact.row(counts, _network(recipe), 16, 256, 400)["params"]
    return Cost(steps, clips, macs, 0.0, 5 * 4 * parameters / 1e9)


def _macs(recipe: Recipe, frames: int, size: int, counts: pd.DataFrame) -> float:
    """Return the multiply-adds of one clip's forward pass.

    They are taken as proportional to frames and pixels. The gates and the head are not,
    but they are less than a thousandth of the total.
    """
    counted = exact.row(counts, _network(recipe), 16, 256, 400)["gmacs"] * 1e9
    return counted * frames / 16 * (size / 256) ** 2


def _network(recipe: Recipe) -> str:
    """Return the name under which the recipe's network is counted."""
    if recipe.model != "r3d-50" or not recipe.squeeze_excitation:
        return recipe.model
    return exact.BASELINE_WITH_SE if recipe.stem == "7x7" else "r3d-rs-50"


def table(results: Path) -> pd.DataFrame:
    """List the cost of one seed of every experiment on the paper's datasets.

    Returns:
        One row per experiment and dataset. Experiments that share a run share a row.
        A row includes the run's pre-training.
    """
    counts, rows = exact.read(results), []
    for experiment in registry.all_experiments().values():
        if experiment.name in registry.SAME:
            continue
        for dataset in experiment.datasets:
            if dataset not in VIDEOS:
                continue
            cost = estimate(experiment, dataset, counts)
            rows.append(
                {
                    "experiment": experiment.name,
                    "dataset": dataset,
                    "steps": cost.steps,
                    "million clips": round(cost.clips / 1e6, 1),
                    "training, 10^18 multiply-adds": round(
                        cost.training_macs / 1e18, 1
                    ),
                    "evaluation, 10^18": round(cost.evaluation_macs / 1e18, 2),
                    "v3 core-hours at peak": round(cost.core_hours),
                    "states, GB": round(cost.checkpoint_gb, 1),
                }
            )
    return pd.DataFrame(rows)


def priorities(results: Path) -> pd.DataFrame:
    """Order the paper's gains on Kinetics-400 by what to run first on a budget.

    The next gain is always the one with the highest probability of detection per
    core-hour that it adds.

    A gain is detected if one seed at each end tells it from zero. The probability
    assumes that the gain has the paper's size. It follows from the number of videos
    alone, as if the two ends were evaluated on separate samples. Pairing the videos
    would raise it, and the spread over seeds would lower it. Neither effect is known in
    advance.

    Returns:
        Columns claim, paper, probability, runs to add, core-hours and in all.
    """
    counts, everything = exact.read(results), registry.all_experiments()
    dataset = "kinetics-400"
    left, done, rows, total = {}, set(), [], 0.0
    for claim in paper.claims()["statement"]:
        ends = [claim["before"], claim["after"]]
        told = [everything[name].paper.get(dataset) for name in ends]
        if claim.get("dataset") or "paper" not in claim or None in told:
            continue
        ends = [registry.SAME.get(name, name) for name in ends]
        left[claim["text"]] = (claim["paper"], ends, _probability(claim["paper"], told))

    hours = {
        name: estimate(everything[name], dataset, counts).core_hours
        for _, ends, _ in left.values()
        for name in ends
    }

    def added(ends: list[str]) -> dict[str, float]:
        return {name: hours[name] for name in ends if name not in done}

    while left:
        worth = {
            text: probability / max(1e-9, sum(added(ends).values()))
            for text, (_, ends, probability) in left.items()
        }
        text = max(worth, key=worth.get)
        size, ends, probability = left.pop(text)
        new = added(ends)
        done |= set(new)
        total += sum(new.values())
        rows.append(
            {
                "claim": text,
                "paper": f"{size:+.1f}",
                "probability": f"{probability:.0%}",
                "runs to add": ", ".join(new) or "none",
                "core-hours": round(sum(new.values())),
                "in all": round(total),
            }
        )
    return pd.DataFrame(rows)


def _probability(size: float, told: list[float]) -> float:
    """Return the probability that one seed at each end tells a gain from zero."""
    videos = VIDEOS["kinetics-400"][1]
    shares = [number / 100 for number in told]
    deviation = math.sqrt(sum(p * (1 - p) / videos for p in shares))
    return float(special.ndtr(abs(size) / 100 / deviation - special.ndtri(0.975)))
