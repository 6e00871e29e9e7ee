"""3D ResNets: the paper's R3D-50 baseline and R3D-RS-50 to 350 (Table 1).

The architecture follows the official implementation (`backbones/resnet_3d.py` and
`layers/nn_blocks_3d.py` of tf-models-official 2.20.0). If its code and the paper's text
differ, the defaults reproduce the paper's parameter counts.
"""

import itertools
import math
from numbers import Integral, Real

import keras
from keras import ops

from r3d_rs.models.layers import (
    BatchNorm,
    Conv3D,
    MaxPool,
    SelfGating,
    SqueezeExcitation,
    StochasticDepth,
    gated_norm,
)
from r3d_rs.models.platform import for_tpu
from r3d_rs.models.repeat import LOOPED, is_traced, recomputed, repeated

#: Blocks in stages C2 to C5, by depth. Depth 14 is for tests and first experiments.
DEPTHS = {
    14: (1, 1, 1, 1),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
    270: (4, 29, 53, 4),
    300: (4, 36, 54, 4),
    350: (4, 36, 72, 4),
}

#: Depth, stem and squeeze-excitation ratio of each named network.
NAMES = {"r3d-50": (50, "7x7", 0.0)} | {
    f"r3d-rs-{depth}": (depth, "resnet-d", 0.25) for depth in DEPTHS if depth != 14
}

#: The same for small networks that the study does not report.
TINY_NAMES = {"r3d-14": (14, "7x7", 0.0), "r3d-rs-14": (14, "resnet-d", 0.25)}

#: Allowed ranges of numeric arguments, each with a type and a check of the value.
NUMBERS = {
    "an integer >= 1": (Integral, lambda value: value >= 1),
    "a number > 0": (Real, lambda value: 0 < value < math.inf),
    "a ratio from 0 (none) to 1": (Real, lambda value: 0 <= value <= 1),
    "0 <= rate < 1": (Real, lambda value: 0 <= value < 1),
}
STEMS = ("resnet-d", "7x7")
SELF_GATING = ("last", "all", "none")

#: Filters of a block's first two convolutions, C2 to C5; the third has 4 times as many.
FILTERS = (64, 128, 256, 512)
#: Temporal kernel size of each block's first convolution in C2 to C5.
TEMPORAL_KERNELS = (1, 1, 3, 3)


