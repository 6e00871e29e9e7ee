"""The layers of a bottleneck block.

Tensors are `(batch, time, height, width, channel)`. Kernels are always stored in the
3-D shape `(time, height, width, in, out)`, so checkpoints do not depend on how a
convolution is computed.
"""

import keras
import numpy as np
from keras import ops

from r3d_rs.models.platform import for_tpu

#: Initializer of every convolution (official implementation, `resnet_3d.py`).
CONV_INITIALIZER = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"},
}


def fold_frames(x):
    """Reshape clips to images, `(batch * time, height, width, channel)`."""
    return ops.reshape(x, (-1, *x.shape[2:]))


def unfold_frames(x, frames: int):
    """Undo `fold_frames` for clips of `frames` frames."""
    return ops.reshape(x, (-1, frames, *x.shape[1:]))


def conv3d(x, kernel, strides=(1, 1, 1)):
    """Convolve clips with a 3-D kernel and SAME padding, in the fastest way.

    A TPU uses a 3-D convolution. Elsewhere, a 1×1×1 kernel with stride 1 becomes a
    matrix product. So does a 1×3×3 kernel if frames have at most 2×2 pixels. For other
    kernels, TensorFlow uses 3-D convolutions and JAX uses 2-D ones, which are twice as
    fast on a CPU.

    In JAX's 2-D form, a `k×1×1` kernel slides over images of (time, pixel). For any
    other kernel, the `k` input frames of each output frame are stacked as channels.

    Args:
        x: `(batch, time, height, width, in)`; only the batch size may be unknown.
        kernel: `(time, height, width, in, out)`.
        strides: strides over time, height and width.

    Returns:
        `(batch, ceil(time / s_t), ceil(height / s_h), ceil(width / s_w), out)`, equal
        to a 3-D convolution up to rounding.
    """
    if for_tpu():
        return ops.conv(x, kernel, strides, "same", "channels_last")
    taps, rows, columns = kernel.shape[:3]
    if (taps, rows, columns, *strides) == (1,) * 6:
        return _pointwise(x, kernel)
    if (
        (taps, rows, columns) == (1, 3, 3)
        and strides[0] == 1
        and max(x.shape[2:4]) <= 2
    ):
        y = _dense(fold_frames(x), kernel[0], strides[1:])
        return unfold_frames(y, x.shape[1])
    if keras.backend.backend() == "tensorflow":
        return ops.conv(x, kernel, strides, "same", "channels_last")
    return _conv2d(x, kernel, strides)


def _pointwise(x, kernel):
    channels, filters = kernel.shape[-2:]
    pixels = ops.reshape(x, (-1, channels))
    y = ops.matmul(pixels, ops.reshape(kernel, (channels, filters)))
    return ops.reshape(y, (-1, *x.shape[1:-1], filters))


def _dense(x, kernel, strides):
    """Convolve images of at most 2×2 pixels with one dense layer per image.

    The layer has one weight per pair of input and output pixels. This takes fewer
    multiplications than a convolution: in such small images most taps fall on padding.
    """
    _, height, width, channels = x.shape
    filters = kernel.shape[-1]
    rows, columns = _taps(height, strides[0]), _taps(width, strides[1])
    size = (height * width, rows.shape[1] * columns.shape[1], 9)
    taps = np.einsum("iot,jpu->ijoptu", rows, columns).reshape(size)
    kernel = ops.reshape(kernel, (9, channels, filters))
    weights = ops.einsum("iot,tcf->icof", ops.cast(taps, kernel.dtype), kernel)
    weights = ops.reshape(weights, (size[0] * channels, size[1] * filters))
    y = ops.matmul(ops.reshape(x, (-1, size[0] * channels)), weights)
    return ops.reshape(y, (-1, rows.shape[1], columns.shape[1], filters))


