"""Transforms of clips: sampling of frames, crops, flips and standardization.

Source: `preprocess_ops_3d.py` of the official implementation, tf-models-official
2.20.0. It truncates resized clips to whole grey levels; here they stay float32. A video
that is shorter than a clip is looped.
"""

import tensorflow as tf

from r3d_rs.videos.geometry import scaled_size

# Frames.


def num_random_starts(length, frames: int, stride: int):
    """Return the number of possible first frames for a clip in a video of `length`.

    These are the frames from which the clip fits, or all frames if it never fits.
    """
    reach = (frames - 1) * stride
    return tf.where(length > reach, length - reach, length)


def random_start(length, frames: int, stride: int, seed):
    """Draw a clip's first frame uniformly; `seed` is two integers."""
    starts = num_random_starts(length, frames, stride)
    return tf.random.stateless_uniform([], seed, 0, starts, tf.int32)


def even_starts(length, frames: int, stride: int, count: int):
    """Return the first frames of `count` clips spread evenly over a video.

    They are `int(linspace(0, max(0, length - frames * stride), count))`, computed in
    integer arithmetic. A single clip is taken from the middle.
    """
    last = tf.maximum(0, length - frames * stride)
    if count == 1:
        return tf.reshape(last // 2, [1])
    return tf.range(count) * last // (count - 1)


def clip_indices(starts, length, frames: int, stride: int):
    """Return the frame numbers of clips, `(..., frames)` for starts `(...)`."""
    steps = tf.range(frames) * stride
    return (tf.expand_dims(starts, -1) + steps) % length


# Training: a crop and a flip, drawn once per clip.


def random_crop_box(height, width, area_range, aspect_range, seed):
    """Draw a crop box for a clip.

    The draw is TensorFlow's distorted bounding box, as in the official implementation.
    Aspect ratios (width over height) are uniform, not log-uniform. Every crop covers at
    least a tenth of the frame, even if `area_range` allows less.

    Args:
        height: height of the frames.
        width: width of the frames.
        area_range: share of the frame that a crop covers, (least, most).
        aspect_range: aspect ratio of the crop before resizing, (least, most).
        seed: two integers.

    Returns:
        int32 (top, left, height, width).
    """
    begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        [height, width, 3],
        tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed,
        min_object_covered=0.1,
        aspect_ratio_range=aspect_range,
        area_range=area_range,
        max_attempts=100,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.concat([begin[:2], size[:2]], 0)


def resize(clip, height, width):
    """Resize `(time, height, width, 3)` bilinearly without antialiasing, to float32."""
    # Resizing uint8 gives the same pixels, but takes 1.5 times as long.
    return tf.image.resize(tf.cast(clip, tf.float32), [height, width])


def random_flip(clip, allowed, seed):
    """Mirror a clip left to right with probability 0.5, if `allowed`."""
    mirror = tf.random.stateless_uniform([], seed) < 0.5
    return tf.cond(mirror & allowed, lambda: _mirrored(clip), lambda: clip)


def _mirrored(clip):
    """Return a clip mirrored left to right.

    TensorFlow reverses arrays `(row, column, color)` quickly. With more axes, or with a
    slice of negative stride, it takes several times as long.
    """
    time, height, width, _ = tf.unstack(tf.shape(clip))
    rows = tf.reshape(clip, [time * height, width, 3])
    return tf.reshape(tf.reverse(rows, [1]), [time, height, width, 3])


# Evaluation: crops along the longer side.


def resize_short_side(clip, short_side: int):
    """Resize the shorter side of `(time, height, width, channel)`, to float32.

    The aspect ratio is kept; the longer side is rounded down.
    """
    height, width = tf.shape(clip)[1], tf.shape(clip)[2]
    return resize(clip, *scaled_size(height, width, short_side, tf.maximum))


def crop_offsets(side, size: int, count: int):
    """Return the offsets of `count` crops of `size` pixels along a side.

    A single crop is central; several are spread from end to end. Halves round to even.
    """
    room = tf.cast(side - size, tf.float32)
    share = [0.5] if count == 1 else [i / (count - 1) for i in range(count)]
    return tf.cast(tf.round(room * tf.constant(share)), tf.int32)


def spatial_crops(clip, size: int, count: int):
    """Crop squares along the longer side of a clip.

    Args:
        clip: `(time, height, width, channel)`, with a shorter side of `size`.
        size: height and width of a crop.
        count: number of crops.

    Returns:
        `(count, time, size, size, channel)`, from left to right or top to bottom.
    """
    height, width = tf.shape(clip)[1], tf.shape(clip)[2]
    tops = tf.unstack(crop_offsets(height, size, count))
    lefts = tf.unstack(crop_offsets(width, size, count))
    return tf.stack(
        [
            clip[:, top : top + size, left : left + size]
            for top, left in zip(tops, lefts, strict=True)
        ]
    )


def standardize(clips):
    """Subtract each clip's mean and divide by its standard deviation.

    Args:
        clips: `(…, time, height, width, channel)`.
    """
    mean, variance = tf.nn.moments(clips, axes=[-4, -3, -2, -1], keepdims=True)
    return (clips - mean) * tf.math.rsqrt(variance + 1e-6)