class Bottleneck(keras.layers.Layer):
    """Residual block: k×1×1, 1×3×3 and 1×1×1 convolutions, gates, stochastic depth.

    Self-gating precedes squeeze-excitation, as in the official implementation. The
    paper's §3.1 names them in the reverse order.

    Args:
        filters: filters of the first two convolutions; the third has `4 * filters`.
        temporal_kernel: temporal kernel size of the first convolution.
        stride: spatial stride of the 1×3×3 convolution and the shortcut.
        projection: whether the shortcut is a convolution, as in a stage's first block.
        squeeze_excitation: ratio of squeeze-excitation; 0 for none.
        self_gating: whether the block has self-gating.
        stochastic_depth: probability of dropping the residual in training.
        zero_init_last: whether the last normalization's scale starts at zero.
        bn_momentum: momentum of normalization's moving statistics.
        rematerialize: whether to recompute the whole block for its gradient (JAX only).
            A TPU recomputes everything except the results of `repeat.KEPT` anyway.
    """

    def __init__(
        self,
        filters,
        temporal_kernel=1,
        stride=1,
        projection=False,
        squeeze_excitation=0.0,
        self_gating=False,
        stochastic_depth=0.0,
        zero_init_last=False,
        bn_momentum=0.9,
        rematerialize=False,
        **kwargs,
    ):
        """Create the block's layers."""
        super().__init__(**kwargs)
        self.rematerialize = rematerialize
        # The blocks of a stage differ only in these settings.
        self.form = (stride, projection, self_gating)

        def conv(name, filters, kernel_size, stride=1):
            return Conv3D(
                filters,
                kernel_size,
                (1, stride, stride),
                name=name,
                dtype=self.dtype_policy,
            )

        def norm(name, zero_scale=False):
            return BatchNorm(
                bn_momentum,
                zero_scale=zero_scale,
                name=name,
                dtype=self.dtype_policy,
            )

        self.shortcut_conv = self.shortcut_norm = None
        if projection:
            self.shortcut_conv = conv("shortcut_conv", 4 * filters, (1, 1, 1), stride)
            self.shortcut_norm = norm("shortcut_norm")
        self.temporal_conv = conv("temporal_conv", filters, (temporal_kernel, 1, 1))
        self.norm1 = norm("norm1")
        self.spatial_conv = conv("spatial_conv", filters, (1, 3, 3), stride)
        self.norm2 = norm("norm2")
        self.expand_conv = conv("expand_conv", 4 * filters, (1, 1, 1))
        self.norm3 = norm("norm3", zero_init_last)
        self.self_gating = self.squeeze_excitation = None
        if self_gating:
            self.self_gating = SelfGating(name="self_gating", dtype=self.dtype_policy)
        if squeeze_excitation:
            self.squeeze_excitation = SqueezeExcitation(
                squeeze_excitation, name="squeeze_excitation", dtype=self.dtype_policy
            )
        self.stochastic_depth = StochasticDepth(
            stochastic_depth, name="stochastic_depth", dtype=self.dtype_policy
        )

    def build(self, input_shape):
        """Build every layer of the block."""
        if self.shortcut_conv is not None:
            self.shortcut_conv.build(input_shape)
            self.shortcut_norm.build(
                self.shortcut_conv.compute_output_shape(input_shape)
            )
        residual = [
            self.temporal_conv,
            self.norm1,
            self.spatial_conv,
            self.norm2,
            self.expand_conv,
            self.norm3,
            self.self_gating,
            self.squeeze_excitation,
            self.stochastic_depth,
        ]
        for layer in residual:
            if layer is not None:
                layer.build(input_shape)
                input_shape = layer.compute_output_shape(input_shape)

    def call(self, x, training=False):
        """Return `relu(shortcut(x) + residual(x))`."""
        again, on_jax = self.rematerialize, keras.backend.backend() == "jax"
        if not (on_jax and training and (again or for_tpu()) and is_traced(x)):
            return self._forward(x, training)
        return recomputed(self, lambda x: self._forward(x, True), x, keep=not again)

    def _forward(self, x, training):
        shortcut = x
        if self.shortcut_conv is not None:
            shortcut = self.shortcut_norm(self.shortcut_conv(x), training=training)
        x = ops.relu(self.norm1(self.temporal_conv(x), training=training))
        x = ops.relu(self.norm2(self.spatial_conv(x), training=training))
        x = self.expand_conv(x)
        gates = [self.self_gating, self.squeeze_excitation]
        gates = [gate for gate in gates if gate is not None]
        if keras.backend.backend() == "jax":
            x = gated_norm(self.norm3, gates, x, training)
        else:
            x = self.norm3(x, training=training)
            for gate in gates:
                x = gate(x)
        x = self.stochastic_depth(x, training=training)
        return ops.relu(x + shortcut)

    def compute_output_shape(self, input_shape):
        """Return the output shape."""
        shape = self.spatial_conv.compute_output_shape(input_shape)
        return (*shape[:-1], 4 * shape[-1])


