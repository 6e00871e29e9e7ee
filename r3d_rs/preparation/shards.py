"""Shards: some of a split's videos in one TFRecord file, planned and then written.

Which videos a shard holds depends on their ids alone. One that is written stays: a
preparation that was stopped goes on with the next.
"""

import contextlib
import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from r3d_rs.data import frame_index, records
from r3d_rs.files import read_arrays, read_json, whole_file, write_json
from r3d_rs.preparation.processes import isolated_map
from r3d_rs.progress import bar
from r3d_rs.videos import clip, finding, listing
from r3d_rs.videos.listing import Aside, Video

#: Videos in a shard. Kinetics' take some 10 MB each.
SHARD_VIDEOS = 32


class TooManyAsideError(ValueError):
    """More videos had to be set aside than is allowed."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Videos on disk, and how they are stored.

    Attributes:
        videos: folder of the videos, in any layout that `finding.locate` reads.
        annotations: folder of the CSV files.
        short_side: of the stored frames, pixels; None for the videos' own.
        max_aside: share of a split's videos that may be missing or broken.
    """

    videos: Path
    annotations: Path
    short_side: int | None
    max_aside: float


@dataclasses.dataclass(frozen=True)
class Shard:
    """Some videos of a split, in the order in which they are written.

    Attributes:
        split: of the dataset.
        index: number of the shard.
        videos: what it holds.
    """

    split: str
    index: int
    videos: tuple[Video, ...]

    @property
    def name(self) -> str:
        """Name of the shard's files without the ending."""
        return f"{self.split}-{self.index:05d}"

    def fingerprint(self, short_side: int | None) -> str:
        """Return a hash of the videos' names and files and of all settings."""
        files = [
            (video.id, video.label, str(video.path), _size(video.path))
            for video in self.videos
        ]
        settings = [short_side, clip.JPEG_QUALITY, clip.MAX_FRAMES, clip.WHOLE]
        return hashlib.sha256(json.dumps([files, settings]).encode()).hexdigest()


def plan(
    source: Source, max_classes: int | None = None
) -> tuple[list[str], dict[str, list[Shard]]]:
    """Return the classes and every split's shards.

    The classes are the labels of the training split in alphabetical order, which is
    Kinetics' own order of classes. All CSV files are read, and all files looked for,
    before the first video is decoded: a mistake in the last of them is not found hours
    later.

    Args:
        source: the videos.
        max_classes: how many there may be; None for any number.

    Raises:
        FileNotFoundError: when there is no CSV file of the training split.
        ValueError: naming a malformed line of a CSV file, or too many classes.
        TooManyAsideError: when too many files of a split are not there.
    """
    training = listing.find_csv(source.annotations, "train")
    classes = _classes(training or source.annotations / "train.csv", max_classes)
    rows = listing.read_folder(source.annotations, classes)
    planned = {
        split: cut(finding.locate(own, source.videos, split), split)
        for split, own in rows.items()
        if own
    }
    for split, own in planned.items():
        check(absent(own), len(rows[split]), split, source.max_aside)
    return classes, planned


def _classes(path: Path, most: int | None) -> list[str]:
    """Return the classes in the CSV file of a training split, in order."""
    counts = Counter(video.label for video in listing.read(path))
    if not counts:
        raise ValueError(f"{path}: lists no videos")
    if most is not None and len(counts) > most:
        rare = ", ".join(repr(label) for label, _ in counts.most_common()[:-4:-1])
        raise ValueError(
            f"{path}: found {len(counts)} classes, expected {most};"
            f" those with the fewest videos are {rare}"
        )
    return sorted(counts)


def cut(videos: Sequence[Video], split: str) -> list[Shard]:
    """Divide a split's videos among shards, in an order that only their ids decide."""
    ordered = sorted(
        videos, key=lambda video: hashlib.sha256(video.id.encode()).digest()
    )
    return [
        Shard(split, index, tuple(ordered[start : start + SHARD_VIDEOS]))
        for index, start in enumerate(range(0, len(ordered), SHARD_VIDEOS))
    ]


@dataclasses.dataclass(frozen=True)
class Written:
    """A shard that is on disk.

    Attributes:
        path: of its TFRecord file.
        num_videos: that it holds.
        aside: those that it does not hold.
        repaired: those whose pictures are not one a frame, with the numbers.
    """

    path: Path
    num_videos: int
    aside: tuple[Aside, ...]
    repaired: tuple[Aside, ...] = ()

    def frames(self) -> dict[str, np.ndarray]:
        """Return where its frames lie: its part of the split's index."""
        try:
            return read_arrays(self.path.with_suffix(".npz"))
        except (FileNotFoundError, ValueError):  # of an older version, or damaged
            return frame_index.of_file(self.path, records.parse)


