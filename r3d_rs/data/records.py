"""TFRecords of Model Garden, read where they are.

They hold `tf.train.SequenceExample`s as the official implementation's data loader reads
them (`video_input.py`, tf-models-official 2.20.0): the feature list `image/encoded` has
one JPEG a frame, the context feature `clip/label/index` the class. Two more context
features, which MediaSequence writes, are used where they are there: `clip/media_id` and
`clip/label/string`.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import tensorflow as tf

from r3d_rs.data.listing import SPLITS
from r3d_rs.files import read_json, write_json
from r3d_rs.progress import bar

FRAMES, LABEL, NAME, IDENT = (
    "image/encoded",
    "clip/label/index",
    "clip/label/string",
    "clip/media_id",
)
_CONTEXT = {
    LABEL: tf.io.VarLenFeature(tf.int64),
    NAME: tf.io.VarLenFeature(tf.string),
    IDENT: tf.io.FixedLenFeature([], tf.string, ""),
}


@dataclasses.dataclass(frozen=True)
class Index:
    """What a folder of Model Garden's TFRecords holds.

    Attributes:
        classes: names, by label.
        files: of each split, with the number of videos in each.
    """

    classes: tuple[str, ...]
    files: dict[str, dict[str, int]]


def parse(record, place):
    """Return a record's features: id, label, fps (0, unknown), frames still encoded.

    A video without `clip/media_id` is named after its place, `<file>__<number>`.
    """
    context, lists = _parts(record, tf.io.FixedLenSequenceFeature([], tf.string))
    ident = context[IDENT]
    return {
        "id": tf.where(ident == "", place, ident),
        "label": context[LABEL].values[0],
        "frames": lists[FRAMES],
        "fps": tf.constant(0.0),
    }


def make_index(
    folder: Path, num_classes: int, labels: Path | None = None, progress: bool = True
) -> Index:
    """Read all records of a folder once, and count them.

    Args:
        folder: with files whose names begin with a split's: "train", "validate",
            "validation", "val" or "test".
        num_classes: of the dataset; labels are less.
        labels: file with the names of the classes, one a line; without it they are the
            records' own or, if they have none, "class 0" and so on.
        progress: show a bar for each split.

    Raises:
        FileNotFoundError: when there are no training records.
        ValueError: naming the file and record that is broken, has no frames, a frame
            that is no JPEG or a label that is not allowed; or the files of a split
            where none has a record.
    """
    names, files = {}, {}
    for split, paths in find(folder).items():
        files[split] = {}
        for path in bar(
            paths, desc=f"Counting: {split}", unit="file", disable=not progress
        ):
            files[split][str(path)] = _count(path, num_classes, names)
        if not any(files[split].values()):
            raise ValueError(
                f"split {split}: found no records in {', '.join(files[split])},"
                " expected one or more; remove the files if there is no such split"
            )
    if not files.get("train"):
        raise FileNotFoundError(
            f"{folder}: there are no training records; looked for files whose names"
            " begin with 'train'"
        )
    if labels is not None:
        lines = labels.read_text(encoding="utf-8").split("\n")
        names = dict(enumerate(line.strip() for line in lines if line.strip()))
        if len(names) != num_classes:
            raise ValueError(
                f"{labels}: found {len(names)} names of classes, expected {num_classes}"
            )
    classes = tuple(names.get(i) or f"class {i}" for i in range(num_classes))
    return Index(classes, files)


def find(folder: Path) -> dict[str, list[Path]]:
    """Return a folder's record files by split; JSON and text files are not records."""
    folder, found = Path(folder).absolute(), {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".txt", ".csv") or not path.is_file():
            continue
        for split, names in SPLITS.items():
            if path.name.startswith(names):
                found.setdefault(split, []).append(path)
    return found


def _count(path: Path, num_classes: int, names: dict[int, str]) -> int:
    """Return how many records a file has, all of them being well-formed."""
    count = 0
    # Here, and only here, a record may lack frames, so that the message can say so.
    frames = tf.io.VarLenFeature(tf.string)
    for context, lists in examples(path, lambda record, place: _parts(record, frames)):
        label = context[LABEL].values.numpy()
        if len(label) != 1 or not 0 <= label[0] < num_classes:
            raise ValueError(
                f"{path}, record {count}: {LABEL} is {label.tolist()}, expected one"
                f" number from 0 to {num_classes - 1}"
            )
        if not len(lists[FRAMES].values):
            raise ValueError(f"{path}, record {count}: no frames in {FRAMES}")
        begins = tf.strings.substr(lists[FRAMES].values, 0, 8)
        check_frames(begins.numpy(), f"{path}, record {count}")
        for name in context[NAME].values.numpy()[:1]:
            names.setdefault(int(label[0]), name.decode())
        count += 1
    return count


def check_frames(frames: Sequence[bytes], where: str) -> None:
    """See that frames, or what they begin with, begin as JPEGs do.

    Args:
        frames: of a record.
        where: file and number of the record.

    Raises:
        ValueError: naming the record, its first frame that is no JPEG and what that is.
    """
    for number, frame in enumerate(frames):
        if not frame.startswith(b"\xff\xd8"):
            png = frame.startswith(b"\x89PNG")
            found = "PNG" if png else f"bytes that begin with {frame[:8]!r}"
            raise ValueError(f"{where}: frame {number} is {found}, expected JPEG")


def _parts(record, frames):
    """Return a record's context and feature lists, its frames as a feature says."""
    return tf.io.parse_single_sequence_example(record, _CONTEXT, {FRAMES: frames})


def write_index(index: Index, path: Path) -> None:
    """Write an index as JSON, in one piece."""
    write_json(path, dataclasses.asdict(index))


def read_index(path: Path) -> Index:
    """Read what `write_index` wrote.

    Raises:
        FileNotFoundError: naming a file of records that is not there any more.
        ValueError: when the index is damaged.
    """
    fields = read_json(path)
    index = Index(tuple(fields["classes"]), fields["files"])
    for name in (name for files in index.files.values() for name in files):
        if not Path(name).is_file():
            raise FileNotFoundError(f"{name}: {path} lists it, but it is not there")
    return index


def examples(path: str | Path, parse: Callable) -> Iterator:
    """Yield what `parse` makes of each record of a file and its place.

    Args:
        path: of a TFRecord file.
        parse: from a record and its place, `<file>__<number>`, to anything.

    Raises:
        ValueError: naming the file and the first record that cannot be read or parsed.
    """
    number = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield parse(record, f"{Path(path).name}__{number}")
            number += 1
    except tf.errors.OpError as error:
        reason = re.sub(r"\{\{.*?\}\} |\[Op:.*", "", error.message).strip()
        raise ValueError(f"{path}, record {number}: {reason}") from error


def broken_record(files: Sequence[str]) -> str:
    """Look for the first record that cannot be read whole, and say which it is."""
    try:
        for path in files:
            for _ in examples(path, lambda record, place: None):
                pass
    except ValueError as error:
        return str(error)
    return "none of the split's files is broken any more"