def _taps(size: int, stride: int) -> np.ndarray:
    """Return which of 3 taps connects each input to each output along one axis.

    Padding is SAME.

    Returns:
        `(input, output, tap)`: 1 if the tap connects the two, else 0.
    """
    out = -(-size // stride)
    before = max((out - 1) * stride + 3 - size, 0) // 2
    inputs, outputs, taps = np.ogrid[:size, :out, :3]
    return (inputs == outputs * stride + taps - before).astype("float32")


def _conv2d(x, kernel, strides):
    """Convolve clips with a 2-D convolution."""
    _, frames, height, width, channels = x.shape
    taps, rows, columns, _, filters = kernel.shape
    if taps > 1 and rows == columns == 1 and strides[1:] == (1, 1):
        pixels = ops.reshape(x, (-1, frames, height * width, channels))
        kernel = ops.reshape(kernel, (taps, 1, channels, filters))
        y = ops.conv(pixels, kernel, (strides[0], 1), "same", "channels_last")
        return ops.reshape(y, (-1, y.shape[1], height, width, filters))
    if taps > 1 or strides[0] > 1:
        x = _stack_taps(x, taps, strides[0])
        kernel = ops.transpose(kernel, (1, 2, 0, 3, 4))
    kernel = ops.reshape(kernel, (rows, columns, taps * channels, filters))
    y = ops.conv(fold_frames(x), kernel, strides[1:], "same", "channels_last")
    return unfold_frames(y, x.shape[1])


def _stack_taps(x, taps: int, stride: int):
    """Stack the `taps` input frames of each output frame along the channels."""
    frames = x.shape[1]
    out = -(-frames // stride)
    padding = max((out - 1) * stride + taps - frames, 0)
    before = padding // 2  # SAME puts an odd frame of padding at the end
    x = ops.pad(x, [(0, 0), (before, padding - before), (0, 0), (0, 0), (0, 0)])
    last = (out - 1) * stride + 1
    return ops.concatenate([x[:, t : t + last : stride] for t in range(taps)], axis=-1)


@keras.saving.register_keras_serializable("r3d_rs")
class Conv3D(keras.layers.Layer):
    """3-D convolution with SAME padding and no bias, computed by `conv3d`.

    Args:
        filters: number of output channels.
        kernel_size: kernel size over time, height and width.
        strides: strides over time, height and width.
    """

    def __init__(self, filters, kernel_size, strides=(1, 1, 1), **kwargs):
        """Store the geometry; `build` creates the kernel."""
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)

    def build(self, input_shape):
        """Create the kernel `(time, height, width, in, out)`."""
        self.kernel = self.add_weight(
            (*self.kernel_size, input_shape[-1], self.filters),
            initializer=keras.initializers.get(CONV_INITIALIZER),
            name="kernel",
        )

    def call(self, x):
        """Convolve clips."""
        return conv3d(x, ops.convert_to_tensor(self.kernel), self.strides)

    def compute_output_shape(self, input_shape):
        """Return the output shape, `ceil(size / stride)` along each axis."""
        sizes = zip(input_shape[1:4], self.strides, strict=True)
        return (input_shape[0], *(-(-n // s) for n, s in sizes), self.filters)

    def get_config(self):
        """Return the arguments."""
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
        }


class _SameShape(keras.layers.Layer):
    """Layer that keeps the shape of its input."""

    def compute_output_shape(self, input_shape):
        """Return the input's shape."""
        return input_shape


@keras.saving.register_keras_serializable("r3d_rs")
class BatchNorm(_SameShape):
    """Batch normalization over all axes except the channel.

    It computes the same numbers as Keras' own layer: statistics are in float32, and the
    moving variance is the biased one. On TensorFlow, one fused operation over folded
    frames replaces several passes over memory. On JAX, the statistics take one pass,
    which the compiler fuses with the preceding convolution.

    Args:
        momentum: momentum of the moving statistics.
        epsilon: constant added to the variance; 1e-5 in the official implementation
            (Keras' default is 1e-3).
        zero_scale: whether the scale starts at zero instead of one.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, zero_scale=False, **kwargs):
        """Store the settings; `build` creates the four variables."""
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon
        self.zero_scale = zero_scale

    def build(self, input_shape):
        """Create scale, offset and moving statistics, in float32."""

        def channels(name, initializer, **options):
            return keras.Variable(
                initializer,
                (input_shape[-1],),
                name=name,
                autocast=False,
                **options,
            )

        self.gamma = channels("gamma", "zeros" if self.zero_scale else "ones")
        self.beta = channels("beta", "zeros")
        # With several TensorFlow devices, each has its own copy; a read averages them.
        each = {
            "trainable": False,
            "synchronization": "on_read",
            "aggregation": "mean",
        }
        self.moving_mean = channels("moving_mean", "zeros", **each)
        self.moving_variance = channels("moving_variance", "ones", **each)

    def call(self, x, training=False):
        """Normalize with batch statistics in training, else with moving statistics."""
        if keras.backend.backend() != "tensorflow":
            return gated_norm(self, (), x, training)
        training = training and self.trainable
        y, mean, variance = _fused(self, x, training)
        if training:
            self.move(mean, variance)
        return y

    def move(self, mean, variance):
        """Update the moving statistics from a batch's mean and variance."""
        for moving, batch in (
            (self.moving_mean, mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))

    def get_config(self):
        """Return the arguments."""
        return super().get_config() | {
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "zero_scale": self.zero_scale,
        }


def _fused(norm: BatchNorm, x, training):
    import tensorflow as tf

    folded = fold_frames(x)
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=folded,
        scale=ops.convert_to_tensor(norm.gamma),
        offset=ops.convert_to_tensor(norm.beta),
        mean=[] if training else ops.convert_to_tensor(norm.moving_mean),
        variance=[] if training else ops.convert_to_tensor(norm.moving_variance),
        epsilon=norm.epsilon,
        is_training=training,
    )
    if training:  # the fused operation returns the unbiased variance
        count = tf.cast(tf.reduce_prod(tf.shape(folded)[:3]), variance.dtype)
        variance = variance * (count - 1) / count
    return unfold_frames(y, x.shape[1]), mean, variance


def gated_norm(norm: BatchNorm, gates, x, training=False):
    """Normalize and apply gates in two passes over `x`.

    The first pass takes averages. Normalization and gates together are one affine
    function per clip and channel, which the second pass applies. The gates' inputs
    follow from the averages of `x`, so no intermediate tensor is computed.

    Args:
        norm: normalization, applied first.
        gates: layers with a `gate_of` method, such as `SelfGating`, in order.
        x: `(batch, time, height, width, channel)`.
        training: whether to normalize with the batch's statistics.

    Returns:
        The same as calling the layers one after the other, up to rounding.
    """
    training = training and norm.trainable
    # The variance is the difference of two averages; centering keeps it precise.
    wide = ops.cast(x, "float32") - norm.moving_mean.value
    mean, variance = 0, norm.moving_variance.value
    pooled = _pool(wide)
    if training:
        mean = ops.mean(pooled, axis=0)
        squares = ops.mean(ops.square(wide), axis=(0, 1, 2, 3))
        variance = ops.maximum(squares - ops.square(mean), 0)
        norm.move(norm.moving_mean + mean, variance)
    scale = norm.gamma * ops.rsqrt(variance + norm.epsilon)
    offset = norm.beta - mean * scale
    for gate in gates:
        factor = gate.gate_of(pooled * scale + offset)
        scale, offset = scale * factor, offset * factor
    if gates:
        scale, offset = (one[:, None, None, None] for one in (scale, offset))
    return ops.cast(wide * scale + offset, x.dtype)


def _pool(x):
    """Average over time and space: `(batch, channel)`."""
    return ops.mean(x, axis=(1, 2, 3))


class _Gate(_SameShape):
    """Layer that multiplies each channel of a clip by a gate from `gate_of`."""

    def call(self, x):
        """Multiply each channel by its gate."""
        return x * self.gate_of(_pool(x))[:, None, None, None, :]


@keras.saving.register_keras_serializable("r3d_rs")
class SqueezeExcitation(_Gate):
    """Squeeze-and-excitation over time and space (§3.1).

    Args:
        ratio: hidden units per channel; 0.25 in the paper.
    """

    def __init__(self, ratio, **kwargs):
        """Store the ratio; `build` creates the two dense layers."""
        super().__init__(**kwargs)
        self.ratio = ratio

    def build(self, input_shape):
        """Create the reducing and the expanding dense layers."""
        channels = input_shape[-1]
        hidden = max(1, int(channels * self.ratio))
        for name, units, inputs, activation in (
            ("reduce", hidden, channels, "relu"),
            ("expand", channels, hidden, "sigmoid"),
        ):
            layer = keras.layers.Dense(
                units,
                activation=activation,
                kernel_initializer=keras.initializers.get(CONV_INITIALIZER),
                name=name,
                dtype=self.dtype_policy,
            )
            layer.build((None, inputs))
            setattr(self, name, layer)

    def gate_of(self, pooled):
        """Return the gates `(batch, channel)` for averages over time and space."""
        return self.expand(self.reduce(pooled))

    def get_config(self):
        """Return the arguments."""
        return super().get_config() | {"ratio": self.ratio}


@keras.saving.register_keras_serializable("r3d_rs")
class SelfGating(_Gate):
    """Self-gating of S3D-G (§3.1).

    A dense layer with a sigmoid turns the pooled channels into one gate per channel.
    """

    def build(self, input_shape):
        """Create the gate, a dense layer from channels to channels."""
        channels = input_shape[-1]
        self.gate = keras.layers.Dense(
            channels,
            activation="sigmoid",
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.01),
            name="gate",
            dtype=self.dtype_policy,
        )
        self.gate.build((None, channels))

    def gate_of(self, pooled):
        """Return the gates `(batch, channel)` for averages over time and space."""
        return self.gate(pooled)


@keras.saving.register_keras_serializable("r3d_rs")
class StochasticDepth(_SameShape):
    """Drop the whole residual of a clip with probability `rate` in training.

    Kept residuals are divided by `1 - rate`, so inference needs no scaling.
    """

    def __init__(self, rate, **kwargs):
        """Store the rate and create a seed generator."""
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, x, training=False):
        """Drop residuals in training."""
        if not training or self.rate == 0:
            return x
        keep = 1 - self.rate
        draw = keras.random.uniform(
            (ops.shape(x)[0], 1, 1, 1, 1), seed=self.seed_generator
        )
        return x * ops.cast(ops.floor(keep + draw) / keep, x.dtype)

    def get_config(self):
        """Return the arguments."""
        return super().get_config() | {"rate": self.rate}


@keras.saving.register_keras_serializable("r3d_rs")
class MaxPool(keras.layers.Layer):
    """Max-pooling after the stem: 1×3×3, stride 1×2×2, SAME padding."""

    def call(self, x):
        """Pool each frame."""
        y = ops.max_pool(fold_frames(x), 3, 2, "same", "channels_last")
        return unfold_frames(y, x.shape[1])

    def compute_output_shape(self, input_shape):
        """Return the shape with height and width halved, rounded up."""
        batch, frames, height, width, channels = input_shape
        return (batch, frames, -(-height // 2), -(-width // 2), channels)
