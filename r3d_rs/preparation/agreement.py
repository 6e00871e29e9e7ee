"""Check that a prepared dataset is the one that the options ask for."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from r3d_rs.data import records
from r3d_rs.data.datasets import Dataset
from r3d_rs.data.names import Place
from r3d_rs.pantomime import SETS, video_id
from r3d_rs.preparation import shards
from r3d_rs.videos import listing


def check_options(dataset: Dataset, place: Place, options: dict) -> None:
    """Check that a prepared dataset agrees with the options of `prepare`.

    Raises:
        ValueError: naming the options that differ and the dataset's folder.
    """
    where, found = place.folder, list(_differences(dataset, **options))
    if not where.exists():
        where = place.garden
        found = [
            f"{option} is {value}, but these are Model Garden's records"
            for option, value in options.items()
        ]
    if found:
        raise ValueError(
            f"dataset {dataset.name} is already prepared, but differently:"
            f" {'; '.join(found)}. Remove {where} to prepare it again, or choose"
            " another data directory"
        )


def _differences(
    dataset: Dataset,
    *,
    videos: str | Path | None = None,
    annotations: str | Path | None = None,
    short_side: int | None = None,
    max_aside: float = 1.0,
) -> Iterator[str]:
    """Yield the options that do not agree with a dataset made of videos."""
    lists = annotations or videos
    if lists and dataset.annotations:
        given, kept = map(listing.labels, (Path(lists), dataset.annotations))
        splits = [s for s in listing.SPLITS if given.get(s) != kept.get(s)]
        if given and splits:  # the videos and their lists may be gone
            option = "annotations" if annotations else "videos"
            yield (
                f"{option} is {lists}, but its CSV files for {', '.join(splits)}"
                f" differ from those in {dataset.annotations}"
            )
    side = _short_side(dataset) if short_side else None
    if side is not None and side != short_side:
        yield f"short_side is {short_side}, but the stored frames have {side}"
    for split, part in dataset.splits.items():
        aside = [video for video in dataset.aside if video.split == split]
        try:
            shards.check(aside, part.num_videos + len(aside), split, max_aside)
        except shards.TooManyAsideError as error:
            yield f"max_aside is {max_aside}: {error}"


def _short_side(dataset: Dataset) -> int:
    """Return the shorter side of the first training video's frames, in pixels."""
    examples = (
        records.examples(path, dataset.parse) for path in dataset.split("train").files
    )
    first = next(itertools.chain.from_iterable(examples))
    return int(min(tf.io.extract_jpeg_shape(first["frames"][0])[:2]))


def check_edition(dataset: Dataset) -> None:
    """Check that this version's videos are in a prepared Pantomime dataset.

    Raises:
        ValueError: naming the videos found and expected, and the folders to remove, if
            a version that rendered other videos prepared it.
    """
    for split, part in dataset.splits.items():
        listed = listing.SPLITS[split][0]
        expected = SETS[dataset.name].count(listed)
        found = str(dataset.frames(split).ids[0])
        first = video_id(dataset.name, listed, 0)
        if part.num_videos != expected or found[:4] != first[:4]:
            raise ValueError(
                f"{dataset.name}, split {split}: has {part.num_videos} videos like"
                f" {found}, expected {expected} like {first}; another version prepared"
                f" it: remove {part.index.parent} and the folder {dataset.name}-videos"
            )