def write(
    shards: Sequence[Shard],
    folder: Path,
    classes: Sequence[str],
    source: Source,
    *,
    total: int | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> list[Written]:
    """Write shards of a split, but for those that are there already.

    Args:
        shards: of one split.
        folder: to write to.
        classes: names, by label.
        source: of the videos.
        total: videos of the split, where these shards are a part of it.
        workers: processes to decode in; all usable cores by default.
        progress: show a bar.

    Raises:
        TooManyAsideError: naming some of the videos and why; the shards written stay.
        OSError: naming the file that could not be written.
        ChildProcessError: when the machine is short of memory or file handles.
    """
    videos = [video for shard in shards for video in shard.videos]
    labels = {name: label for label, name in enumerate(classes)}
    split, total = shards[0].split, total or len(videos)
    side = source.short_side
    done = {shard.name: finished(shard, folder, side) for shard in shards}
    todo = [shard for shard in shards if done[shard.name] is None]
    aside = [video for old in done.values() if old for video in old.aside]
    check(aside, total, split, source.max_aside)
    shown = bar(
        total=len(videos),
        initial=sum(old.num_videos + len(old.aside) for old in done.values() if old),
        desc=f"Reading videos: {split}",
        unit="video",
        disable=not progress,
    )
    paths = (video.path for shard in todo for video in shard.videos if video.path)
    calls = isolated_map(clip.encoded, ((path, side) for path in paths), workers)
    with shown, contextlib.closing(calls) as results:
        for shard in todo:
            done[shard.name] = _write_shard(shard, folder, side, results, labels, shown)
            aside += done[shard.name].aside
            shown.set_postfix({"set aside": len(aside)}, refresh=False)
            check(aside, total, split, source.max_aside)
    return [done[shard.name] for shard in shards]


def check(aside: Sequence[Aside], total: int, split: str, max_aside: float) -> None:
    """Raise `TooManyAsideError` if more than a share of a split is set aside."""
    if len(aside) > max_aside * total:
        some = "; ".join(f"{video.id}: {video.reason}" for video in aside[:5])
        raise TooManyAsideError(
            f"split {split}: {len(aside)} of {total} videos cannot be used, allowed are"
            f" {max_aside:.1%} (max_aside); the first of them are {some}."
            " A split without a CSV file is left out"
        )


def absent(shards: Iterable[Shard]) -> list[Aside]:
    """Return the videos of which there is no file."""
    return [
        Aside(shard.split, video.id, video.label, video.absent)
        for shard in shards
        for video in shard.videos
        if video.path is None
    ]


def _write_shard(shard, folder, short_side, results, labels, shown) -> Written:
    """Write a shard, where its frames lie and then, what makes it count, the note."""
    path = folder / f"{shard.name}.tfrecord"
    aside, repaired, rows = [], [], frame_index.FileRows()
    try:
        with (
            whole_file(path) as part,
            tf.io.TFRecordWriter(str(part)) as writer,
        ):
            for video in shard.videos:
                result = next(results) if video.path else video.absent
                shown.update()
                if isinstance(result, str):
                    aside.append(Aside(shard.split, video.id, video.label, result))
                    continue
                jpegs, rate, repairs = result
                if repairs:
                    repaired.append(Aside(shard.split, video.id, video.label, repairs))
                label = labels[video.label]
                record = records.example(video.id, label, jpegs, rate)
                writer.write(record)
                rows.add(record, video.id, label, jpegs)
        frame_index.write(path.with_suffix(".npz"), rows.arrays())
        count = len(shard.videos) - len(aside)
        note = {"fingerprint": shard.fingerprint(short_side), "num_videos": count}
        note["aside"] = [dataclasses.astuple(video) for video in aside]
        note["repaired"] = [dataclasses.astuple(video) for video in repaired]
        write_json(path.with_suffix(".json"), note)
    except ChildProcessError:  # not in writing
        raise
    except (tf.errors.OpError, OSError) as error:
        raise records.not_written(path, error) from error
    return Written(path, count, tuple(aside), tuple(repaired))


def finished(shard: Shard, folder: Path, short_side: int | None) -> Written | None:
    """Return a shard that is in a folder, None if it is not or is another's.

    One whose note is damaged counts as missing.
    """
    path = folder / f"{shard.name}.tfrecord"
    try:
        note = read_json(path.with_suffix(".json"))
    except (FileNotFoundError, ValueError):
        return None
    if note["fingerprint"] != shard.fingerprint(short_side) or not path.is_file():
        return None
    aside, repaired = (
        tuple(Aside(*fields) for fields in note[key]) for key in ("aside", "repaired")
    )
    return Written(path, note["num_videos"], aside, repaired)


def _size(path: Path | None) -> int | None:
    with contextlib.suppress(OSError):  # gone by now: it is set aside when it is read
        return None if path is None else path.stat().st_size
    return None
