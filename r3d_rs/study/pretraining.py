"""Pre-training on web videos and fine-tuning (Table 5), one run at a time."""

import dataclasses
from dataclasses import dataclass

from r3d_rs.study import experiments, parameters, parents, run
from r3d_rs.training import recipe as recipes


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


def recipe_of(stage: str, point: str, dataset: str) -> recipes.Recipe:
    """Return the recipe of a stage for a point of Fig. 2 at the dataset's scale."""
    small = dataset.startswith("pantomime")
    changes = STAGES[stage].pantomime if small else STAGES[stage].paper
    recipe = run.recipe_of(experiments.point(point), dataset)
    return dataclasses.replace(recipe, **changes)


def checked(
    *, stage: str, point: str, dataset: str, seed: int, parent: str = "", **options
) -> run.Run:
    """Check the parameters of a run of pre-training or fine-tuning (Table 5).

    Args:
        stage: a name in `STAGES`.
        point: a name in `experiments.SCALING`; the paper's is RS-200@f48.
        dataset: a name in `datasets.DATASETS`.
        seed: of everything random, from 0.
        parent: folder of the run to fine-tune; "" with the other stages.
        **options: as `run.checked` has them.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed, or
            listing what of a parent does not fit.
        FileNotFoundError: naming a file of the parent that is not there.
    """
    parameters.check("stage", stage, str, allowed=STAGES)
    parameters.check("point", point, str)
    parameters.check("parent", parent, str)
    if (stage == "fine-tune") != bool(parent):
        raise ValueError(
            f"parameter parent: received {parent!r} with stage {stage!r}; allowed is"
            " the folder of a finished run with fine-tune, '' with the other stages"
        )
    experiments.point(point)
    this = run.checked(
        STAGES[stage].study,
        point,
        dataset,
        seed,
        lambda name: recipe_of(stage, point, name),
        **options,
    )
    if parent:
        this.parent = parents.of_run(parent, this.recipe)
    return this
