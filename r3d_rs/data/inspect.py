"""A prepared dataset at a glance: a summary table, contact sheets and film strips."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from r3d_rs.data import pipeline, records
from r3d_rs.data.datasets import Dataset

if TYPE_CHECKING:
    from r3d_rs.recipes.recipe import Recipe

#: Videos per split that a summary reads. The records are in random order.
SAMPLE = 256
#: Most classes on a contact sheet, and frames per class.
ROWS, FRAMES = 40, 5


def summary(dataset: Dataset) -> pd.DataFrame:
    """Summarize each split from its first `SAMPLE` videos.

    Returns:
        One row per split. It has the number of videos, of videos set aside and of
        gigabytes. For the sample it has the least, median and most frames and seconds
        of a video, and up to three of the frame sizes.
    """
    rows = {}
    for split in dataset.splits:
        lengths, seconds, sizes = [], [], []
        for video in itertools.islice(videos(dataset, split), SAMPLE):
            lengths.append(len(video["frames"]))
            sizes.append(tuple(tf.io.extract_jpeg_shape(video["frames"][0])[:2]))
            if video["fps"] > 0:
                seconds.append(len(video["frames"]) / video["fps"])
        shapes = sorted({f"{width}x{height}" for height, width in sizes})
        rows[split] = {
            "videos": dataset.num_videos(split),
            "set aside": sum(video.split == split for video in dataset.aside),
            "GB": round(dataset.split(split).num_bytes() / 1e9, 3),
            "frames": _spread(lengths, "d"),
            "seconds": _spread(seconds, ".1f"),
            "sizes": ", ".join(shapes[:3]) + (", …" if len(shapes) > 3 else ""),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def contact_sheet(dataset: Dataset, split: str) -> Figure:
    """Draw the first video of each of the first `ROWS` classes as a row of frames.

    Only the `FRAMES` frames shown are read.

    Raises:
        ValueError: naming the video of a broken frame, or if the split is empty.
    """
    index = dataset.frames(split)
    labels, first = np.unique(index.labels, return_index=True)

    def frames(video):
        last = index.length(video) - 1
        return index.read(video, tf.range(FRAMES) * last // (FRAMES - 1))

    stream = tf.data.Dataset.from_tensor_slices(first[:ROWS]).map(frames)
    with pipeline.naming_broken_records(dataset, split):
        clips = [
            np.stack([tf.io.decode_jpeg(jpeg, 3).numpy() for jpeg in jpegs])
            for jpegs in stream.as_numpy_iterator()
        ]
    return film_strips(clips, [dataset.classes[label] for label in labels[:ROWS]])


def videos(dataset: Dataset, split: str) -> Iterator[dict]:
    """Yield a split's videos as NumPy values, frames still encoded.

    Yields:
        `{"id", "label", "fps", "frames"}` for each video.

    Raises:
        ValueError: naming the dataset, and the file and record that cannot be read.
    """
    files = dataset.split(split).files
    try:
        for path in files:
            for video in records.examples(path, dataset.parse):
                yield {name: value.numpy() for name, value in video.items()}
    except ValueError as error:
        raise ValueError(f"{dataset.name}, split {split}: {error}") from error


def first_clips(
    dataset: Dataset, recipe: Recipe, *, seed: int, split: str = "train", count: int
) -> tuple[np.ndarray, list[str]]:
    """Return the first `count` training clips of a run and the names of their classes.

    Raises:
        ValueError: as in `first_batch`.
    """

    def clips(few):
        return pipeline.training_clips(dataset, few, seed=seed, split=split)

    return first_batch(dataset, recipe, clips, split=split, count=count)


def first_batch(
    dataset: Dataset, recipe: Recipe, batches: Callable, *, split: str, count: int
) -> tuple[np.ndarray, list[str]]:
    """Return the first `count` examples of a run and the names of their classes.

    The recipe's batch size is replaced by `count`, to avoid making a large batch.

    Args:
        dataset: a prepared dataset.
        recipe: the run's recipe.
        batches: function from a recipe to the batches `(examples, labels)`.
        split: the split that `batches` reads.
        count: number of examples; fewer if the split has fewer videos.

    Raises:
        ValueError: naming a record that is broken, or a split without videos.
    """
    # A batch cannot be larger than an epoch.
    size = min(count, dataset.split(split).num_videos)
    few = dataclasses.replace(recipe, batch_size=size, micro_batches=1)
    with pipeline.naming_broken_records(dataset, split):
        examples, labels = next(batches(few).as_numpy_iterator())
    return examples, [dataset.classes[label] for label in labels]


def film_strips(clips, titles, colors=None) -> Figure:
    """Draw each clip `(time, height, width, 3)` as a row of its frames."""
    clips = list(clips)
    figure = Figure(figsize=(8, 0.95 * len(clips)), layout="constrained")
    for row, (clip, title) in enumerate(zip(clips, titles, strict=True)):
        axes = figure.add_subplot(len(clips), 1, row + 1)
        low, high = clip.min(), clip.max()
        strip = np.concatenate([*(clip - low) / max(high - low, 1e-6)], axis=1)
        axes.imshow(strip, interpolation="nearest", aspect="equal")
        axes.set(xticks=[], yticks=[])
        axes.set_ylabel(
            title,
            rotation=0,
            ha="right",
            va="center",
            color=colors[row] if colors else "black",
            parse_math=False,  # a dollar sign in a class's name is only a dollar sign
        )
    return figure


def _spread(values: list, form: str) -> str:
    if not values:
        return "unknown"
    numbers = (min(values), sorted(values)[len(values) // 2], max(values))
    return " / ".join(format(number, form) for number in numbers)
