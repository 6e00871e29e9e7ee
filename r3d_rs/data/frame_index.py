"""Where each frame of a split lies in its record files.

A training clip takes 16 of a video's 250 frames or so. With an index the bytes of these
frames are read by themselves, and videos can be taken in any order without holding some
to shuffle them. An index takes 12 bytes a frame, in a file and in memory: for
Kinetics-400 some 0.8 GB.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from r3d_rs.data import records
from r3d_rs.files import read_arrays, whole_file
from r3d_rs.progress import bar
from r3d_rs.videos import clip

#: What the message of a broken frame begins with: of one that has changed since, and of
#: one that was broken before.
BROKEN = "not the whole JPEG that was indexed, a frame of"
NEVER_WHOLE = "not a whole JPEG when it was indexed, a frame of"

_HASHES = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class FrameIndex:
    """Every video of a split, in the order of its files.

    Attributes:
        files: `(file,)` record files.
        sizes: `(file,)` bytes that each has.
        ids: `(video,)` their names.
        labels: `(video,)` int32.
        shard: `(video,)` int32 number of the video's file.
        first: `(video,)` int64 place in the file of the video's first frame.
        row: `(video + 1,)` int64 row below where each video's frames begin.
        begin: `(row,)` int32 place of a frame, counted from `first`.
        size: `(row,)` int32 bytes of a frame.
        hash: `(row,)` int32 of its bytes; -1 if they are not those of a whole JPEG.
    """

    files: np.ndarray
    sizes: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    shard: np.ndarray
    first: np.ndarray
    row: np.ndarray
    begin: np.ndarray
    size: np.ndarray
    hash: np.ndarray

    @functools.cached_property
    def tensors(self) -> dict[str, tf.Tensor]:
        """The arrays as tensors."""
        with tf.init_scope():  # not as parts of a graph that is being made
            return {name: tf.constant(array) for name, array in vars(self).items()}

    def length(self, video) -> tf.Tensor:
        """Return how many frames a video has."""
        row = self.tensors["row"]
        return tf.cast(row[video + 1] - row[video], tf.int32)

    def read(self, video, frames) -> tf.Tensor:
        """Read frames of a video, still encoded, within tf.data.

        Args:
            video: its number.
            frames: `(time,)` numbers of frames.
        """
        stored = self.tensors
        rows = stored["row"][video] + tf.cast(frames, tf.int64)
        begin, size, hashes = (
            tf.gather(stored[name], rows) for name in ("begin", "size", "hash")
        )
        path = stored["files"][stored["shard"][video]]
        begin = stored["first"][video] + tf.cast(begin, tf.int64)
        # TensorFlow reads a part of a file through a buffer that costs more than that.
        jpegs = tf.numpy_function(_pread, [path, begin, size], tf.string)
        jpegs = tf.ensure_shape(jpegs, frames.shape)
        same = tf.cast(tf.strings.to_hash_bucket_fast(jpegs, _HASHES), tf.int32)
        whole = tf.reduce_all(same == hashes)
        what = tf.where(tf.reduce_all(hashes >= 0), BROKEN, NEVER_WHOLE)
        check = tf.debugging.Assert(whole, [what, stored["ids"][video], path])
        with tf.control_dependencies([check]):
            return tf.identity(jpegs)


def load(split, parse: Callable, progress: bool = False) -> FrameIndex:
    """Return a split's index, from its file or, where there is none, made and kept.

    Args:
        split: a `datasets.Split`.
        parse: of the dataset.
        progress: show a bar while it is made.

    Raises:
        ValueError: naming a record that cannot be read, a record file that is not as
            long as it was, or an index that is damaged or of another number of videos.
    """
    if not split.index.exists():
        write(split.index, make(split.files, parse, progress))
    try:
        index = FrameIndex(np.array(split.files), **read_arrays(split.index))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{error}; remove {split.index}, and it is made again"
        ) from error
    if len(index.ids) != split.num_videos:
        raise ValueError(
            f"{split.index}: has {len(index.ids)} videos, but the dataset says that"
            f" there are {split.num_videos}: prepare it again"
        )
    for path, size in zip(split.files, index.sizes, strict=True):
        found = Path(path).stat().st_size
        if found != size:
            where = records.broken_record(split.files)
            raise ValueError(
                f"{path}: has {found} bytes, {size} when {split.index} was made:"
                f" {where}; if that is meant, remove {split.index}"
            )
    return index


def write(path: Path, found: dict[str, np.ndarray]) -> None:
    """Write the arrays of an index, or of a part of one, in one piece."""
    with whole_file(path) as part, part.open("wb") as file:
        np.savez(file, **found)


def make(
    files: tuple[str, ...], parse: Callable, progress: bool = False
) -> dict[str, np.ndarray]:
    """Read all records once, and note where their frames are.

    Returns:
        The arrays of an index, but for `files`: records and index may be moved.

    Raises:
        ValueError: naming a record that cannot be read or has a frame that is no JPEG,
            or the files where none has a record.
    """
    paths = bar(files, desc="Indexing frames", unit="file", disable=not progress)
    found = join([of_file(path, parse) for path in paths])
    if not len(found["ids"]):
        raise ValueError(f"{', '.join(files)}: found no records, expected one or more")
    return found


def of_file(path: str | Path, parse: Callable) -> dict[str, np.ndarray]:
    """Read one record file, and return its part of an index; see `make`."""
    rows = FileRows()
    parsed = records.examples(
        path, lambda record, place: (record, parse(record, place))
    )
    for number, (record, video) in enumerate(parsed):
        jpegs = video["frames"].numpy()
        records.check_frames(jpegs, f"{path}, record {number}")
        rows.add(record, video["id"].numpy().decode(), int(video["label"]), jpegs)
    return rows.arrays()


class FileRows:
    """The part of an index that is about one record file, video by video."""

    def __init__(self):
        """Begin with an empty file."""
        self._end = 0
        self._videos = []
        self._frames = [np.zeros([3, 0], np.int32)]

    def add(self, record: bytes, ident: str, label: int, jpegs) -> None:
        """Note the file's next record, serialized, and what it is made of.

        A frame that begins as a JPEG and ends otherwise is left to the run that draws
        it.
        """
        start = self._end + 12  # after the record's length and its checksum
        self._end = start + len(record) + 4  # and before another checksum
        begin = np.array(_find(record, jpegs), np.int32)
        first = int(begin[0]) if len(begin) else 0
        self._videos.append((ident, label, start + first, len(begin)))
        size = np.array([len(jpeg) for jpeg in jpegs], np.int32)
        self._frames.append(np.stack([begin - first, size, _hashes(jpegs)]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what was noted; `join` makes an index of it."""
        columns = zip(*self._videos, strict=True) if self._videos else [()] * 4
        ids, labels, first, length = columns
        begin, size, hashes = np.concatenate(self._frames, 1)
        return {
            "sizes": np.array([self._end]),
            "ids": np.array(ids, str),
            "labels": np.array(labels, np.int32),
            "first": np.array(first, np.int64),
            "length": np.array(length, np.int64),
            "begin": begin,
            "size": size,
            "hash": hashes,
        }


