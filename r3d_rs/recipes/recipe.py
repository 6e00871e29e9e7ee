"""The recipe: every choice that a run is made of, with the paper's values."""

import dataclasses
import hashlib
import json
import math


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run computes, but its dataset and seed.

    The defaults are R3D-RS-50 as the paper trains it on Kinetics-400. "Code" below is
    the official implementation, tf-models-official 2.20.0.
    """

    #: Clips that an example has; of the kind of recipe, and so no field.
    clips_per_example = 1

    model: str = "r3d-rs-50"
    """Architecture, a name of `models.build` (Table 1)."""
    width: float = 1.0
    """Multiplier of every number of channels."""
    stem: str = "resnet-d"
    """"resnet-d" (§3.1) or "7x7" (the baseline)."""
    squeeze_excitation: float = 0.25
    """Ratio (§3.1), 0 for none."""
    self_gating: str = "last"
    """Blocks with self-gating: "last" of each stage (code), "all" (§3.1), "none"."""
    zero_init_last: bool = False
    """Start every residual branch at zero (not in the paper)."""

    span: int = 32
    """Consecutive frames that a clip spans (§3.3, Table 1)."""
    temporal_stride: int = 2
    """Distance in the span between frames that the network sees (Table 1)."""
    size: int = 224
    """Height and width of a training crop, pixels (§3.3)."""
    area_range: tuple[float, float] = (0.08, 1.0)
    """Share of a frame's area that a training crop covers: (0.08, 1) is scale jittering
    (§4.3, code), (0.49, 1) the baseline's cropping without it (code)."""
    aspect_range: tuple[float, float] = (0.5, 2.0)
    """Width over height of a training crop before resizing (code)."""
    flip: bool = True
    """Mirror half of the training clips (code)."""
    randaugment_layers: int = 0
    """Operations of RandAugment a clip, 0 for none (§3.2, which does not say how many;
    the code's default is 2)."""
    randaugment_magnitude: float = 10.0
    """Strength of the operations, from 0 to 30 (code's default; the paper does not
    say)."""
    per_frame: bool = False
    """Draw the crop and RandAugment for each frame, instead of once a clip as the paper
    does (§3.2)."""
    standardize: bool = False
    """Subtract each clip's mean and divide by its deviation (not in the paper)."""

    label_smoothing: float = 0.1
    """§4.3."""
    stochastic_depth: float = 0.2
    """Initial rate (§4.3; the published YAML has 0.1)."""
    dropout: float = 0.5
    """Before the head (§4.1)."""
    frozen: bool = False
    """Train the head alone, on features of length 1 from a network whose weights and
    statistics stay as they are: linear evaluation (§5)."""
    weight_decay: float = 4e-5
    """`w`, as `w/2 · Σ‖kernel‖²` in the loss (§4.3, code); see `optimizers.optimizer`
    for AdamW."""
    bn_momentum: float = 0.9
    """Of the moving statistics (code; the published YAML has 0)."""
    ema_decay: float = 0.0
    """Decay `d` of the averages of weights and normalization statistics that are
    evaluated, `min(d, (1 + t) / (10 + t))` after step `t`; 0 for none (not in the
    paper; the published YAML has 0.9999)."""
    precision: str = "mixed_bfloat16"
    """Policy of the layers, "float32" or "mixed_bfloat16" (code)."""

    optimizer: str = "sgd"
    """"sgd" (§4.1), "lars" (§5) or "adamw"."""
    lars_excludes_bias_and_norm: bool = False
    """Give biases and normalization SGD's steps under LARS (§5 does not say; the code's
    default is that they are adapted like kernels)."""
    learning_rate: float = 0.8
    """At the start of the cosine decay, for batches of `batch_size` (§4.1); see
    `with_batch_size`."""
    momentum: float = 0.9
    """§4.1."""
    nesterov: bool = True
    """Code; the paper does not say."""
    clip_norm: float = 0.0
    """Largest global norm of the gradient, 0 for none (not in the paper)."""
    batch_size: int = 1024
    """Clips a step (§4.1)."""
    epochs: int = 350
    """§4.3."""
    steps: int = 0
    """In all, instead of `epochs`; 0 for those (§4.5 gives fine-tuning in steps)."""
    warmup_epochs: float = 5.0
    """Of linear warm-up (§4.1)."""
    micro_batches: int = 1
    """Equal parts that a batch is computed in, one after the other, where a device's
    memory is too small for all of it. The gradient is their mean; each part is
    normalized by its own statistics, which move once a part (not in the paper)."""
    rematerialize: bool = False
    """Compute what is inside a block again for its gradient instead of keeping it: less
    memory, more arithmetic, the same results. On JAX alone; for a TPU all but the
    convolutions is computed again anyway."""

    eval_size: int = 256
    """Height and width of an evaluation crop, pixels (§4.1)."""
    temporal_views: int = 10
    """Clips per video in evaluation (§4.1)."""
    spatial_views: int = 3
    """Crops per clip in evaluation (§4.1)."""

    @property
    def frames(self) -> int:
        """Frames the network sees."""
        return self.span // self.temporal_stride


def with_batch_size(recipe: Recipe, batch_size: int) -> Recipe:
    """Change the batch, and the learning rate with it.

    SGD's is in proportion: the paper's rate of 0.8 is for 1,024 clips; for 64 it is
    0.05. AdamW's follows the square root, as the size of its steps does not depend on
    the gradient's.
    """
    scale = batch_size / recipe.batch_size
    if recipe.optimizer == "adamw":
        scale = math.sqrt(scale)
    return dataclasses.replace(
        recipe, batch_size=batch_size, learning_rate=recipe.learning_rate * scale
    )


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """Change how long training is, and its warm-up to a fifth of that at most."""
    warmup = min(recipe.warmup_epochs, epochs / 5)
    return dataclasses.replace(recipe, epochs=epochs, steps=0, warmup_epochs=warmup)


#: What the published YAML, of R3D-RS-50 on Kinetics-400, has instead. Its 32 frames
#: with stride 2 are a span of 64.
PUBLISHED = {
    "span": 64,
    "stochastic_depth": 0.1,
    "bn_momentum": 0.0,
    "ema_decay": 0.9999,
}


def as_dict(recipe: Recipe) -> dict:
    """Return the fields as plain JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(recipe)))


def from_dict(values: dict) -> Recipe:
    """Return the recipe of JSON values, as `as_dict` gives them.

    Raises:
        TypeError: naming a field that there is not, or what is there for the fields.
    """
    if not isinstance(values, dict):
        raise TypeError(f"a recipe is {values!r}; allowed is an object of its fields")
    pairs = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Recipe(**pairs)


#: How a machine computes a batch, which its memory decides and not the study.
DIVISION = ("micro_batches", "rematerialize")


def recipe_hash(recipe: Recipe) -> str:
    """Return the SHA-256 of the fields that are not the defaults, in hexadecimal.

    So a field that is added later, with a default that changes nothing, leaves the
    hashes of older records as they are. Those of `DIVISION` are left out: a run that
    was planned is the same run on a chip with less memory.
    """
    kind = type(recipe)
    default = as_dict(kind()) | {name: getattr(recipe, name) for name in DIVISION}
    changed = {k: v for k, v in as_dict(recipe).items() if v != default[k]}
    if kind is not Recipe:
        changed["kind"] = kind.__name__
    text = json.dumps(changed, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def difference(a: Recipe, b: Recipe) -> dict[str, tuple]:
    """Return the fields in which two recipes differ, with both values."""
    one, other = dataclasses.asdict(a), dataclasses.asdict(b)
    return {k: (one[k], other[k]) for k in one if one[k] != other[k]}
