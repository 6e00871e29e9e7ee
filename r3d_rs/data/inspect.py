"""What a prepared dataset looks like, in numbers and as a contact sheet."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset

if TYPE_CHECKING:
    from r3d_rs.recipes.recipe import Recipe

#: Videos of a split that are looked at. The records are in random order.
SAMPLE = 256


def summary(dataset: Dataset) -> pd.DataFrame:
    """Describe each split by its first `SAMPLE` videos.

    Returns:
        One row a split: how many videos and gigabytes it has and, of the sample, how
        many frames, seconds and pixels a video has: least, median and most.
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


def contact_sheet(dataset: Dataset, split: str, classes: int = 40) -> Figure:
    """Draw one video of each class as a row of five frames, of the first classes."""
    wanted = dict.fromkeys(range(min(classes, len(dataset.classes))))
    for video in itertools.islice(videos(dataset, split), 50 * len(wanted)):
        if wanted.get(video["label"], 0) is None:
            length = len(video["frames"])
            picks = [video["frames"][i * (length - 1) // 4] for i in range(5)]
            frames = [tf.io.decode_jpeg(jpeg, 3).numpy() for jpeg in picks]
            wanted[video["label"]] = np.stack(frames)
        if all(clip is not None for clip in wanted.values()):
            break
    drawn = {label: clip for label, clip in wanted.items() if clip is not None}
    return film_strips(drawn.values(), [dataset.classes[label] for label in drawn])


def videos(dataset: Dataset, split: str):
    """Yield a split's videos as NumPy values, frames still encoded."""
    stream = pipeline.videos(dataset, split)
    with pipeline.naming_broken_records(dataset, split):
        yield from stream.as_numpy_iterator()


def first_clips(
    dataset: Dataset, recipe: Recipe, *, seed: int, split: str = "train", count: int
) -> tuple[np.ndarray, list[str]]:
    """Return the first training clips of a run and their classes."""

    def clips(few):
        return pipeline.training_clips(dataset, few, seed=seed, split=split)

    return first_batch(dataset, recipe, clips, split=split, count=count)


def first_batch(
    dataset: Dataset, recipe: Recipe, batches: Callable, *, split: str, count: int
) -> tuple[np.ndarray, list[str]]:
    """Return the first examples of a run and their classes.

    The batch is of `count`, so that a large one is not made to show a few of it.

    Args:
        dataset: a prepared dataset.
        recipe: of the run.
        batches: from a recipe to the batches `(examples, labels)` of the split.
        split: that they are of.
        count: of examples; there are fewer where the split has fewer videos.

    Raises:
        ValueError: naming a record that is broken, or a split without videos.
    """
    # An epoch has no batch of more videos than there are.
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
            parse_math=False,  # dollars in a class's name are dollars
        )
    return figure


def _spread(values: list, form: str) -> str:
    if not values:
        return "unknown"
    numbers = (min(values), sorted(values)[len(values) // 2], max(values))
    return " / ".join(format(number, form) for number in numbers)
