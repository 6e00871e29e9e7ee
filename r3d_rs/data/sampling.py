"""Which frames of a video a clip takes.

Source: `preprocess_ops_3d.py` of the official implementation, tf-models-official
2.20.0. A video that is too short for a clip loops.
"""

import tensorflow as tf


def num_random_starts(length, frames: int, stride: int):
    """Return how many first frames a random clip may have.

    They are those from which the clip fits, or, where it fits from none, all.

    Args:
        length: frames of the video.
        frames: of the clip.
        stride: between the clip's frames.
    """
    reach = (frames - 1) * stride
    return tf.where(length > reach, length - reach, length)


def random_start(length, frames: int, stride: int, seed):
    """Draw a clip's first frame uniformly; `seed` is two integers."""
    starts = num_random_starts(length, frames, stride)
    return tf.random.stateless_uniform([], seed, 0, starts, tf.int32)


def even_starts(length, frames: int, stride: int, count: int):
    """Return the first frames of `count` clips spread evenly over a video.

    They are `int(linspace(0, max(0, length - frames * stride), count))`, in integer
    arithmetic; a single clip is the one in the middle.
    """
    last = tf.maximum(0, length - frames * stride)
    if count == 1:
        return tf.reshape(last // 2, [1])
    return tf.range(count) * last // (count - 1)


def clip_indices(starts, length, frames: int, stride: int):
    """Return the frames of clips, `(..., frames)` for starts of shape `(...)`."""
    steps = tf.range(frames) * stride
    return (tf.expand_dims(starts, -1) + steps) % length
