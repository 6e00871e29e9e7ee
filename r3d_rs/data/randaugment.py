"""RandAugment for clips: a few random operations, the same for all frames.

Sources: §3.2 of the paper, which does not publish its settings; RandAugment,
arXiv 1909.13719; and `vision/ops/augment.py` of the official implementation,
tf-models-official 2.20.0. The official implementation gives all operations except
Identity, their strengths, the reflecting borders and the shears about the first row or
column.

These official choices are followed on purpose:

- AutoContrast and Equalize use the statistics of the whole clip.
- Cutout greys a cuboid, and ignores the magnitude.
- A drawn operation is always applied.
- Posterize and Solarize weaken as the magnitude grows.

These official choices are not followed:

- The threshold of Solarize wraps around in uint8: magnitude 10 (threshold 256) inverts
  every pixel. Here it inverts none.
- Posterize may keep no bits, or be asked for more than eight.
- Contrast starts from each channel's mean, not from the mean grey.
- Geometric operations take the nearest pixel instead of interpolating.
- Translations are in pixels, whatever the frame's size.
- Levels are truncated instead of rounded.
- Draws are not reproducible functions of a seed.
"""

import functools
import math
import numbers

import tensorflow as tf

#: The grey level that Cutout fills with.
GREY = 128

#: The largest magnitude allowed; Rotate is a quarter turn there.
MAX_MAGNITUDE = 30


def rand_augment(clip, layers: int, magnitude: float, seed):
    """Apply `layers` operations, each drawn uniformly from `OPERATIONS`.

    Each operation and its direction are drawn once, for all frames.

    Args:
        clip: uint8 `(time, height, width, 3)`.
        layers: number of operations, at least 1. Identity counts as an operation.
        magnitude: magnitude of every operation, from 0 to 30.
        seed: two integers.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: naming the parameter, what was received and what is allowed.
    """
    _check("layers", layers, numbers.Integral, 1, math.inf, "a whole number from 1 on")
    allowed = f"a number from 0 to {MAX_MAGNITUDE}"
    _check("magnitude", magnitude, numbers.Real, 0, MAX_MAGNITUDE, allowed)
    clip = tf.convert_to_tensor(clip)
    if clip.dtype != tf.uint8:
        raise ValueError(
            f"parameter clip: received {clip.dtype.name}, allowed is uint8"
        )
    clip = tf.ensure_shape(clip, [None, None, None, 3])
    shape = clip.shape
    operations = tuple(OPERATIONS.values())
    # int32 seeds would give other draws than int64 seeds.
    seed = tf.cast(seed, tf.int64)
    for layer_seed in tf.unstack(tf.random.split(seed, int(layers))):
        choice_seed, operation_seed = tf.unstack(tf.random.split(layer_seed, 2))
        choice = tf.random.stateless_uniform(
            [], choice_seed, 0, len(operations), tf.int32
        )
        # switch_case computes only the chosen branch; all would be 17 times the work.
        clip = tf.switch_case(
            choice,
            [
                functools.partial(operation, clip, magnitude, operation_seed)
                for operation in operations
            ],
        )
    return tf.ensure_shape(clip, shape)


# The operations. Each takes a clip, uint8 `(time, height, width, 3)`, the magnitude and
# a seed of two integers, even if it does not use all of them.


def auto_contrast(clip, magnitude: float, seed):
    """Stretch each channel's levels to [0, 255], over the whole clip."""
    pixels = tf.cast(clip, tf.float32)
    low = tf.reduce_min(pixels, [0, 1, 2])
    high = tf.reduce_max(pixels, [0, 1, 2])
    # A constant channel has nothing to stretch and is not changed.
    stretched = (pixels - low) * 255 / tf.maximum(high - low, 1)
    return _to_uint8(tf.where(high > low, stretched, pixels))