@keras.saving.register_keras_serializable("r3d_rs")
class Stage(keras.layers.Layer):
    """The bottleneck blocks of one stage, C2 to C5, in sequence.

    For a TPU, `repeat.LOOPED` or more consecutive equal blocks are compiled once.

    `Bottleneck` documents the arguments that are not listed here.

    Args:
        blocks: number of blocks.
        stride: spatial stride of the first block, the only one with a projection.
        self_gating: which blocks have self-gating: "last", "all" or "none".
    """

    def __init__(
        self,
        blocks,
        filters,
        temporal_kernel=1,
        stride=1,
        self_gating="last",
        squeeze_excitation=0.0,
        stochastic_depth=0.0,
        zero_init_last=False,
        bn_momentum=0.9,
        rematerialize=False,
        **kwargs,
    ):
        """Store the settings; `build` creates the blocks."""
        super().__init__(**kwargs)
        self.number, self.stride, self.self_gating = blocks, stride, self_gating
        self.settings = {
            "filters": filters,
            "temporal_kernel": temporal_kernel,
            "squeeze_excitation": squeeze_excitation,
            "stochastic_depth": stochastic_depth,
            "zero_init_last": zero_init_last,
            "bn_momentum": bn_momentum,
            "rematerialize": rematerialize,
        }
        self.blocks = []

    def build(self, input_shape):
        """Create and build the blocks in order."""
        for number in range(1, self.number + 1):
            first, last = number == 1, number == self.number
            block = Bottleneck(
                **self.settings,
                stride=self.stride if first else 1,
                projection=first,
                self_gating=self.self_gating == "all"
                or (self.self_gating == "last" and last),
                name=f"block{number}",
                dtype=self.dtype_policy,
            )
            block.build(input_shape)
            input_shape = block.compute_output_shape(input_shape)
            self.blocks.append(block)

    def call(self, x, training=False):
        """Apply the blocks in order."""
        for _, group in itertools.groupby(self.blocks, lambda block: block.form):
            alike = list(group)
            if len(alike) >= LOOPED and for_tpu() and is_traced(x):
                x = repeated(alike, x, training=training)
            else:
                for block in alike:
                    x = block(x, training=training)
        return x

    def compute_output_shape(self, input_shape):
        """Return the output shape."""
        batch, frames, height, width, _ = input_shape
        sizes = (-(-size // self.stride) for size in (height, width))
        return (batch, frames, *sizes, 4 * self.settings["filters"])

    def get_config(self):
        """Return the arguments."""
        own = {
            "blocks": self.number,
            "stride": self.stride,
            "self_gating": self.self_gating,
        }
        return super().get_config() | self.settings | own


def build(
    name: str,
    frames: int = 16,
    size: int = 224,
    num_classes: int = 400,
    *,
    width: float = 1.0,
    stem: str | None = None,
    squeeze_excitation: float | None = None,
    self_gating: str = "last",
    stochastic_depth: float = 0.0,
    dropout: float = 0.5,
    zero_init_last: bool = False,
    bn_momentum: float = 0.9,
    rematerialize: bool = False,
) -> keras.Model:
    """Build a 3D ResNet that maps clips to logits.

    Args:
        name: "r3d-50" (the paper's baseline) or "r3d-rs-50" to "r3d-rs-350". It sets
            depth, stem and squeeze-excitation, but nothing about training. "r3d-14" and
            "r3d-rs-14" are small networks for tests.
        frames: number of frames in a clip; the paper's 32 frames at stride 2 are 16.
        size: height and width of a frame, in pixels.
        num_classes: length of the logits.
        width: multiplier for all numbers of channels.
        stem: "resnet-d" (three convolutions) or "7x7" (one). None uses the name's stem.
        squeeze_excitation: ratio of squeeze-excitation; 0 for none. None uses the
            name's ratio, 0.25 for R3D-RS and 0 for R3D.
        self_gating: which blocks have self-gating. "last" (of each stage) gives the
            parameter counts of Table 3. §3.1 describes "all". "none" turns it off.
        stochastic_depth: initial rate `r` (§4.3: 0.2). Blocks of stage `i` drop with
            rate `r * i / 5`, as in the official implementation.
        dropout: dropout rate before the head.
        zero_init_last: whether the scale of each block's last normalization starts at
            zero (not in the paper; used by the pantomime and small scales).
        bn_momentum: momentum of normalization's moving statistics.
        rematerialize: whether to recompute the inside of each block for its gradient
            instead of keeping it (JAX only). This takes less memory and more
            arithmetic, with the same results. TensorFlow ignores it.

    Returns:
        A functional model from clips `(batch, frames, size, size, 3)` with values in
        [0, 1] to float32 logits `(batch, num_classes)`. Its weights fit any other
        `frames` and `size`.

    Raises:
        ValueError: if an argument is not allowed, naming it and the allowed values.
    """
    names = NAMES | TINY_NAMES
    if name not in names:
        raise ValueError(f"name is {name!r}; allowed are {', '.join(names)}")
    depth, named_stem, named_ratio = names[name]
    stem = named_stem if stem is None else stem
    ratio = named_ratio if squeeze_excitation is None else squeeze_excitation
    for argument, value, allowed in (
        ("frames", frames, "an integer >= 1"),
        ("size", size, "an integer >= 1"),
        ("num_classes", num_classes, "an integer >= 1"),
        ("width", width, "a number > 0"),
        ("stem", stem, STEMS),
        ("squeeze_excitation", ratio, "a ratio from 0 (none) to 1"),
        ("self_gating", self_gating, SELF_GATING),
        ("stochastic_depth", stochastic_depth, "0 <= rate < 1"),
        ("dropout", dropout, "0 <= rate < 1"),
        ("zero_init_last", zero_init_last, (True, False)),
        ("rematerialize", rematerialize, (True, False)),
        ("bn_momentum", bn_momentum, "0 <= rate < 1"),
    ):
        _check(argument, value, allowed)

    def channels(filters):
        return max(1, int(filters * width))

    clip = keras.Input((frames, size, size, 3), name="clip")
    x = _stem(clip, stem, channels, bn_momentum)
    for stage, (blocks, filters, temporal_kernel) in enumerate(
        zip(DEPTHS[depth], FILTERS, TEMPORAL_KERNELS, strict=True), start=2
    ):
        x = Stage(
            blocks,
            channels(filters),
            temporal_kernel,
            stride=2 if stage > 2 else 1,
            self_gating=self_gating,
            squeeze_excitation=ratio,
            stochastic_depth=stochastic_depth * stage / 5,
            zero_init_last=zero_init_last,
            bn_momentum=bn_momentum,
            rematerialize=rematerialize,
            name=f"stage{stage}",
        )(x)
    x = keras.layers.GlobalAveragePooling3D("channels_last", name="pool")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    logits = keras.layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.RandomUniform(-0.05, 0.05),
        dtype="float32",
        name="head",
    )(x)
    return keras.Model(clip, logits, name=name.replace("-", "_"))


def _check(argument: str, value, allowed) -> None:
    if isinstance(allowed, tuple):
        if value not in allowed:
            listed = ", ".join(map(str, allowed))
            raise ValueError(f"{argument} is {value!r}; allowed are {listed}")
        return
    kind, fits = NUMBERS[allowed]
    # In Python, a bool is an integer.
    if isinstance(value, bool) or not isinstance(value, kind) or not fits(value):
        raise ValueError(f"{argument} is {value!r}; allowed is {allowed}")


def _stem(x, stem: str, channels, bn_momentum: float):
    """Apply stem and pooling, which halve time once and space twice (Table 1)."""
    if stem == "resnet-d":
        convolutions = [(32, (5, 3, 3), 2), (32, (1, 3, 3), 1), (64, (1, 3, 3), 1)]
    else:
        convolutions = [(64, (5, 7, 7), 2)]
    for i, (filters, kernel_size, stride) in enumerate(convolutions, start=1):
        x = Conv3D(channels(filters), kernel_size, (stride,) * 3, name=f"stem_conv{i}")(
            x
        )
        x = BatchNorm(bn_momentum, name=f"stem_norm{i}")(x)
        x = keras.layers.ReLU(name=f"stem_relu{i}")(x)
    return MaxPool(name="stem_pool")(x)
