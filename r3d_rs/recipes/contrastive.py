"""The choices of contrastive pre-training and of linear evaluation (§5, Table 6)."""

import dataclasses

from r3d_rs.recipes import scales, table2
from r3d_rs.recipes.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class ContrastiveRecipe(Recipe):
    """Pre-training by CVRL; the fields of `Recipe` have its defaults.

    Optimizer, rate, batch and epochs are the paper's (§5); what it leaves open is as in
    the published code (tf-models-official 2.20.0, `projects/video_ssl`, "code" below)
    and its configuration for a plain R3D-50. Neither says whether R3D-RS has its
    stochastic depth here; there is none.
    """

    clips_per_example = 2

    area_range: tuple[float, float] = (0.3, 1.0)
    label_smoothing: float = 0.0
    stochastic_depth: float = 0.0
    dropout: float = 0.0
    weight_decay: float = 1e-6
    optimizer: str = "lars"
    learning_rate: float = 0.64
    nesterov: bool = False
    batch_size: int = 2048
    epochs: int = 800

    temperature: float = 0.1
    """Of the loss (code)."""
    directions: str = "sum"
    """"sum" (code) or "mean" of the losses from the first view to the second and back;
    the paper does not say."""
    divided_by_replicas: bool = False
    """Average the loss over devices (the supervised code does) or sum it (code, so that
    gradients grow with their number; the paper does not say)."""
    projection_width: int = 2048
    """Of the projection head's hidden layers, times `width` (code)."""
    projection_layers: int = 3
    """Hidden layers of the projection head (code)."""
    projection_size: int = 128
    """Length of a projection (code)."""
    projection_bn_momentum: float = 0.997
    """Of the moving statistics in the projection head (code)."""

    jitter_strength: float = 1.0
    """Of brightness, contrast, saturation and hue (code)."""
    jitter_probability: float = 0.8
    """Of color jitter, for a view (code)."""
    gray_probability: float = 0.2
    """Of a view without color (code)."""
    blur_probability: tuple[float, float] = (1.0, 0.1)
    """Of the first view and of the second (code); see `SYMMETRIC`."""
    solarize_probability: tuple[float, float] = (0.0, 0.2)
    """Of the first view and of the second (code)."""


#: The CVRL paper's augmentation, and the first published code's: both views alike.
SYMMETRIC = {"blur_probability": (0.5, 0.5), "solarize_probability": (0.0, 0.0)}

#: What linear evaluation has instead of R3D-RS's recipe: rate, batch and epochs are the
#: paper's (§5), the others as in the published code, whose clips span 64 frames.
LINEAR = {
    "frozen": True,
    "span": 64,
    "area_range": (0.3, 1.0),
    "label_smoothing": 0.0,
    "stochastic_depth": 0.0,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "learning_rate": 64.0,
    "nesterov": False,
    "epochs": 100,
}

#: Fields that say which network it is.
NETWORK = ("model", "stem", "squeeze_excitation", "self_gating")

#: What the pantomime scale has besides `scales.PANTOMIME`. Its classes include mirror
#: images of each other, and which, a method without labels cannot know: clips are not
#: flipped.
PANTOMIME = {
    "epochs": 300,
    "flip": False,
    "divided_by_replicas": True,
}
PANTOMIME_LINEAR = {
    "flip": False,
    "optimizer": "sgd",
    "learning_rate": 32.0,
    "clip_norm": 0.0,
    "dropout": 0.0,
}


def at_scale(
    model: str, scale: str, untrained: bool = False
) -> tuple[ContrastiveRecipe, Recipe]:
    """Return the recipes of pre-training and linear evaluation of a network.

    R3D-50 is without self-gating, as in the published configuration.

    Args:
        model: a name of `models.build`.
        scale: a name in `scales.SCALES`.
        untrained: whether the backbone that is evaluated has random weights. No branch
            starts at zero then: they would all be without effect.
    """
    network = {name: getattr(table2.of_model(model), name) for name in NETWORK}
    if model == "r3d-50":
        network["self_gating"] = "none"
    pretraining = ContrastiveRecipe(**network)
    linear = Recipe(**network | LINEAR)
    pretraining = scales.at_scale(pretraining, scale)
    linear = scales.at_scale(linear, scale)
    if scale == "pantomime":
        pretraining = dataclasses.replace(pretraining, **PANTOMIME)
        linear = dataclasses.replace(linear, **PANTOMIME_LINEAR)
    if untrained:
        linear = dataclasses.replace(linear, zero_init_last=False)
    return pretraining, linear
