"""The scales at which the paper's recipes run.

"paper" changes nothing. "pantomime" is for the default dataset on a laptop, and "small"
for your own videos on one GPU. "tiny" is for tests and first tries: its networks have
one block per stage and learn nothing.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from r3d_rs.recipes import points, table2
from r3d_rs.recipes.recipe import Recipe

#: Changes for pre-training on web videos (§4.5). The paper does not give warm-up,
#: regularization or batch size. The warm-up has as many steps as from scratch on
#: Kinetics-400: 1,050 of the 68,359 in an epoch of 70 million videos.
PRETRAINING = {"learning_rate": 1.6, "epochs": 4, "warmup_epochs": 1050 / 68_359}

#: Changes for fine-tuning (§4.5). The paper gives no warm-up.
FINE_TUNING = {"learning_rate": 0.05, "steps": 10_000, "warmup_epochs": 0.0}

#: Factor of the pantomime scale on sizes, in pixels: 224, 256 and 288 become 48, 55 and
#: 62. C5 is 2×2 at all three.
SIZE_FACTOR = Fraction(3, 14)
#: Factor on spans: 32, 48 and 64 frames become 20, 30 and 40. The network sees every
#: fifth frame.
SPAN_FACTOR = Fraction(5, 8)
#: Factor on epochs, warm-up included: 200 and 350 become 150 and 262.
EPOCHS_FACTOR = Fraction(3, 4)

#: Changes of the pantomime scale for every point and row. The fields up to
#: `temporal_views` make the runs small. The others make training dependable with about
#: ten thousand clips. With so few, the paper's optimizer leaves some runs at chance,
#: even when scaled down. Dropping half of the features is too much for a network of an
#: eighth of the width.
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
#: Changes for pre-training at the pantomime scale. 33 epochs of 12,000 videos are 3.8
#: times as many clips as from scratch; the paper's 280 are to 75 million as 3.7. The
#: warm-up has as many steps as from scratch. The rate was chosen on videos that no run
#: is tested on: 86.8 % of them are right, and 52.3 % at the paper's twice the rate.
PANTOMIME_PRETRAINING = {
    "learning_rate": 0.005,
    "epochs": 33,
    "warmup_epochs": 30 / 240,
}
#: Changes for fine-tuning at the pantomime scale. 36 of 262 epochs is the paper's ratio
#: of 10,000 to 73,500 steps. The rate was chosen on other such videos, where
#: 0.0025, 0.005 and 0.01 are within 0.5 points.
PANTOMIME_FINE_TUNING = {"learning_rate": 0.005, "epochs": 36}
#: Smallest share of a frame in a crop there, because a figure is only few pixels high.
PANTOMIME_AREA = 0.25


def at_pantomime_scale(recipe: Recipe) -> Recipe:
    """Return the recipe at the pantomime scale.

    Evaluation crops are as large as training crops.
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


#: Changes of the small scale, for some hundred to some ten thousand videos on one GPU.
#: Networks have full width, and sizes are half the paper's. The fields from `optimizer`
#: on make training dependable with few clips, as at the pantomime scale.
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
    """Return the recipe for your own videos; `finetune.of_size` adapts its length."""
    smallest, largest = recipe.area_range
    return dataclasses.replace(
        recipe,
        size=recipe.size // 2,
        eval_size=recipe.eval_size // 2,
        area_range=(max(smallest, PANTOMIME_AREA), largest),
        **SMALL,
    )


#: Changes of the tiny scale for every point and row.
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
    """Return the recipe with one block per stage, for 2 to 4 small frames."""
    return dataclasses.replace(
        recipe,
        model=recipe.model.rpartition("-")[0] + "-14",
        span=recipe.span // 8,
        size=recipe.size // 14,
        eval_size=recipe.size // 14,
        learning_rate=recipe.learning_rate * TINY["batch_size"] / recipe.batch_size,
        **TINY,
    )


#: Functions that turn the paper's recipe into each scale's.
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
        ValueError: if the scale is unknown, naming it and those allowed.
    """
    if scale not in SCALES:
        raise ValueError(
            f"parameter scale: received {scale!r}, allowed are {', '.join(SCALES)}"
        )
    return SCALES[scale](recipe)


def of_point(point: points.Point, scale: str) -> Recipe:
    """Return the recipe for a point of Fig. 2 at a scale."""
    recipe = dataclasses.replace(
        table2.of_model(point.model),
        span=point.span,
        size=point.size,
        eval_size=point.eval_size,
    )
    return at_scale(recipe, scale)


def of_official(point: points.Point) -> Recipe:
    """Return the recipe to evaluate a point's official checkpoint.

    Clips of the published networks span twice as many frames as the paper's, with the
    same stride ("32 x 2", MODEL_GARDEN.md). The plain R3D-50 has no self-gating
    (`k400_3d-resnet50_tpu.yaml`).
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
        changes: changes to the recipe from scratch, by scale.
    """

    study: str
    changes: Mapping[str, dict]


#: Kinds of runs. "scratch" has fine-tuning's budget without pre-training.
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
        ValueError: if the scale is not allowed, naming it and those allowed. "small" is
            not, because the length of training depends on the number of your videos
            (`finetune.of_size`).
    """
    recipe, changes = of_point(points.point(point), scale), STAGES[stage].changes
    if scale not in changes:
        raise ValueError(
            f"parameter scale: received {scale!r} for stage {stage!r}, allowed are"
            f" {', '.join(changes)}; 'small' is for your own datasets, which"
            " finetune.ipynb trains on"
        )
    return dataclasses.replace(recipe, **changes[scale])
