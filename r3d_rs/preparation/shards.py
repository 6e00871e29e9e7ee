"""Plan and write shards: TFRecord files that each hold some of a split's videos.

Only the ids of the videos decide which shard they go to. Finished shards are kept, so
an interrupted preparation continues with the next one.
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

#: Videos per shard. A Kinetics video takes about 10 MB.
SHARD_VIDEOS = 32


class TooManyAsideError(ValueError):
    """More videos had to be set aside than allowed."""


@dataclasses.dataclass(frozen=True)
class Source:
    """Videos on disk, and how to store them.

    Attributes:
        videos: folder of the videos, in any layout that `finding.locate` reads.
        annotations: folder of the CSV files.
        short_side: shorter side of the stored frames in pixels; None keeps the videos'
            own size.
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
        split: name of the split.
        index: number of the shard.
        videos: the videos it holds.
    """

    split: str
    index: int
    videos: tuple[Video, ...]

    @property
    def name(self) -> str:
        """File name of the shard, without the ending."""
        return f"{self.split}-{self.index:05d}"

    def fingerprint(self, short_side: int | None) -> str:
        """Return a hash of the videos' ids, labels, files and storage settings."""
        files = [
            (video.id, video.label, str(video.path), _size(video.path))
            for video in self.videos
        ]
        settings = [short_side, clip.JPEG_QUALITY, clip.MAX_FRAMES, clip.WHOLE]
        return hashlib.sha256(json.dumps([files, settings]).encode()).hexdigest()


def plan(
    source: Source, max_classes: int | None = None
) -> tuple[list[str], dict[str, list[Shard]]]:
    """Return the classes and the shards of every split.

    The classes are the labels of the training split in alphabetical order, as in
    Kinetics. This reads all CSV files and looks for all video files before any video is
    decoded. A mistake in the last of them thus shows at once, not hours later.

    Args:
        source: the videos.
        max_classes: maximum number of classes; None for any number.

    Raises:
        FileNotFoundError: if the training split has no CSV file.
        ValueError: naming a malformed line of a CSV file, or too many classes.
        TooManyAsideError: if too many video files of a split are missing.
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
    """Return the classes in a training split's CSV file, in alphabetical order."""
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
    """Divide a split's videos into shards, in the order of their ids' hashes."""
    ordered = sorted(
        videos, key=lambda video: hashlib.sha256(video.id.encode()).digest()
    )
    return [
        Shard(split, index, tuple(ordered[start : start + SHARD_VIDEOS]))
        for index, start in enumerate(range(0, len(ordered), SHARD_VIDEOS))
    ]


@dataclasses.dataclass(frozen=True)
class Written:
    """A shard on disk.

    Attributes:
        path: its TFRecord file.
        num_videos: number of videos it holds.
        aside: videos that were set aside, with the reason.
        repaired: videos with broken pictures or repeated frames, with the numbers.
    """

    path: Path
    num_videos: int
    aside: tuple[Aside, ...]
    repaired: tuple[Aside, ...] = ()

    def frames(self) -> dict[str, np.ndarray]:
        """Return the shard's part of the split's frame index."""
        try:
            return read_arrays(self.path.with_suffix(".npz"))
        except (FileNotFoundError, ValueError):  # an older version's, or damaged
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
    """Write shards of a split, except those already finished.

    Args:
        shards: shards of one split.
        folder: folder to write to.
        classes: class names, indexed by label.
        source: the videos and how to store them.
        total: number of videos in the split; by default those in `shards`.
        workers: processes that decode videos; all usable cores by default.
        progress: whether to show a progress bar.

    Returns:
        All of `shards` as written, in order.

    Raises:
        TooManyAsideError: naming some of the videos and the reasons. Finished shards
            are kept.
        OSError: naming the file that could not be written.
        ChildProcessError: if the machine is short of memory or file handles.
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
    """Raise `TooManyAsideError` if a larger share than `max_aside` is set aside."""
    if len(aside) > max_aside * total:
        some = "; ".join(f"{video.id}: {video.reason}" for video in aside[:5])
        raise TooManyAsideError(
            f"split {split}: {len(aside)} of {total} videos cannot be used, allowed are"
            f" {max_aside:.1%} (max_aside); the first are {some}."
            " To leave out a split, remove its CSV file"
        )


def absent(shards: Iterable[Shard]) -> list[Aside]:
    """Return the videos that have no file."""
    return [
        Aside(shard.split, video.id, video.label, video.absent)
        for shard in shards
        for video in shard.videos
        if video.path is None
    ]


def _write_shard(shard, folder, short_side, results, labels, shown) -> Written:
    """Write a shard's records, its frame index and, last, the note that finishes it."""
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
    except ChildProcessError:  # an OSError, but not from writing
        raise
    except (tf.errors.OpError, OSError) as error:
        raise records.not_written(path, error) from error
    return Written(path, count, tuple(aside), tuple(repaired))


def finished(shard: Shard, folder: Path, short_side: int | None) -> Written | None:
    """Return a shard as written, or None if it is not finished in `folder`.

    A shard of other videos or settings, or with a damaged note, is not finished.
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
    with contextlib.suppress(OSError):  # gone meanwhile: reading it will set it aside
        return None if path is None else path.stat().st_size
    return None
