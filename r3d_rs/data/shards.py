"""Videos encoded on many processes and written shard by shard.

A shard is some of a split's videos in one TFRecord file. One that is written stays: a
preparation that was stopped goes on with the next. Each video is decoded in a process
that may crash or hang without taking the others along.
"""

import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import TimeoutError
from pathlib import Path

import numpy as np
import pebble
import tensorflow as tf

from r3d_rs.cores import usable_cores
from r3d_rs.data import clip, frame_index, layout
from r3d_rs.data.listing import Video
from r3d_rs.files import read_arrays, read_json, whole_file, write_json
from r3d_rs.progress import bar

#: Videos in a shard. Kinetics' take some 10 MB each.
SHARD_VIDEOS = 32
#: A video that takes longer to decode is set aside.
TIMEOUT_SECONDS = 300

#: What to do where the machine was short of something.
_AGAIN = "what is finished stays: start it again, perhaps with fewer workers"


class TooManyAsideError(ValueError):
    """More videos had to be set aside than is allowed."""


@dataclasses.dataclass(frozen=True)
class Aside:
    """A video that could not be used.

    Attributes:
        split: of the dataset.
        id: of the video.
        label: name of its class.
        reason: what is wrong with it.
    """

    split: str
    id: str
    label: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Shard:
    """Some videos of a split, in the order in which they are written.

    Attributes:
        split: of the dataset.
        index: number of the shard.
        videos: what it holds.
        short_side: of the stored frames, pixels; None for the videos' own.
    """

    split: str
    index: int
    videos: tuple[Video, ...]
    short_side: int | None

    @property
    def name(self) -> str:
        """Name of the shard's files without the ending."""
        return f"{self.split}-{self.index:05d}"

    def fingerprint(self) -> str:
        """Return a hash of the videos' names and files and of all settings."""
        files = [
            (video.id, video.label, str(video.path), _size(video.path))
            for video in self.videos
        ]
        settings = [self.short_side, clip.JPEG_QUALITY, clip.MAX_FRAMES]
        return hashlib.sha256(json.dumps([files, settings]).encode()).hexdigest()


def cut(videos: Sequence[Video], split: str, short_side: int | None) -> list[Shard]:
    """Divide a split's videos among shards, in an order that only their ids decide."""
    ordered = sorted(
        videos, key=lambda video: hashlib.sha256(video.id.encode()).digest()
    )
    return [
        Shard(split, index, tuple(ordered[start : start + SHARD_VIDEOS]), short_side)
        for index, start in enumerate(range(0, len(ordered), SHARD_VIDEOS))
    ]


@dataclasses.dataclass(frozen=True)
class Written:
    """A shard that is on disk.

    Attributes:
        path: of its TFRecord file.
        num_videos: that it holds.
        aside: those that it does not hold.
    """

    path: Path
    num_videos: int
    aside: tuple[Aside, ...]

    def frames(self) -> dict[str, np.ndarray]:
        """Return where its frames lie: its part of the split's index."""
        try:
            return read_arrays(self.path.with_suffix(".npz"))
        except (FileNotFoundError, ValueError):  # of an older version, or damaged
            return frame_index.of_file(self.path, layout.parse)


def write(
    shards: Sequence[Shard],
    folder: Path,
    classes: Sequence[str],
    *,
    max_aside: float,
    workers: int | None = None,
    progress: bool = True,
) -> list[Written]:
    """Write a split's shards, but for those that are there already.

    Args:
        shards: of one split.
        folder: to write to.
        classes: names, by label.
        max_aside: share of the videos that may be set aside.
        workers: processes to decode in; all usable cores by default.
        progress: show a bar.

    Raises:
        TooManyAsideError: naming some of the videos and why; the shards written stay.
        OSError: naming the file that could not be written.
        ChildProcessError: when the machine is short of memory or file handles.
    """
    videos = [video for shard in shards for video in shard.videos]
    labels = {name: label for label, name in enumerate(classes)}
    split = shards[0].split
    done = {shard.name: _finished(shard, folder) for shard in shards}
    todo = [shard for shard in shards if done[shard.name] is None]
    aside = [video for old in done.values() if old for video in old.aside]
    shown = bar(
        total=len(videos),
        initial=sum(old.num_videos + len(old.aside) for old in done.values() if old),
        desc=f"Reading videos: {split}",
        unit="video",
        disable=not progress,
    )
    tasks = ((video.path, shard.short_side) for shard in todo for video in shard.videos)
    calls = isolated_map(clip.encoded, tasks, workers)
    with shown, contextlib.closing(calls) as results:
        ticking = _tick(results, shown)
        for shard in todo:
            done[shard.name] = _write_shard(shard, folder, ticking, labels)
            aside += done[shard.name].aside
            shown.set_postfix({"set aside": len(aside)}, refresh=False)
            check(aside, len(videos), split, max_aside)
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


