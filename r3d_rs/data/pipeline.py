"""Batches of training clips and views of evaluation videos.

Every random draw is a stateless function of the seed, the epoch and the video's id. The
order of the videos depends only on seed and epoch. A run can therefore be repeated
exactly, with any number of threads.

Only the bytes of a clip's frames are read, and there is no shuffle buffer. Memory holds
the frame index and a few batches. Pixels are float32 in [0, 1], or standardized if the
recipe says so. The official implementation truncates them to 256 grey levels after
resizing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import tensorflow as tf

from r3d_rs.cores import usable_cores
from r3d_rs.data import frame_index, transforms
from r3d_rs.data.datasets import Dataset
from r3d_rs.data.randaugment import rand_augment

if TYPE_CHECKING:
    from r3d_rs.recipes.recipe import Recipe

#: Most videos cut into views in parallel. Each takes up to 1 GB at the paper's scale.
MAX_VIDEOS = 16


def training_clips(
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    first_epoch: int = 0,
    split: str = "train",
    part: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return batches of random clips, epoch after epoch without end.

    An epoch takes one clip of every video in random order. The remainder that does not
    fill a batch is dropped.

    Args:
        dataset: a prepared dataset.
        recipe: gives clips, crops, flips, RandAugment and the batch size.
        seed: seeds the order and every draw.
        first_epoch: epoch to start with, counted from 0.
        split: split to read.
        part: share of each batch to return, as (index, number of equal shares). It is
            split into the recipe's micro-batches.

    Returns:
        Elements `(clips, labels)`: float32 `(batch, frames, size, size, 3)` in [0, 1],
        or standardized if the recipe says so, and int32 `(batch,)`.
    """
    index = dataset.frames(split)
    labels = index.tensors["labels"]
    may_flip = tf.constant(dataset.may_flip)

    def clip(video, draw):
        draws = tf.random.split(draw, 4)
        start = transforms.random_start(
            index.length(video), recipe.frames, recipe.temporal_stride, draws[0]
        )
        label = labels[video]
        frames = crop(index, video, start, recipe, may_flip[label], draws[1:3])
        if recipe.randaugment_layers:
            grey_levels = tf.cast(tf.round(frames), tf.uint8)
            frames = augment(grey_levels, recipe, draws[3])
        return finish(tf.cast(frames, tf.float32) / 255, recipe), label

    return shuffled(
        index,
        clip,
        recipe.batch_size,
        seed=seed,
        first_epoch=first_epoch,
        part=part,
        micro_batches=recipe.micro_batches,
    )


