"""Folders of videos, listed in CSV files as Kinetics lists them, as TFRecords."""

import collections
import csv
import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from r3d_rs.data import frame_index, layout, listing, shards
from r3d_rs.files import seal_folder

#: Where a prepared dataset lists the videos that it had to leave out.
ASIDE_FILE = "set_aside.csv"
#: Where it keeps the CSV files that it was made by.
ANNOTATIONS = "annotations"
#: Where the frames of a split lie.
FRAMES_FILE = "frames-{split}.npz"


def build(
    videos: str | Path,
    folder: Path,
    partial: Path,
    *,
    annotations: str | Path | None = None,
    short_side: int | None = None,
    max_aside: float = 0.0,
    max_classes: int | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> None:
    """Write a folder of videos as TFRecords; a build that is cut off can go on.

    The classes are the labels of the training split in alphabetical order, which is
    Kinetics' own order of classes. Videos that are missing or do not decode are set
    aside and listed in `set_aside.csv` with the reason. Videos are decoded on several
    processes. The dataset's folder appears when it is complete.

    Args:
        videos: folder of the videos, in any layout that `listing.locate` reads.
        folder: of the dataset.
        partial: folder for shards until all are there.
        annotations: folder of the CSV files, by default the videos'.
        short_side: pixels that the shorter side of a stored frame has; None for the
            video's own.
        max_aside: share of a split's videos that may be set aside.
        max_classes: how many there may be; None for any number.
        workers: processes to decode in; all usable cores by default.
        progress: show a progress bar for each split.

    Raises:
        FileNotFoundError: when there is no CSV file of the training split.
        ValueError: naming a malformed CSV file, or videos of which too many cannot be
            used.
        OSError: naming what could not be written, the disk being full for example.
    """
    videos, lists = Path(videos), Path(annotations or videos)
    csvs = listing.find_csvs(lists)
    classes = read_classes(csvs.get("train", lists / "train.csv"), max_classes)
    written = {
        split: shards.write(
            parts,
            partial,
            classes,
            max_aside=max_aside,
            workers=workers,
            progress=progress,
        )
        for split, parts in plan(csvs, videos, classes, short_side, max_aside).items()
    }
    incomplete = folder.with_name(f"incomplete.{folder.name}")
    shutil.rmtree(incomplete, ignore_errors=True)
    try:
        _write_small_files(incomplete, csvs, classes, written)
        for split, parts in written.items():
            for index, part in enumerate(parts):
                name = layout.record_file(layout.NAME, split, index, len(parts))
                _link(part.path, incomplete / name)
        incomplete.rename(folder)
    except OSError as error:
        raise shards.not_written(folder, error) from error
    shutil.rmtree(partial, ignore_errors=True)


def read_classes(path: Path, most: int | None = None) -> list[str]:
    """Return the classes in the CSV file of a training split, in order.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, when it has no videos or more classes than `most`.
    """
    counts = collections.Counter(video.label for video in listing.read(path))
    if not counts:
        raise ValueError(f"{path}: lists no videos")
    if most is not None and len(counts) > most:
        rare = ", ".join(repr(label) for label, _ in counts.most_common()[:-4:-1])
        raise ValueError(
            f"{path}: found {len(counts)} classes, expected {most};"
            f" those with the fewest videos are {rare}"
        )
    return sorted(counts)


def plan(
    csvs: dict[str, Path],
    videos: Path,
    classes: Sequence[str],
    short_side: int | None,
    max_aside: float,
) -> dict[str, list[shards.Shard]]:
    """Return every split's shards.

    All CSV files are read, and all files looked for, before the first video is decoded:
    a mistake in the last of them is not found hours later.

    Args:
        csvs: the CSV files of the splits.
        videos: folder of the videos.
        classes: names, by label.
        short_side: of the stored frames.
        max_aside: share of a split's videos that may be set aside.

    Raises:
        ValueError: naming a malformed line of a CSV file.
        TooManyAsideError: when too many files of a split are not there.
    """
    rows = {split: listing.read(path, classes) for split, path in csvs.items()}
    parts = {
        split: shards.cut(listing.locate(own, videos, split), split, short_side)
        for split, own in rows.items()
        if own
    }
    for split, own in parts.items():
        shards.check(shards.absent(own), len(rows[split]), split, max_aside)
    return parts


def _write_small_files(folder, csvs, classes, written) -> None:
    """Write all files of a dataset but its records, and seal them."""
    (folder / ANNOTATIONS).mkdir(parents=True)
    for split, path in csvs.items():
        (folder / ANNOTATIONS / f"{split}.csv").write_bytes(path.read_bytes())
    files = {s: {p.path: p.num_videos for p in parts} for s, parts in written.items()}
    layout.write(folder, classes, files)
    for split, parts in written.items():
        frames = frame_index.join([part.frames() for part in parts])
        frame_index.write(folder / FRAMES_FILE.format(split=split), frames)
    aside = [v for parts in written.values() for part in parts for v in part.aside]
    write_aside(aside, folder / ASIDE_FILE)
    seal_folder(folder)


def write_aside(aside: Sequence[shards.Aside], path: Path) -> None:
    """Write the list of the videos set aside, a header alone if there are none."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(field.name for field in dataclasses.fields(shards.Aside))
        rows.writerows(dataclasses.astuple(video) for video in aside)


def read_aside(path: Path) -> list[shards.Aside]:
    """Read what `write_aside` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [shards.Aside(**row) for row in csv.DictReader(file)]


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError:  # a file system without links
        os.replace(old, new)
