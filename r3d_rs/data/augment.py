"""Random crops and flips, drawn once a clip.

Source: `preprocess_ops_3d.py` of the official implementation, tf-models-official
2.20.0. It truncates a resized clip to whole grey levels; here clips stay float32.
"""

from collections.abc import Sequence

import tensorflow as tf


def random_crop_box(height, width, area_range, aspect_range, seed):
    """Draw a crop box for a clip.

    The draw is TensorFlow's distorted bounding box, as in the official implementation:
    aspects (width over height) are uniform, not log-uniform, and since a crop has to
    cover a tenth of the frame, no crop is smaller, whatever `area_range` says.

    Args:
        height: of the frames.
        width: of the frames.
        area_range: share of the frame that a crop covers, (least, most).
        aspect_range: of the crop before resizing, (least, most).
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
    # The same pixels as of uint8, in two thirds of the time.
    return tf.image.resize(tf.cast(clip, tf.float32), [height, width])


def random_flip(clip, allowed, seed):
    """Mirror a clip left to right with probability 0.5 where it is allowed."""
    mirror = tf.random.stateless_uniform([], seed) < 0.5
    return tf.cond(mirror & allowed, lambda: _mirrored(clip), lambda: clip)


def _mirrored(clip):
    """Return a clip mirrored left to right.

    TensorFlow is quick where the array has three axes, of which the last is of colors;
    otherwise, and with a slice of negative stride, it takes several times as long.
    """
    time, height, width, _ = tf.unstack(tf.shape(clip))
    rows = tf.reshape(clip, [time * height, width, 3])
    return tf.reshape(tf.reverse(rows, [1]), [time, height, width, 3])


def may_flip(classes: Sequence[str]) -> tuple[bool, ...]:
    """Say for each class whether its mirror image shows the same class.

    Clips of the others ("turn left") are never mirrored; relabelling them would add
    views of a class that other classes do not get.
    """
    from r3d_rs.pantomime import FLIP_CHANGES

    return tuple(name not in FLIP_CHANGES for name in classes)


def standardize(clips):
    """Subtract each clip's mean and divide by its deviation.

    Args:
        clips: `(…, time, height, width, channel)`.
    """
    mean, variance = tf.nn.moments(clips, axes=[-4, -3, -2, -1], keepdims=True)
    return (clips - mean) * tf.math.rsqrt(variance + 1e-6)