def shuffled(
    index: frame_index.FrameIndex,
    example: Callable,
    batch_size: int,
    *,
    seed: int,
    first_epoch: int,
    part: tuple[int, int],
    micro_batches: int = 1,
) -> tf.data.Dataset:
    """Return batches with one example per video in random order, without end.

    Args:
        index: frame index of the videos.
        example: function from a video's number and a seed of two integers to the
            example. The seed differs in each epoch.
        batch_size: size of a batch, all shares together.
        seed: seeds the order and every draw.
        first_epoch: epoch to start with, counted from 0.
        part: share of each batch to return, as (index, number of equal shares).
        micro_batches: number of equal batches that the share is split into.
    """
    total = len(index.ids)
    used = total - total % batch_size
    which, parts = part
    size = batch_size // parts

    def own(number):
        """Return the example with this number in the share."""
        number = number // size * batch_size + which * size + number % size
        epoch = number // used
        order = tf.random.fold_in(tf.constant([1, seed], tf.int64), epoch)
        video = tf.random.experimental.index_shuffle(number % used, order, total - 1)
        return example(video, clip_seed(seed, epoch, index.tensors["ids"][video]))

    return (
        tf.data.Dataset.range(first_epoch * used // parts, tf.int64.max)
        .map(own, num_parallel_calls=usable_cores())
        .batch(size // micro_batches, drop_remainder=True)
        .with_options(_options())
        .prefetch(2)
    )


def crop(index: frame_index.FrameIndex, video, start, recipe: Recipe, may_flip, draws):
    """Read a clip, crop and flip it at random, and resize it.

    Args:
        index: frame index of the videos.
        video: number of the video.
        start: first frame of the clip.
        recipe: gives the clip and the crop.
        may_flip: whether the clip may be flipped.
        draws: two seeds of two integers each, for the crop and the flip.

    Returns:
        float32 `(frames, size, size, 3)` from 0 to 255.
    """
    indices = transforms.clip_indices(
        start, index.length(video), recipe.frames, recipe.temporal_stride
    )
    jpegs = index.read(video, indices)
    shape = tf.io.extract_jpeg_shape(jpegs[0])

    def cropped(jpegs, draw):
        box = transforms.random_crop_box(
            shape[0], shape[1], recipe.area_range, recipe.aspect_range, draw
        )
        frames = _decode(jpegs, box)
        if recipe.flip:
            frames = transforms.random_flip(frames, may_flip, draws[1])
        return transforms.resize(frames, recipe.size, recipe.size)

    frames = _drawn(cropped, jpegs, draws[0], recipe)
    return tf.ensure_shape(frames, [recipe.frames, recipe.size, recipe.size, 3])


def augment(clip, recipe: Recipe, draw):
    """Apply the recipe's RandAugment to a clip of grey levels."""

    def augmented(frames, draw):
        strength = (recipe.randaugment_layers, recipe.randaugment_magnitude)
        return rand_augment(frames, *strength, draw)

    return _drawn(augmented, clip, draw, recipe)


def _drawn(change: Callable, frames, draw, recipe: Recipe):
    """Change all frames with one draw, or each with its own if `recipe.per_frame`."""
    if not recipe.per_frame:
        return change(frames, draw)
    single = [
        change(frames[number : number + 1], own)
        for number, own in enumerate(
            tf.unstack(tf.random.split(draw, recipe.frames), recipe.frames)
        )
    ]
    return tf.concat(single, 0)


def finish(clip, recipe: Recipe):
    """Standardize a clip in [0, 1] if the recipe says so."""
    clip = transforms.standardize(clip) if recipe.standardize else clip
    return tf.ensure_shape(clip, [recipe.frames, recipe.size, recipe.size, 3])


def evaluation_views(
    dataset: Dataset, recipe: Recipe, *, split: str, limit: int | None = None
) -> tf.data.Dataset:
    """Return every video of a split exactly once, cut into the recipe's views.

    Args:
        dataset: a prepared dataset.
        recipe: gives the clips and the crops.
        split: split to read.
        limit: number of videos to read, from the first; None for all.

    Returns:
        One element `{"id", "label", "views"}` per video: string, int32 and float32
        `(spatial_views * temporal_views, frames, eval_size, eval_size, 3)`. Views are
        in [0, 1], or standardized if the recipe says so. All clips of the first crop
        come before the clips of the second.
    """
    index = dataset.frames(split)
    stored, total = index.tensors, len(index.ids)

    def element(video):
        return {
            "id": stored["ids"][video],
            "label": stored["labels"][video],
            "views": cut(
                lambda frames: index.read(video, frames), index.length(video), recipe
            ),
        }

    return (
        tf.data.Dataset.range(total if limit is None else min(limit, total))
        .map(element, num_parallel_calls=min(usable_cores(), MAX_VIDEOS))
        .with_options(_options())
        .prefetch(2)
    )


def cut(read: Callable, length: int, recipe: Recipe):
    """Cut a video into the recipe's views.

    Args:
        read: function from frame numbers to these frames as JPEGs.
        length: number of frames in the video.
        recipe: gives the clips and the crops.

    Returns:
        float32 `(spatial_views * temporal_views, frames, eval_size, eval_size, 3)`.
    """
    size, clips = recipe.eval_size, recipe.temporal_views
    starts = transforms.even_starts(
        length, recipe.frames, recipe.temporal_stride, clips
    )
    indices = transforms.clip_indices(
        starts, length, recipe.frames, recipe.temporal_stride
    )
    # Frames that several clips share are read, decoded and resized once.
    used, indices = tf.unique(tf.reshape(indices, [-1]))
    jpegs = tf.convert_to_tensor(read(used))
    frames = transforms.resize_short_side(_decode(jpegs), size) / 255
    crops = transforms.spatial_crops(frames, size, recipe.spatial_views)
    shape = [recipe.spatial_views * clips, recipe.frames, size, size, 3]
    views = tf.reshape(tf.gather(crops, indices, axis=1), shape)
    return transforms.standardize(views) if recipe.standardize else views


def clip_seed(seed: int, epoch, video_id):
    """Return the seed of a video's draws in an epoch, two integers."""
    key = tf.random.fold_in(tf.constant([0, seed], tf.int64), epoch)
    return tf.random.fold_in(key, tf.strings.to_hash_bucket_fast(video_id, 2**62))


@contextlib.contextmanager
def naming_broken_records(dataset: Dataset, split: str) -> Iterator[None]:
    """Turn TensorFlow's error about a broken frame into one that names its video.

    Raises:
        ValueError: naming the dataset, the file and the video.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        broken = re.search(
            rf"\[({frame_index.BROKEN}|{frame_index.NEVER_WHOLE})\]"
            r" \[(.*?)\] \[(.*?)\]\n",
            error.message,
        )
        if broken is None:
            raise
        what, ident, file = broken.groups()
        raise ValueError(
            f"{dataset.name}, split {split}: {what} {ident} in {file}"
        ) from error


def _decode(jpegs, box=None):
    """Decode JPEGs `(time,)` to uint8, cropped to a (top, left, height, width) box."""

    def decode(jpeg):
        how = {"channels": 3, "dct_method": "INTEGER_ACCURATE"}
        if box is None:
            return tf.io.decode_jpeg(jpeg, **how)
        return tf.io.decode_and_crop_jpeg(jpeg, box, **how)

    return tf.map_fn(
        decode, jpegs, fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8)
    )


def _options() -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    # The autotuning thread sleeps for up to a minute at a time, and ending the pipeline
    # waits until it wakes.
    options.autotune.enabled = False
    return options
