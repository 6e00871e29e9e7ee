"""The recipes of the experiments, at the paper's scale or at Pantomime's."""

import dataclasses
from dataclasses import dataclass

from r3d_rs.recipes import points, table2
from r3d_rs.recipes.recipe import Recipe

#: What pre-training on web videos has instead (§4.5). Warm-up, regularization and batch
#: are not given: the warm-up is as many steps as from scratch on Kinetics-400, 1,050 of
#: the 68,359 that an epoch of 70 million videos has.
PRETRAINING = {"learning_rate": 1.6, "epochs": 4, "warmup_epochs": 1050 / 68_359}

#: What fine-tuning has instead (§4.5). No warm-up is given.
FINE_TUNING = {"learning_rate": 0.05, "steps": 10_000, "warmup_epochs": 0.0}

#: The pantomime scale's sizes in pixels are the paper's divided by this.
SIZE_DIVISOR = 7
#: Its epochs are the paper's divided by this.
EPOCH_DIVISOR = 7

#: What the pantomime scale changes for every point and row alike. The first group makes
#: the runs small; the second makes training dependable at some hundred thousand clips.
#: There the paper's optimizer, merely scaled down, leaves some runs at chance, and half
#: of its features dropped is too much for a network of a quarter of the width.
PANTOMIME = {
    "width": 0.25,
    "temporal_stride": 3,
    "batch_size": 32,
    "warmup_epochs": 1.0,
    "temporal_views": 4,
    "optimizer": "adamw",
    "learning_rate": 0.0015,
    "nesterov": False,
    "clip_norm": 1.0,
    "dropout": 0.1,
    "standardize": True,
    "zero_init_last": True,
    "precision": "float32",
    "aspect_range": (0.75, 1.333),
}
#: Pre-training and fine-tuning there. The paper's 4 epochs are of 70 million videos and
#: would be few of some thousand; 6 epochs are to 50 what 10,000 steps are to the 73,500
#: from scratch. The rate of pre-training is to Pantomime's what the paper's is to 0.8,
#: that of fine-tuning is Pantomime's own: a sixteenth moves too little in 6 epochs.
PANTOMIME_PRETRAINING = {"learning_rate": 0.003, "epochs": 12}
PANTOMIME_FINE_TUNING = {"learning_rate": 0.0015, "epochs": 6}
#: Smallest share of a frame that a crop covers there: a figure is few pixels high.
PANTOMIME_AREA = 0.25


def at_pantomime_scale(recipe: Recipe) -> Recipe:
    """Return the recipe with the pantomime scale's stated changes.

    Spans are three quarters of the paper's, so that 8 frames with stride 3 stand for
    its 16 with stride 2. Evaluation crops have the training crops' size: where C5 is
    one pixel large in training and two in evaluation, kernels meet inputs that they
    never learned from.
    """
    smallest, largest = recipe.area_range
    return dataclasses.replace(
        recipe,
        span=recipe.span * 3 // 4,
        size=recipe.size // SIZE_DIVISOR,
        eval_size=recipe.size // SIZE_DIVISOR,
        area_range=(max(smallest, PANTOMIME_AREA), largest),
        epochs=int(recipe.epochs / EPOCH_DIVISOR),
        **PANTOMIME,
    )


def at_scale(recipe: Recipe, dataset: str) -> Recipe:
    """Return the paper's recipe as it is for Kinetics, or at Pantomime's scale."""
    if dataset.startswith("pantomime"):
        return at_pantomime_scale(recipe)
    return recipe


def of_point(point: points.Point, dataset: str) -> Recipe:
    """Return the recipe of a point of Fig. 2 at the dataset's scale."""
    recipe = dataclasses.replace(
        table2.of_model(point.model),
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
    "pre-train": Stage("pre-training", PRETRAINING, PANTOMIME_PRETRAINING),
    "fine-tune": Stage("fine-tuning", FINE_TUNING, PANTOMIME_FINE_TUNING),
    "scratch": Stage(
        "from-scratch",
        {"steps": FINE_TUNING["steps"]},
        {"epochs": PANTOMIME_FINE_TUNING["epochs"]},
    ),
}


def of_stage(stage: str, point: str, dataset: str) -> Recipe:
    """Return the recipe of a stage for a point of Fig. 2 at the dataset's scale."""
    small = dataset.startswith("pantomime")
    changes = STAGES[stage].pantomime if small else STAGES[stage].paper
    recipe = of_point(points.point(point), dataset)
    return dataclasses.replace(recipe, **changes)
