"""Videos as records of TFRecord files: writing, parsing and reading them.

A record is a `tf.train.Example` with the features `id`, `label`, `fps` and `frames`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from r3d_rs import backend

backend.leave_accelerators()


def example(ident: str, label: int, jpegs: Iterable[bytes], fps: float) -> bytes:
    """Serialize a video as `tf.train.Example`, to the same bytes in every process."""
    video = tf.train.Example()
    features = video.features.feature
    features["id"].bytes_list.value.append(ident.encode())
    features["label"].int64_list.value.append(label)
    features["frames"].bytes_list.value.extend(jpegs)
    features["fps"].float_list.value.append(fps)
    return video.SerializeToString(deterministic=True)


def parse(record, place, frames: str = "frames") -> dict[str, tf.Tensor]:
    """Return the features of a record, with the frames still encoded.

    Args:
        record: the serialized record.
        place: place of the record, used as the id if it has none.
        frames: name of the feature that holds the frames.
    """
    features = tf.io.parse_single_example(
        record,
        {
            "id": tf.io.FixedLenFeature([], tf.string, ""),
            "label": tf.io.FixedLenFeature([], tf.int64),
            "fps": tf.io.FixedLenFeature([], tf.float32, 0.0),
            frames: tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True),
        },
    )
    ident = features["id"]
    return {
        "id": tf.where(ident == "", place, ident),
        "label": features["label"],
        "fps": features["fps"],
        "frames": features[frames],
    }


def examples(path: str | Path, parse: Callable) -> Iterator:
    """Yield the result of `parse` for each record of a file.

    Args:
        path: path of a TFRecord file.
        parse: function of a record and its place, `<file>__<number>`.

    Raises:
        ValueError: naming the file and the first record that cannot be read or parsed,
            or the compression of a compressed file.
    """
    number = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield parse(record, f"{Path(path).name}__{number}")
            number += 1
    except tf.errors.OpError as error:
        if number == 0 and (how := _compression(path)):
            unpack = "gzip -dc OLD > NEW" if how == "GZIP" else "zlib-flate -uncompress"
            raise ValueError(
                f"{path}: is compressed ({how}), and clips cannot be read from within"
                f" it: unpack it, for example by `{unpack}`, and move the compressed"
                " file elsewhere"
            ) from error
        reason = re.sub(r"\{\{.*?\}\} |\[Op:.*", "", error.message).strip()
        raise ValueError(f"{path}, record {number}: {reason}") from error


def _compression(path: str | Path) -> str:
    """Return the compression of a file without readable records, "" if none."""
    with open(path, "rb") as file:
        begin = file.read(2)
    if begin == b"\x1f\x8b":
        return "GZIP"
    zlib = begin[:1] == b"\x78" and int.from_bytes(begin) % 31 == 0
    return "ZLIB" if zlib else ""


def check_frames(frames: Sequence[bytes], where: str) -> None:
    """Check that a record's frames begin as JPEGs do.

    Args:
        frames: the encoded frames.
        where: file and number of the record, for the message.

    Raises:
        ValueError: naming the record, its first frame that is no JPEG, and what that
            frame is.
    """
    for number, frame in enumerate(frames):
        if not frame.startswith(b"\xff\xd8"):
            png = frame.startswith(b"\x89PNG")
            found = "PNG" if png else f"bytes that begin with {frame[:8]!r}"
            raise ValueError(f"{where}: frame {number} is {found}, expected JPEG")


def broken_record(files: Sequence[str]) -> str:
    """Return a text that names the first record that cannot be read, and why."""
    try:
        for path in files:
            for _ in examples(path, lambda record, place: None):
                pass
    except ValueError as error:
        return str(error)
    return "none of the split's files is broken any more"


def not_written(path: Path, error: Exception) -> OSError:
    """Return the OSError to raise for a failed write of a dataset, e.g. a full disk."""
    reason = getattr(error, "strerror", None) or str(error)
    if isinstance(error, tf.errors.OpError):  # "<file>; <reason>"
        reason = error.message.rpartition("; ")[2]
    return OSError(
        f"cannot write {path}: {reason}; what is finished stays: start it again, and it"
        " goes on from there"
    )
