"""Index of where each frame of a split lies in its record files.

A training clip takes 16 of a video's roughly 250 frames. With an index, only the bytes
of these frames are read. Videos can be read in any order, without a shuffle buffer. An
index takes 12 bytes per frame, on disk and in memory: about 0.8 GB for Kinetics-400.
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

#: Start of the message about a frame that has changed since it was indexed, and about
#: one that was broken before.
BROKEN = "not the whole JPEG that was indexed, a frame of"
NEVER_WHOLE = "not a whole JPEG when it was indexed, a frame of"

_HASHES = 2**31 - 1


@dataclasses.dataclass(frozen=True)
class FrameIndex:
    """Every video of a split, in the order of its files.

    Attributes:
        files: `(file,)` paths of the record files.
        sizes: `(file,)` sizes of the files in bytes.
        ids: `(video,)` ids of the videos.
        labels: `(video,)` int32 labels.
        shard: `(video,)` int32 number of each video's file.
        first: `(video,)` int64 byte offset of the video's first frame in its file.
        row: `(video + 1,)` int64 first row of each video in the three arrays below.
        begin: `(row,)` int32 byte offset of each frame, relative to `first`.
        size: `(row,)` int32 size of each frame in bytes.
        hash: `(row,)` int32 hash of each frame's bytes; -1 if it is not a whole JPEG.
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
        with tf.init_scope():  # outside of any graph that is being built
            return {name: tf.constant(array) for name, array in vars(self).items()}

    def length(self, video) -> tf.Tensor:
        """Return the number of frames in a video."""
        row = self.tensors["row"]
        return tf.cast(row[video + 1] - row[video], tf.int32)

    def read(self, video, frames) -> tf.Tensor:
        """Read frames of a video within tf.data, as JPEGs `(time,)`.

        A frame whose bytes are not the indexed JPEG raises an `InvalidArgumentError`.

        Args:
            video: number of the video in the split.
            frames: `(time,)` numbers of the frames.
        """
        stored = self.tensors
        rows = stored["row"][video] + tf.cast(frames, tf.int64)
        begin, size, hashes = (
            tf.gather(stored[name], rows) for name in ("begin", "size", "hash")
        )
        path = stored["files"][stored["shard"][video]]
        begin = stored["first"][video] + tf.cast(begin, tf.int64)
        # TensorFlow's own file reads go through a buffer, which costs more than this.
        jpegs = tf.numpy_function(_pread, [path, begin, size], tf.string)
        jpegs = tf.ensure_shape(jpegs, frames.shape)
        same = tf.cast(tf.strings.to_hash_bucket_fast(jpegs, _HASHES), tf.int32)
        whole = tf.reduce_all(same == hashes)
        what = tf.where(tf.reduce_all(hashes >= 0), BROKEN, NEVER_WHOLE)
        check = tf.debugging.Assert(whole, [what, stored["ids"][video], path])
        with tf.control_dependencies([check]):
            return tf.identity(jpegs)


def load(split, parse: Callable, progress: bool = False) -> FrameIndex:
    """Load a split's index; if there is no file yet, make the index and save it.

    Args:
        split: a `datasets.Split`.
        parse: the dataset's parser; see `datasets.Dataset`.
        progress: show a bar while the index is made.

    Raises:
        ValueError: naming a record that cannot be read, a record file whose length has
            changed, or an index that is damaged or has another number of videos.
    """
    if not split.index.exists():
        write(split.index, make(split.files, parse, progress))
    try:
        index = FrameIndex(np.array(split.files), **read_arrays(split.index))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{error}; remove {split.index} to make it again") from error
    if len(index.ids) != split.num_videos:
        raise ValueError(
            f"{split.index}: has {len(index.ids)} videos, but the dataset has"
            f" {split.num_videos}: prepare it again"
        )
    for path, size in zip(split.files, index.sizes, strict=True):
        found = Path(path).stat().st_size
        if found != size:
            where = records.broken_record(split.files)
            raise ValueError(
                f"{path}: has {found} bytes, {size} when {split.index} was made:"
                f" {where}; if you changed the file on purpose, remove {split.index}"
            )
    return index


def write(path: Path, found: dict[str, np.ndarray]) -> None:
    """Write the arrays of an index, or of a part of one, atomically."""
    with whole_file(path) as part, part.open("wb") as file:
        np.savez(file, **found)


def make(
    files: tuple[str, ...], parse: Callable, progress: bool = False
) -> dict[str, np.ndarray]:
    """Read all records once and index their frames.

    Returns:
        The arrays of an index except `files`, so that records and index can be moved.

    Raises:
        ValueError: naming a record that cannot be read or has a frame that is no JPEG,
            or the files if none has a record.
    """
    paths = bar(files, desc="Indexing frames", unit="file", disable=not progress)
    found = join([of_file(path, parse) for path in paths])
    if not len(found["ids"]):
        raise ValueError(f"{', '.join(files)}: found no records, expected one or more")
    return found


def of_file(path: str | Path, parse: Callable) -> dict[str, np.ndarray]:
    """Read one record file and return its part of an index; see `make`."""
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
    """The part of an index for one record file, built video by video."""

    def __init__(self):
        """Start with an empty file."""
        self._end = 0
        self._videos = []
        self._frames = [np.zeros([3, 0], np.int32)]

    def add(self, record: bytes, ident: str, label: int, jpegs) -> None:
        """Add the file's next record.

        An incomplete JPEG gets the hash -1 and raises an error only when it is read.

        Args:
            record: the serialized record.
            ident: id of its video.
            label: label of its video.
            jpegs: its encoded frames, in the order in which the record stores them.
        """
        start = self._end + 12  # after the length (8 bytes) and its checksum (4)
        self._end = start + len(record) + 4  # including the record's checksum
        begin = np.array(_find(record, jpegs), np.int32)
        first = int(begin[0]) if len(begin) else 0
        self._videos.append((ident, label, start + first, len(begin)))
        size = np.array([len(jpeg) for jpeg in jpegs], np.int32)
        self._frames.append(np.stack([begin - first, size, _hashes(jpegs)]))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of all added records, for `join`."""
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
    """Join the parts of a split's files, in file order, to the arrays of its index."""
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    videos = [len(part["ids"]) for part in parts]
    found["shard"] = np.repeat(np.arange(len(parts), dtype=np.int32), videos)
    found["row"] = np.concatenate([[0], np.cumsum(found["length"])])
    names = [field.name for field in dataclasses.fields(FrameIndex)]
    return {name: found[name] for name in names if name != "files"}


def _pread(path: bytes, begin: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Read parts of a file, given by offset and size in bytes."""
    with open(path, "rb", buffering=0) as file:
        parts = zip(size.tolist(), begin.tolist(), strict=True)
        return np.array([os.pread(file.fileno(), *part) for part in parts], object)


def _find(record: bytes, frames) -> list[int]:
    """Return the offset of each frame in its record; frames are in stored order."""
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
