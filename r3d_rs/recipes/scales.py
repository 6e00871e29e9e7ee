"""The scales at which the paper's recipes are run.

"paper" changes nothing, "pantomime" is for the default dataset on a laptop, "small" for
your own videos on one GPU, and "tiny" for tests and first tries: its networks have one
block a stage and learn nothing.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from r3d_rs.recipes import points, table2
from r3d_rs.recipes.recipe import Recipe

#: What pre-training on web videos has instead (§4.5). Warm-up, regularization and batch
#: are not given: the warm-up is as many steps as from scratch on Kinetics-400, 1,050 of
#: the 68,359 that an epoch of 70 million videos has.
PRETRAINING = {"learning_rate": 1.6, "epochs": 4, "warmup_epochs": 1050 / 68_359}

#: What fine-tuning has instead (§4.5). No warm-up is given.
FINE_TUNING = {"learning_rate": 0.05, "steps": 10_000, "warmup_epochs": 0.0}

#: Sizes of the pantomime scale are the paper's times this, in pixels: 224, 256 and 288
#: become 48, 55 and 62, and C5 is 2×2 at all three.
SIZE_FACTOR = Fraction(3, 14)
#: Its spans are the paper's times this: 32, 48 and 64 frames become 20, 30 and 40, of
#: which every fifth is seen.
SPAN_FACTOR = Fraction(5, 8)
#: Its epochs are the paper's times this, warm-up included: 200 and 350 become 150 and
#: 262.
EPOCHS_FACTOR = Fraction(3, 4)

#: What the pantomime scale changes for every point and row alike. The first group makes
#: the runs small; the second makes training dependable at some ten thousand clips.
#: There the paper's optimizer, merely scaled down, leaves some runs at chance, and half
#: of its features dropped is too much for a network of an eighth of the width.
PANTOMIME = {
    "width": 0.125,
    "temporal_stride": 5,
    "batch_size": 50,
    "temporal_views": 4,
    "optimizer": "adamw",
    "learning_rate": 0.01,
    "nesterov": False,
    "clip_norm": 1.0,
    "dropout": 0.1,
    "standardize": True,
    "zero_init_last": True,
    "precision": "float32",
    "aspect_range": (0.75, 1.333),
}
#: Pre-training and fine-tuning there. 33 epochs of 12,000 videos are 3.7 times as many
#: clips as a run from scratch sees; the paper has 280 million against 75. 36 epochs are
#: to 262 what 10,000 steps are to the 73,500 from scratch. The warm-up of pre-training
#: has as many steps as from scratch. Both rates were chosen on videos that no run is
#: tested on: twice the rate from scratch, as in the paper, learns half as much in
#: pre-training, and in fine-tuning all rates up to 0.01 are alike.
PANTOMIME_PRETRAINING = {
    "learning_rate": 0.005,
    "epochs": 33,
    "warmup_epochs": 30 / 240,
}
PANTOMIME_FINE_TUNING = {"learning_rate": 0.005, "epochs": 36}
#: Smallest share of a frame that a crop covers there: a figure is few pixels high.
PANTOMIME_AREA = 0.25


def at_pantomime_scale(recipe: Recipe) -> Recipe:
    """Return the recipe with the pantomime scale's stated changes.

    Evaluation crops have the training crops' size.
    """
    smallest, largest = recipe.area_range
    size = round(recipe.size * SIZE_FACTOR)
    return dataclasses.replace(
        recipe,
        span=round(recipe.span * SPAN_FACTOR),
        size=size,
        eval_size=size,
        area_range=(max(smallest, PANTOMIME_AREA), largest),
        epochs=round(recipe.epochs * EPOCHS_FACTOR),
        warmup_epochs=float(recipe.warmup_epochs * EPOCHS_FACTOR),
        **PANTOMIME,
    )


#: What the small scale changes: for some hundred to some ten thousand videos on one
#: GPU, at the full width. Sizes are half the paper's, and the second group is what
#: makes training dependable with few clips, as at the pantomime scale.
SMALL = {
    "batch_size": 32,
    "temporal_views": 4,
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "nesterov": False,
    "clip_norm": 1.0,
    "standardize": True,
    "zero_init_last": True,
}


def at_small_scale(recipe: Recipe) -> Recipe:
    """Return the recipe for your own videos; `finetune.of_size` knows their number."""
    smallest, largest = recipe.area_range
    return dataclasses.replace(
        recipe,
        size=recipe.size // 2,
        eval_size=recipe.eval_size // 2,
        area_range=(max(smallest, PANTOMIME_AREA), largest),
        **SMALL,
    )


#: What the tiny scale changes for every point and row alike.
TINY = {
    "width": 0.125,
    "batch_size": 4,
    "epochs": 2,
    "warmup_epochs": 0.4,
    "temporal_views": 2,
    "spatial_views": 1,
    "precision": "float32",
}


def at_tiny_scale(recipe: Recipe) -> Recipe:
    """Return the recipe for networks of one block a stage, on 2 to 4 small frames."""
    return dataclasses.replace(
        recipe,
        model=recipe.model.rpartition("-")[0] + "-14",
        span=recipe.span // 8,
        size=recipe.size // 14,
        eval_size=recipe.size // 14,
        learning_rate=recipe.learning_rate * TINY["batch_size"] / recipe.batch_size,
        **TINY,
    )


#: What each scale makes of the paper's recipe.
SCALES: Mapping[str, Callable[[Recipe], Recipe]] = MappingProxyType(
    {
        "paper": lambda recipe: recipe,
        "pantomime": at_pantomime_scale,
        "small": at_small_scale,
        "tiny": at_tiny_scale,
    }
)


def at_scale(recipe: Recipe, scale: str) -> Recipe:
    """Return the paper's recipe at a scale.

    Raises:
        ValueError: naming the scale and those allowed.
    """
    if scale not in SCALES:
        raise ValueError(
            f"parameter scale: received {scale!r}, allowed are {', '.join(SCALES)}"
        )
    return SCALES[scale](recipe)


def of_point(point: points.Point, scale: str) -> Recipe:
    """Return the recipe of a point of Fig. 2 at a scale."""
    recipe = dataclasses.replace(
        table2.of_model(point.model),
        span=point.span,
        size=point.size,
        eval_size=point.eval_size,
    )
    return at_scale(recipe, scale)


def of_official(point: points.Point) -> Recipe:
    """Return the recipe by which an official checkpoint of a point is evaluated.

    The published networks see all frames that the paper's clips span, every second one
    of twice as many ("32 x 2", MODEL_GARDEN.md), and the plain R3D-50 is without
    self-gating (`k400_3d-resnet50_tpu.yaml`).
    """
    recipe = of_point(point, "paper")
    gating = "none" if point.model == "r3d-50" else recipe.self_gating
    return dataclasses.replace(
        recipe,
        span=recipe.span * recipe.temporal_stride,
        self_gating=gating,
        precision="float32",
    )


@dataclass(frozen=True)
class Stage:
    """A kind of run of Table 5.

    Args:
        study: name in the records.
        changes: to the recipe of a run from scratch, by scale.
    """

    study: str
    changes: Mapping[str, dict]


#: The third is fine-tuning's budget without pre-training, for comparison.
STAGES = {
    "pre-train": Stage(
        "pre-training",
        {"paper": PRETRAINING, "pantomime": PANTOMIME_PRETRAINING, "tiny": {}},
    ),
    "fine-tune": Stage(
        "fine-tuning",
        {
            "paper": FINE_TUNING,
            "pantomime": PANTOMIME_FINE_TUNING,
            "tiny": {"epochs": 1},
        },
    ),
    "scratch": Stage(
        "from-scratch",
        {
            "paper": {"steps": FINE_TUNING["steps"]},
            "pantomime": {"epochs": PANTOMIME_FINE_TUNING["epochs"]},
            "tiny": {"epochs": 1},
        },
    ),
}


def of_stage(stage: str, point: str, scale: str) -> Recipe:
    """Return the recipe of a stage for a point of Fig. 2 at a scale.

    Raises:
        ValueError: naming the scale and those allowed. "small" is none: how long to
            train on your own videos depends on their number (`finetune.of_size`).
    """
    recipe, changes = of_point(points.point(point), scale), STAGES[stage].changes
    if scale not in changes:
        raise ValueError(
            f"parameter scale: received {scale!r} for stage {stage!r}, allowed are"
            f" {', '.join(changes)}; datasets of your own have 'small', and"
            " finetune.ipynb trains on them"
        )
    return dataclasses.replace(recipe, **changes[scale])
