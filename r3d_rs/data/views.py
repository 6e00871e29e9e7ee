"""Spatial crops of evaluation.

Source: `preprocess_ops_3d.py` of the official implementation, tf-models-official
2.20.0. It truncates resized frames to whole grey levels; here they stay float32.
"""

import tensorflow as tf

from r3d_rs.data.augment import resize
from r3d_rs.data.clip import scaled_size


def resize_short_side(clip, short_side: int):
    """Resize `(time, height, width, channel)` to a short side, to float32.

    The longer side is rounded down.
    """
    height, width = tf.shape(clip)[1], tf.shape(clip)[2]
    return resize(clip, *scaled_size(height, width, short_side, tf.maximum))


def crop_offsets(side, size: int, count: int):
    """Return where `count` crops of `size` pixels start along a side.

    One crop is the central one; more are spread from end to end. Halves round to even.
    """
    room = tf.cast(side - size, tf.float32)
    share = [0.5] if count == 1 else [i / (count - 1) for i in range(count)]
    return tf.cast(tf.round(room * tf.constant(share)), tf.int32)


def spatial_crops(clip, size: int, count: int):
    """Crop squares along the longer side of a clip.

    Args:
        clip: `(time, height, width, channel)` whose short side is `size`.
        size: height and width of a crop.
        count: of crops.

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