def equalize(clip, magnitude: float, seed):
    """Flatten each channel's histogram, over the whole clip, as Pillow does.

    The new level is the number of pixels below the old level, divided by a step. The
    step is a 255th of all pixels that are not at the brightest level. With fewer than
    255 such pixels, the channel is not changed.
    """
    # One table for all channels: the second starts at 256, the third at 512.
    places = tf.cast(clip, tf.int32) + 256 * tf.range(3)
    counts = tf.math.bincount(tf.reshape(places, [-1]), minlength=768, maxlength=768)
    counts = tf.reshape(counts, [3, 256])
    below = tf.cumsum(counts, axis=1, exclusive=True)
    brightest = tf.where(counts > 0, below, 0)
    step = tf.reduce_max(brightest, axis=1, keepdims=True) // 255
    flat = (below + step // 2) // tf.maximum(step, 1)
    table = tf.where(step > 0, tf.minimum(flat, 255), tf.range(256))
    return tf.gather(tf.cast(tf.reshape(table, [-1]), tf.uint8), places)


def invert(clip, magnitude: float, seed):
    """Invert all levels."""
    return 255 - tf.convert_to_tensor(clip)


def rotate(clip, magnitude: float, seed):
    """Rotate about the centre by 3° · magnitude, either way."""
    angle = _either_sign(math.radians(3 * magnitude), seed)
    cos, sin = tf.cos(angle), tf.sin(angle)
    y, x = tf.unstack((_frame_size(clip) - 1) / 2)
    to_x = [cos, -sin, x - cos * x + sin * y]
    to_y = [sin, cos, y - sin * x - cos * y]
    return _transform(clip, to_x + to_y)


def posterize(clip, magnitude: float, seed):
    """Keep the `int(0.4 · magnitude)` highest bits of a level, from 1 to 8.

    At least the highest bit is kept, as in Pillow: without any, the clip would be
    black. From magnitude 20 on, nothing changes.
    """
    bits = min(max(int(0.4 * magnitude), 1), 8)
    return tf.bitwise.bitwise_and(clip, tf.constant(256 - 2 ** (8 - bits), tf.uint8))


def solarize(clip, magnitude: float, seed):
    """Invert the levels from `int(25.6 · magnitude)` up; from 10 on, none."""
    dark = tf.cast(clip, tf.int32) < int(25.6 * magnitude)
    return tf.where(dark, clip, 255 - clip)


def color(clip, magnitude: float, seed):
    """Scale the difference from the grey clip by 0.18 · magnitude + 0.1."""
    return _enhance(clip, _to_grey(clip), magnitude)


def contrast(clip, magnitude: float, seed):
    """Scale the difference from each frame's mean grey by 0.18 · magnitude + 0.1."""
    mean = tf.reduce_mean(tf.round(_to_grey(clip)), [1, 2, 3], keepdims=True)
    return _enhance(clip, mean, magnitude)


def brightness(clip, magnitude: float, seed):
    """Scale the levels by 0.18 · magnitude + 0.1."""
    return _enhance(clip, 0.0, magnitude)


def sharpness(clip, magnitude: float, seed):
    """Scale the difference from the smoothed clip by 0.18 · magnitude + 0.1.

    A smoothed pixel is the mean of 3 × 3 pixels; the middle one counts five times. The
    outermost pixels lack neighbours and are not changed.
    """
    pixels = tf.cast(clip, tf.float32)
    smooth = (9 * tf.nn.avg_pool2d(pixels, 3, 1, "SAME") + 4 * pixels) / 13
    height, width = tf.unstack(tf.shape(clip)[1:3])
    rows, columns = tf.range(height), tf.range(width)
    inner_rows = (rows > 0) & (rows < height - 1)
    inner_columns = (columns > 0) & (columns < width - 1)
    inner = inner_rows[:, None, None] & inner_columns[:, None]
    return _enhance(clip, tf.where(inner, smooth, pixels), magnitude)


def shear_x(clip, magnitude: float, seed):
    """Shift each row by 0.03 · magnitude more than the one above, either way."""
    slope = _either_sign(0.03 * magnitude, seed)
    return _transform(clip, [1.0, slope, 0.0, 0.0, 1.0, 0.0])


def shear_y(clip, magnitude: float, seed):
    """Shift each column by 0.03 · magnitude more than the one before, either way."""
    slope = _either_sign(0.03 * magnitude, seed)
    return _transform(clip, [1.0, 0.0, 0.0, slope, 1.0, 0.0])


def translate_x(clip, magnitude: float, seed):
    """Shift along the width by magnitude/224 of it, either way.

    The shift scales with the frame, to have the same effect at every size. At 224
    pixels it is the official implementation's (magnitude/10) · 10 pixels.
    """
    shift = _either_sign(magnitude / 224, seed) * _frame_size(clip)[1]
    return _transform(clip, [1.0, 0.0, shift, 0.0, 1.0, 0.0])


def translate_y(clip, magnitude: float, seed):
    """Shift along the height by magnitude/224 of it, either way; see `translate_x`."""
    shift = _either_sign(magnitude / 224, seed) * _frame_size(clip)[0]
    return _transform(clip, [1.0, 0.0, 0.0, 0.0, 1.0, shift])


def cutout(clip, magnitude: float, seed):
    """Fill a cuboid of the clip with grey, whatever the magnitude.

    Its centre and its half sizes are uniform. The half size is from 1 frame to below a
    quarter of the frames, and from a quarter to below a half of the height and of the
    width. The cuboid is clipped at the border. In all but the shortest clips, most
    frames keep all their pixels.

    The official implementation ignores the magnitude for videos, too.
    """
    time, height, width = tf.unstack(tf.shape(clip)[:3])
    seeds = tf.unstack(tf.random.split(seed, 3))
    frames = _random_interval(time, 1, time // 4, seeds[0])
    rows = _random_interval(height, height // 4, height // 2, seeds[1])
    columns = _random_interval(width, width // 4, width // 2, seeds[2])
    inside = frames[:, None, None, None] & rows[:, None, None] & columns[:, None]
    return tf.where(inside, tf.constant(GREY, tf.uint8), clip)


def solarize_add(clip, magnitude: float, seed):
    """Add `int(11 · magnitude)` to the levels below 128, up to 255."""
    levels = tf.cast(clip, tf.int32)
    brighter = tf.minimum(levels + int(11 * magnitude), 255)
    return tf.cast(tf.where(levels < 128, brighter, levels), tf.uint8)


def identity(clip, magnitude: float, seed):
    """Change nothing."""
    return tf.identity(clip)


#: The operations by their names in the literature.
OPERATIONS = {
    "AutoContrast": auto_contrast,
    "Equalize": equalize,
    "Invert": invert,
    "Rotate": rotate,
    "Posterize": posterize,
    "Solarize": solarize,
    "Color": color,
    "Contrast": contrast,
    "Brightness": brightness,
    "Sharpness": sharpness,
    "ShearX": shear_x,
    "ShearY": shear_y,
    "TranslateX": translate_x,
    "TranslateY": translate_y,
    "Cutout": cutout,
    "SolarizeAdd": solarize_add,
    "Identity": identity,
}


def _check(name: str, value, kind: type, least: float, most: float, allowed: str):
    # `True` is a number in Python, but is surely a mistake here.
    is_kind = isinstance(value, kind) and not isinstance(value, bool)
    if not is_kind or not least <= value <= most:
        raise ValueError(f"parameter {name}: received {value!r}, allowed is {allowed}")


def _to_uint8(pixels):
    return tf.cast(tf.round(tf.clip_by_value(pixels, 0, 255)), tf.uint8)


def _to_grey(clip):
    """Return the luma of ITU-R 601, float32 `(time, height, width, 1)`."""
    weights = tf.constant([0.299, 0.587, 0.114])
    return tf.reduce_sum(tf.cast(clip, tf.float32) * weights, -1, keepdims=True)


def _enhance(clip, degenerate, magnitude: float):
    """Blend a degenerate clip with the clip; above magnitude 5, extrapolate.

    The clip's weight is 0.18 · magnitude + 0.1, which is 1 at magnitude 5.
    """
    # Pillow rounds degenerate images to whole levels, which matters in extrapolation.
    start = tf.round(degenerate)
    difference = tf.cast(clip, tf.float32) - start
    return _to_uint8(start + (0.18 * magnitude + 0.1) * difference)


def _frame_size(clip):
    return tf.cast(tf.shape(clip)[1:3], tf.float32)


def _either_sign(value: float, seed):
    return tf.where(tf.random.stateless_uniform([], seed) < 0.5, -value, value)


def _transform(clip, matrix):
    """Take pixel (x, y) from (a·x + b·y + c, d·x + e·y + f), with matrix [a, …, f].

    Interpolation is bilinear. Beyond the border the frame is reflected, with the
    outermost pixel repeated.
    """
    pixels = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(clip, tf.float32),  # truncates uint8
        transforms=tf.stack([*matrix, 0.0, 0.0])[None],
        output_shape=tf.shape(clip)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return _to_uint8(pixels)


def _random_interval(length, least_half, most_half, seed):
    """Return bool `(length,)`, true from centre - half to below centre + half."""
    centre_seed, half_seed = tf.unstack(tf.random.split(seed, 2))
    centre = tf.random.stateless_uniform([], centre_seed, 0, length, tf.int32)
    # The bounds of 1 and 2 allow clips of one frame or of a few pixels.
    half = tf.random.stateless_uniform(
        [], half_seed, tf.maximum(least_half, 1), tf.maximum(most_half, 2), tf.int32
    )
    places = tf.range(length)
    return (places >= centre - half) & (places < centre + half)
