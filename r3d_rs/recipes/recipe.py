"""The recipe: every choice of a run, with the paper's values."""

import dataclasses
import hashlib
import json
import math


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides what a run computes, except its dataset and seed.

    The defaults train R3D-RS-50 as the paper does on Kinetics-400. "Code" below is the
    official implementation, tf-models-official 2.20.0.
    """

    #: Clips per example. The kind of recipe decides it, so it is not a field.
    clips_per_example = 1

    model: str = "r3d-rs-50"
    """Name of the network in `models.build` (Table 1)."""
    width: float = 1.0
    """Multiplier of every number of channels."""
    stem: str = "resnet-d"
    """Stem, "resnet-d" (§3.1) or "7x7" (the baseline)."""
    squeeze_excitation: float = 0.25
    """Ratio of squeeze-excitation (§3.1); 0 for none."""
    self_gating: str = "last"
    """Blocks with self-gating: "last" of each stage (code), "all" (§3.1) or "none"."""
    zero_init_last: bool = False
    """Start every residual branch at zero (not in the paper)."""

    span: int = 32
    """Number of consecutive frames that a clip spans (§3.3, Table 1)."""
    temporal_stride: int = 2
    """Distance between the frames of the span that the network sees (Table 1)."""
    size: int = 224
    """Height and width of a training crop, in pixels (§3.3)."""
    area_range: tuple[float, float] = (0.08, 1.0)
    """Share of a frame's area that a training crop covers. (0.08, 1) is scale jittering
    (§4.3, code); (0.49, 1) is the baseline's cropping without it (code)."""
    aspect_range: tuple[float, float] = (0.5, 2.0)
    """Width over height of a training crop before resizing (code)."""
    flip: bool = True
    """Mirror half of the training clips (code)."""
    randaugment_layers: int = 0
    """Operations of RandAugment per clip; 0 for none. §3.2 does not say how many; the
    code's default is 2."""
    randaugment_magnitude: float = 10.0
    """Strength of RandAugment, 0 to 30 (code's default; the paper does not say)."""
    per_frame: bool = False
    """Draw crop and RandAugment for each frame, instead of once per clip (§3.2)."""
    standardize: bool = False
    """Subtract each clip's mean and divide by its deviation (not in the paper)."""

    label_smoothing: float = 0.1
    """Label smoothing (§4.3)."""
    stochastic_depth: float = 0.2
    """Initial rate of stochastic depth (§4.3; the published YAML has 0.1)."""
    dropout: float = 0.5
    """Dropout rate before the head (§4.1)."""
    frozen: bool = False
    """Train only the head, on features scaled to length 1: linear evaluation (§5). All
    other weights and statistics stay fixed."""
    weight_decay: float = 4e-5
    """Weight decay `w`, as `w/2 · Σ‖kernel‖²` in the loss (§4.3, code). For AdamW, see
    `optimizers.optimizer`."""
    bn_momentum: float = 0.9
    """Momentum of normalization's statistics (code; the published YAML has 0)."""
    ema_decay: float = 0.0
    """Decay `d` of the averages of weights and normalization statistics that are
    evaluated; 0 for none. After step `t` it is `min(d, (1 + t) / (10 + t))`. Not in the
    paper; the published YAML has 0.9999."""
    precision: str = "mixed_bfloat16"
    """Dtype policy of the layers, "float32" or "mixed_bfloat16" (code)."""

    optimizer: str = "sgd"
    """Optimizer: "sgd" (§4.1), "lars" (§5) or "adamw"."""
    lars_excludes_bias_and_norm: bool = False
    """Under LARS, take SGD's steps for biases and normalization. §5 does not say; the
    code's default adapts them like kernels."""
    learning_rate: float = 0.8
    """Learning rate at the start of the cosine, for batches of `batch_size` (§4.1); see
    `with_batch_size`."""
    momentum: float = 0.9
    """Momentum of SGD and LARS (§4.1)."""
    nesterov: bool = True
    """Use Nesterov momentum with SGD (code; the paper does not say)."""
    clip_norm: float = 0.0
    """Largest global norm of the gradient; 0 for no clipping (not in the paper)."""
    batch_size: int = 1024
    """Clips per step (§4.1)."""
    epochs: int = 350
    """Number of epochs (§4.3)."""
    steps: int = 0
    """Number of steps, in place of `epochs`; 0 for `epochs` (§4.5 gives steps)."""
    warmup_epochs: float = 5.0
    """Epochs of linear warm-up (§4.1)."""
    micro_batches: int = 1
    """Number of equal parts to compute a batch in, one after the other, to save memory.
    The gradient is their mean. Each part is normalized by its own statistics, and
    updates the moving ones (not in the paper)."""
    rematerialize: bool = False
    """Recompute the inside of each block for its gradient instead of keeping it: less
    memory, more arithmetic, same results. JAX only. On a TPU, all but convolutions,
    dense layers and averages is recomputed anyway."""

    eval_size: int = 256
    """Height and width of an evaluation crop, in pixels (§4.1)."""
    temporal_views: int = 10
    """Clips per video in evaluation (§4.1)."""
    spatial_views: int = 3
    """Crops per clip in evaluation (§4.1)."""

    @property
    def frames(self) -> int:
        """Frames the network sees."""
        return self.span // self.temporal_stride


def with_batch_size(recipe: Recipe, batch_size: int) -> Recipe:
    """Return the recipe with another batch size and a matching learning rate.

    SGD's rate is proportional to the batch: the paper's 0.8 for 1,024 clips becomes
    0.05 for 64. AdamW's rate follows the square root, because the size of its steps
    does not depend on the size of the gradient.
    """
    scale = batch_size / recipe.batch_size
    if recipe.optimizer == "adamw":
        scale = math.sqrt(scale)
    return dataclasses.replace(
        recipe, batch_size=batch_size, learning_rate=recipe.learning_rate * scale
    )


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """Return the recipe with other epochs, and a warm-up of at most a fifth of them."""
    warmup = min(recipe.warmup_epochs, epochs / 5)
    return dataclasses.replace(recipe, epochs=epochs, steps=0, warmup_epochs=warmup)


#: Values that differ in the published YAML for R3D-RS-50 on Kinetics-400. Its 32 frames
#: with stride 2 span 64.
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
    """Return the recipe for JSON values, as returned by `as_dict`.

    Raises:
        TypeError: if a field does not exist, naming it, or if `values` is not a dict.
    """
    if not isinstance(values, dict):
        raise TypeError(f"a recipe is {values!r}; allowed is an object of its fields")
    pairs = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return Recipe(**pairs)


#: Fields that depend on a machine's memory, and not on the study.
DIVISION = ("micro_batches", "rematerialize")


def recipe_hash(recipe: Recipe) -> str:
    """Return the SHA-256 of the fields that differ from the defaults, in hexadecimal.

    A field that is added later therefore keeps the hashes of older records, if its
    default changes nothing. The fields of `DIVISION` do not count: a planned run is the
    same run on a chip with less memory.
    """
    kind = type(recipe)
    default = as_dict(kind()) | {name: getattr(recipe, name) for name in DIVISION}
    changed = {k: v for k, v in as_dict(recipe).items() if v != default[k]}
    if kind is not Recipe:
        changed["kind"] = kind.__name__
    text = json.dumps(changed, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def difference(a: Recipe, b: Recipe) -> dict[str, tuple]:
    """Return the fields that differ between two recipes, with both values."""
    one, other = dataclasses.asdict(a), dataclasses.asdict(b)
    return {k: (one[k], other[k]) for k in one if one[k] != other[k]}