def not_written(path: Path, error: Exception) -> OSError:
    """Return an error for one that came while a dataset was written, as a full disk."""
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, tf.errors.OpError):  # "<file>; <reason>"
        reason = error.message.rpartition("; ")[2]
    return OSError(
        f"cannot write {path}: {reason}; what is finished stays: start it again, and it"
        " goes on from there"
    )


def absent(shards: Iterable[Shard]) -> list[Aside]:
    """Return the videos of which there is no file."""
    return [
        Aside(shard.split, video.id, video.label, clip.encoded(None))
        for shard in shards
        for video in shard.videos
        if video.path is None
    ]


def _tick(results: Iterable, shown) -> Iterator:
    for result in results:
        shown.update()
        yield result


def _write_shard(shard, folder, results, labels) -> Written:
    """Write a shard, where its frames lie and then, what makes it count, the note."""
    path = folder / f"{shard.name}.tfrecord"
    aside, rows = [], frame_index.FileRows()
    try:
        with (
            whole_file(path) as part,
            tf.io.TFRecordWriter(str(part)) as writer,
        ):
            for video in shard.videos:
                result = next(results)
                if isinstance(result, str):
                    aside.append(Aside(shard.split, video.id, video.label, result))
                    continue
                jpegs, rate = result
                label = labels[video.label]
                record = layout.example(video.id, label, jpegs, rate)
                writer.write(record)
                rows.add(record, video.id, label, jpegs)
        frame_index.write(path.with_suffix(".npz"), rows.arrays())
        count = len(shard.videos) - len(aside)
        note = {"fingerprint": shard.fingerprint(), "num_videos": count}
        note["aside"] = [dataclasses.astuple(video) for video in aside]
        write_json(path.with_suffix(".json"), note)
    except ChildProcessError:  # not in writing
        raise
    except (tf.errors.OpError, OSError) as error:
        raise not_written(path, error) from error
    return Written(path, count, tuple(aside))


def _finished(shard: Shard, folder: Path) -> Written | None:
    """Return a shard that is there already, None if it is not or is another's.

    One whose note is damaged is written again.
    """
    path = folder / f"{shard.name}.tfrecord"
    try:
        note = read_json(path.with_suffix(".json"))
    except (FileNotFoundError, ValueError):
        return None
    if note["fingerprint"] != shard.fingerprint() or not path.is_file():
        return None
    aside = tuple(Aside(*fields) for fields in note["aside"])
    return Written(path, note["num_videos"], aside)


def _size(path: Path | None) -> int | None:
    return None if path is None else path.stat().st_size


def isolated_map(function, tasks: Iterable[tuple], workers: int | None) -> Iterator:
    """Call a function on processes of its own; yield the results in order.

    A few tasks are taken ahead of the consumer. A call that crashes its process or
    takes longer than `TIMEOUT_SECONDS` gives a text that says so instead of a result.

    Raises:
        ChildProcessError: when a process cannot be started, is killed from outside or
            finds the machine short of memory or file handles.
    """
    workers = workers or usable_cores()
    spawn = multiprocessing.get_context("spawn")
    with pebble.ProcessPool(
        workers, context=spawn, initializer=clip.limit_memory
    ) as pool:
        waiting = deque()
        try:
            for task in tasks:
                waiting.append(_schedule(pool, function, task))
                if len(waiting) > 2 * workers:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            pool.stop()


def _schedule(pool: pebble.ProcessPool, function, task: tuple):
    try:
        return pool.schedule(function, task, timeout=TIMEOUT_SECONDS)
    except RuntimeError as error:  # it could not start its processes
        raise ChildProcessError(
            f"the processes that decode videos failed: {error}; {_AGAIN}"
        ) from error


def _result(future):
    try:
        return future.result()
    except TimeoutError:
        return f"decoding took longer than {TIMEOUT_SECONDS} seconds"
    except pebble.ProcessExpired as error:
        # By one's own fault a process ends by another signal.
        if error.exitcode >= 0 or error.exitcode == -signal.SIGKILL:
            raise ChildProcessError(
                "a process that decodes videos was ended from outside (exit code"
                f" {error.exitcode}), as when memory is short; {_AGAIN}"
            ) from error
        return f"decoding crashed its process (exit code {error.exitcode})"
    except (OSError, MemoryError, RuntimeError) as error:  # RuntimeError: of the pool
        raise ChildProcessError(
            f"a process that decodes videos failed: {error}; {_AGAIN}"
        ) from error
