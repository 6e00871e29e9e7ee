"""Recipes for contrastive pre-training and linear evaluation (§5, Table 6)."""

import dataclasses

from r3d_rs.recipes import scales, table2
from r3d_rs.recipes.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class ContrastiveRecipe(Recipe):
    """Recipe for pre-training by CVRL; it changes some defaults of `Recipe`.

    Optimizer, rate, batch and epochs are the paper's (§5). Other choices follow the
    published code and its configuration for a plain R3D-50. "Code" below is
    tf-models-official 2.20.0, `projects/video_ssl`. Neither source says whether R3D-RS
    keeps its stochastic depth here; this recipe has none.
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
    """Temperature of the loss (code)."""
    directions: str = "sum"
    """Combine the losses from first to second view and back by "sum" (code) or "mean".
    The paper does not say."""
    divided_by_replicas: bool = False
    """Average the loss over devices, as the supervised code does. If false, sum it, as
    this code does; gradients then grow with the number of devices. The paper does not
    say."""
    projection_width: int = 2048
    """Width of the projection head's hidden layers, times `width` (code)."""
    projection_layers: int = 3
    """Number of hidden layers in the projection head (code)."""
    projection_size: int = 128
    """Length of a projection (code)."""
    projection_bn_momentum: float = 0.997
    """Momentum of the projection head's moving statistics (code)."""

    jitter_strength: float = 1.0
    """Strength of jitter in brightness, contrast, saturation and hue (code)."""
    jitter_probability: float = 0.8
    """Probability of color jitter for a view (code)."""
    gray_probability: float = 0.2
    """Probability of a gray view (code)."""
    blur_probability: tuple[float, float] = (1.0, 0.1)
    """Probabilities of blur for the first and second view (code); see `SYMMETRIC`."""
    solarize_probability: tuple[float, float] = (0.0, 0.2)
    """Probabilities of solarization for the first and second view (code)."""


#: The augmentation of the CVRL paper and the first published code: both views alike.
SYMMETRIC = {"blur_probability": (0.5, 0.5), "solarize_probability": (0.0, 0.0)}

#: Changes to R3D-RS's recipe for linear evaluation. Rate, batch and epochs are the
#: paper's (§5). The others follow the published code, in which clips span 64 frames.
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

#: Fields that define the network.
NETWORK = ("model", "stem", "squeeze_excitation", "self_gating")

#: Changes at the pantomime scale, in addition to `scales.PANTOMIME`. Some classes are
#: mirror images of each other. A method without labels cannot know which, so clips are
#: not flipped.
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
    """Return a network's recipes for pre-training and linear evaluation.

    R3D-50 has no self-gating, as in the published configuration.

    Args:
        model: name of a network of `models.build`.
        scale: a name in `scales.SCALES`.
        untrained: whether the evaluated backbone has random weights. Then no branch
            starts at zero, because it would have no effect.
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
