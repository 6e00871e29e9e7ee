"""Batches of training clips and views of evaluation videos.

Everything random is a stateless function of the seed, the epoch and, but for the order
of the videos, the video's id: a run gives the same clips again, whatever the number of
threads. Pixels are float32 in [0, 1], or standardized where the recipe says so; the
official implementation truncates them to
256 grey levels after resizing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_datasets as tfds

from r3d_rs.data import augment, sampling, views
from r3d_rs.data.datasets import Dataset

if TYPE_CHECKING:
    from r3d_rs.training.recipe import Recipe

#: A split of up to this many bytes is kept in memory, frames still encoded.
CACHE_BYTES = 2**30

#: How many videos of a larger split are held to shuffle them. Its files are shuffled
#: too, and TFDS has written the videos to the files in random order.
SHUFFLE_VIDEOS = 512


def training_clips(
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    first_epoch: int = 0,
    split: str = "train",
) -> tf.data.Dataset:
    """Return batches of random clips, epoch after epoch without end.

    An epoch takes one clip of every video in random order, and drops the remainder
    that does not fill a batch.

    Args:
        dataset: a prepared dataset.
        recipe: gives clips, crops, flips and the batch size.
        seed: of the order and of every draw.
        first_epoch: to start with; epochs count from 0.
        split: to read.

    Returns:
        Elements `(clips, labels)`: float32 `(batch, frames, size, size, 3)` in [0, 1]
        and int32 `(batch,)`.
    """
    parse = _parser(dataset)
    may_flip = tf.constant(augment.may_flip(dataset.classes))
    videos = dataset.num_videos(split)
    used = videos - videos % recipe.batch_size

    def clip(epoch, record):
        video = parse(record)
        draws = tf.random.split(clip_seed(seed, epoch, video["id"]), 3)
        start = sampling.random_start(
            tf.size(video["frames"]), recipe.frames, recipe.temporal_stride, draws[0]
        )
        indices = sampling.clip_indices(
            start, tf.size(video["frames"]), recipe.frames, recipe.temporal_stride
        )
        jpegs = tf.gather(video["frames"], indices)
        shape = tf.io.extract_jpeg_shape(jpegs[0])
        box = augment.random_crop_box(
            shape[0], shape[1], recipe.area_range, recipe.aspect_range, draws[1]
        )
        frames = augment.resize(_decode(jpegs, box), recipe.size, recipe.size) / 255
        label = tf.cast(video["label"], tf.int32)
        if recipe.flip:
            frames = augment.random_flip(frames, may_flip[label], draws[2])
        if recipe.standardize:
            frames = augment.standardize(frames)
        frames.set_shape([recipe.frames, recipe.size, recipe.size, 3])
        return frames, label

    epochs = _epochs(dataset.files(split), dataset.num_bytes(split), videos, seed)
    return (
        tf.data.Dataset.range(first_epoch, tf.int64.max)
        .flat_map(
            lambda epoch: epochs(epoch).take(used).map(lambda record: (epoch, record))
        )
        .map(clip, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(recipe.batch_size, drop_remainder=True)
        .with_options(_options())
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation_views(
    dataset: Dataset, recipe: Recipe, *, split: str, limit: int | None = None
) -> tf.data.Dataset:
    """Return every video of a split exactly once, cut into the recipe's views.

    Args:
        dataset: a prepared dataset.
        recipe: gives the clips and the crops.
        split: to read.
        limit: only the first so many videos.

    Returns:
        Elements `{"id", "label", "views"}`, one a video: string, int32 and float32
        `(spatial_views * temporal_views, frames, eval_size, eval_size, 3)` in [0, 1],
        all clips of the first crop before those of the second.
    """
    parse = _parser(dataset)
    size, clips = recipe.eval_size, recipe.temporal_views

    def cut(record):
        video = parse(record)
        length = tf.size(video["frames"])
        starts = sampling.even_starts(
            length, recipe.frames, recipe.temporal_stride, clips
        )
        indices = sampling.clip_indices(
            starts, length, recipe.frames, recipe.temporal_stride
        )
        # Every frame that some clip takes is decoded and resized once.
        used, indices = tf.unique(tf.reshape(indices, [-1]))
        frames = _decode(tf.gather(video["frames"], used))
        frames = views.resize_short_side(frames, size) / 255
        crops = views.spatial_crops(frames, size, recipe.spatial_views)
        shape = [recipe.spatial_views * clips, recipe.frames, size, size, 3]
        clip_views = tf.reshape(tf.gather(crops, indices, axis=1), shape)
        if recipe.standardize:
            clip_views = augment.standardize(clip_views)
        return {
            "id": video["id"],
            "label": tf.cast(video["label"], tf.int32),
            "views": clip_views,
        }

    records = tf.data.TFRecordDataset(dataset.files(split))
    return (
        records.take(-1 if limit is None else limit)
        .map(cut, num_parallel_calls=tf.data.AUTOTUNE)
        .with_options(_options())
        .prefetch(2)
    )


def clip_seed(seed: int, epoch, video_id):
    """Return the two integers that seed the draws of a video's clip in an epoch."""
    key = tf.random.fold_in(tf.constant([0, seed], tf.int64), epoch)
    return tf.random.fold_in(key, tf.strings.to_hash_bucket_fast(video_id, 2**62))


def _epochs(files: list[str], num_bytes: int, videos: int, seed: int):
    """Return a function from an epoch to its records in the epoch's order."""

    def epoch_seed(epoch):
        return tf.random.fold_in(tf.constant([1, seed], tf.int64), epoch)

    if num_bytes <= CACHE_BYTES:
        # One record is more than there are, so that the cache sees the end and closes.
        held = videos + 1
        cached = tf.data.TFRecordDataset(files).cache()

        def read(epoch):
            return cached
    else:
        held = SHUFFLE_VIDEOS

        def read(epoch):
            order = tf.random.experimental.stateless_shuffle(files, epoch_seed(epoch))
            return tf.data.Dataset.from_tensor_slices(order).interleave(
                tf.data.TFRecordDataset,
                cycle_length=8,
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )

    def epoch_records(epoch):
        # `shuffle` mixes the global seed of TensorFlow into its own. Within tf.data's
        # graph this sets the graph's only, so the order depends on nothing else.
        tf.random.set_seed(1)
        draw = tf.random.stateless_uniform(
            [], epoch_seed(epoch), 0, 2**31 - 1, tf.int64
        )
        return read(epoch).shuffle(held, seed=draw, reshuffle_each_iteration=False)

    return epoch_records


def _parser(dataset: Dataset):
    """Return a function from a record to its features, frames still encoded."""
    features = dataset.builder.info.features

    def parse(record):
        return features.deserialize_example(
            record, decoders={"frames": tfds.decode.SkipDecoding()}
        )

    return parse


def _decode(jpegs, box=None):
    """Decode JPEGs `(time,)` to uint8, or a (top, left, height, width) box of them."""
    if box is None:

        def decode(jpeg):
            return tf.io.decode_jpeg(jpeg, 3, dct_method="INTEGER_ACCURATE")
    else:

        def decode(jpeg):
            return tf.io.decode_and_crop_jpeg(
                jpeg, box, 3, dct_method="INTEGER_ACCURATE"
            )

    return tf.map_fn(
        decode, jpegs, fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8)
    )


def _options() -> tf.data.Options:
    options = tf.data.Options()
    options.deterministic = True
    return options