def join(parts: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return the arrays of a split's index from those of its files, in their order."""
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    videos = [len(part["ids"]) for part in parts]
    found["shard"] = np.repeat(np.arange(len(parts), dtype=np.int32), videos)
    found["row"] = np.concatenate([[0], np.cumsum(found["length"])])
    names = [field.name for field in dataclasses.fields(FrameIndex)]
    return {name: found[name] for name in names if name != "files"}


def _pread(path: bytes, begin: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return parts of a file."""
    with open(path, "rb", buffering=0) as file:
        parts = zip(size.tolist(), begin.tolist(), strict=True)
        return np.array([os.pread(file.fileno(), *part) for part in parts], object)


def _find(record: bytes, frames) -> list[int]:
    """Return where in a record each of its frames begins, one after another."""
    places, at = [], 0
    for frame in frames:
        at = record.index(frame[:32], at)
        while not record.startswith(frame, at):
            at = record.index(frame[:32], at + 1)
        places.append(at)
        at += len(frame)
    return places


def _hashes(frames) -> np.ndarray:
    whole = np.array([clip.is_whole_jpeg(frame) for frame in frames], bool)
    hashes = tf.strings.to_hash_bucket_fast(
        tf.constant(frames, tf.string), _HASHES
    ).numpy()
    return np.where(whole, hashes, -1).astype(np.int32)
