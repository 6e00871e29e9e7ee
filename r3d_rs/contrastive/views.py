"""Two views of each video: separate clips, cropped and colored independently.

Source: tf-models-official 2.20.0, `projects/video_ssl`; Qian et al., "Spatiotemporal
Contrastive Video Representation Learning", CVPR 2021.
"""

import tensorflow as tf

from r3d_rs.contrastive.colors import augment
from r3d_rs.data import pipeline, transforms
from r3d_rs.data.datasets import Dataset
from r3d_rs.recipes.contrastive import ContrastiveRecipe


def pair_starts(length, frames: int, stride: int, seed):
    """Draw the first frames of two clips, in random order.

    Let `M` be the number of starts at which a clip fits. All unordered pairs of starts,
    including equal ones, are equally likely. The probability of an interval `d` is
    therefore proportional to `M - d`. In the official implementation, it is
    proportional to `M - d - 1/2`. If the video is too short for a clip, the two starts
    are independent, and the clips loop.

    Args:
        length: number of frames in the video.
        frames: number of frames in a clip.
        stride: distance between consecutive frames of a clip.
        seed: two integers.

    Returns:
        int32 `(2,)`.
    """
    starts = transforms.num_random_starts(length, frames, stride)
    fits = length > (frames - 1) * stride
    draws = tf.random.split(seed, 2)
    # Two different numbers from 0 to M encode a pair of starts: the smaller number, and
    # the larger one minus 1.
    first = tf.random.stateless_uniform([], draws[0], 0, starts + 1, tf.int32)
    other = tf.random.stateless_uniform([], draws[1], 0, starts, tf.int32)
    second = other + tf.cast(other >= first, tf.int32)
    pair = tf.stack([first, second])
    pair -= tf.cast(pair > tf.reverse(pair, [0]), tf.int32)
    independent = tf.random.stateless_uniform([2], draws[0], 0, starts, tf.int32)
    return tf.where(fits, pair, independent)


def training_pairs(
    dataset: Dataset,
    recipe: ContrastiveRecipe,
    *,
    seed: int,
    first_epoch: int = 0,
    part: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return endless batches with two views of each training video.

    Args:
        dataset: a prepared dataset; its labels are returned but not used.
        recipe: gives clips, crops, color augmentation and batch size.
        seed: seeds the order and every draw.
        first_epoch: epoch to start with, counted from 0.
        part: which part of each batch to return, as (index, number of equal parts).

    Returns:
        Elements `(pairs, labels)`: float32 `(batch, 2, frames, size, size, 3)` and
        int32 `(batch,)`.
    """
    index = dataset.frames("train")
    # Pre-training ignores labels, so one class that must not be flipped rules out all
    # flips.
    may_flip = tf.constant(all(dataset.may_flip))

    def pair(video, draw):
        draws = tf.random.split(draw, 3)
        starts = pair_starts(
            index.length(video), recipe.frames, recipe.temporal_stride, draws[0]
        )
        views = []
        for which in (0, 1):
            own = tf.random.split(draws[1 + which], 3)
            clip = pipeline.crop(index, video, starts[which], recipe, may_flip, own[:2])
            clip = augment(clip / 255, recipe, which, own[2])
            views.append(pipeline.finish(clip, recipe))
        return tf.stack(views), index.tensors["labels"][video]

    return pipeline.shuffled(
        index, pair, recipe.batch_size, seed=seed, first_epoch=first_epoch, part=part
    )
