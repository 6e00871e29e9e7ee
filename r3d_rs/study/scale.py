"""The recipes of the experiments, at the paper's scale or at Pantomime's."""

import dataclasses
from dataclasses import dataclass

from r3d_rs.study import experiments
from r3d_rs.training import recipe as recipes


def at_scale(recipe: recipes.Recipe, dataset: str) -> recipes.Recipe:
    """Return the paper's recipe as it is for Kinetics, or at Pantomime's scale."""
    if dataset.startswith("pantomime"):
        return recipes.at_pantomime_scale(recipe)
    return recipe


def of_point(point: experiments.Point, dataset: str) -> recipes.Recipe:
    """Return the recipe of a point of Fig. 2 at the dataset's scale."""
    recipe = dataclasses.replace(
        recipes.of_model(point.model),
        span=point.span,
        size=point.size,
        eval_size=point.eval_size,
    )
    return at_scale(recipe, dataset)


@dataclass(frozen=True)
class Stage:
    """A kind of run.

    Args:
        study: name in the records.
        paper: what the paper's recipe has instead.
        pantomime: what the pantomime scale's has.
    """

    study: str
    paper: dict
    pantomime: dict


#: The third is fine-tuning's budget without pre-training, for comparison.
STAGES = {
    "pre-train": Stage(
        "pre-training", recipes.PRETRAINING, recipes.PANTOMIME_PRETRAINING
    ),
    "fine-tune": Stage(
        "fine-tuning", recipes.FINE_TUNING, recipes.PANTOMIME_FINE_TUNING
    ),
    "scratch": Stage(
        "from-scratch",
        {"steps": recipes.FINE_TUNING["steps"]},
        {"epochs": recipes.PANTOMIME_FINE_TUNING["epochs"]},
    ),
}


def of_stage(stage: str, point: str, dataset: str) -> recipes.Recipe:
    """Return the recipe of a stage for a point of Fig. 2 at the dataset's scale."""
    small = dataset.startswith("pantomime")
    changes = STAGES[stage].pantomime if small else STAGES[stage].paper
    recipe = of_point(experiments.point(point), dataset)
    return dataclasses.replace(recipe, **changes)
