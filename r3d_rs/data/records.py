"""TFRecords of Model Garden, read where they are.

They hold `tf.train.SequenceExample`s as the official implementation's data loader reads
them (`video_input.py`, tf-models-official 2.20.0): the feature list `image/encoded` has
one JPEG a frame, the context feature `clip/label/index` the class. Two more context
features, which MediaSequence writes, are used where they are there: `clip/media_id` and
`clip/label/string`.
"""

import dataclasses
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from r3d_rs.data.listing import SPLITS

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
    context, lists = tf.io.parse_single_sequence_example(
        record, _CONTEXT, {FRAMES: tf.io.FixedLenSequenceFeature([], tf.string)}
    )
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
        ValueError: naming the file and record that is broken, has no frames or has a
            label that is not allowed.
    """
    names, files = {}, {}
    for split, paths in find(folder).items():
        files[split] = {}
        for path in tqdm(
            paths, desc=f"Counting: {split}", unit="file", disable=not progress
        ):
            files[split][str(path)] = _count(path, num_classes, names)
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
        # The longest name first: "val" begins "validation".
        for split, names in SPLITS.items():
            if path.name.startswith(names):
                found.setdefault(split, []).append(path)
    return found


def _count(path: Path, num_classes: int, names: dict[int, str]) -> int:
    """Return how many records a file has, all of them being well-formed."""
    count = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            context, lists = tf.io.parse_single_sequence_example(
                record, _CONTEXT, {FRAMES: tf.io.VarLenFeature(tf.string)}
            )
            label = context[LABEL].values.numpy()
            if len(label) != 1 or not 0 <= label[0] < num_classes:
                raise ValueError(
                    f"{path}, record {count}: {LABEL} is {label.tolist()}, expected one"
                    f" number from 0 to {num_classes - 1}"
                )
            if not len(lists[FRAMES].values):
                raise ValueError(f"{path}, record {count}: no frames in {FRAMES}")
            for name in context[NAME].values.numpy()[:1]:
                names.setdefault(int(label[0]), name.decode())
            count += 1
    except tf.errors.OpError as error:
        raise ValueError(describe(path, count, error)) from error
    return count


def write_index(index: Index, path: Path) -> None:
    """Write an index as JSON, in one piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(dataclasses.asdict(index), indent=1) + "\n")
    os.replace(temporary, path)


def read_index(path: Path) -> Index:
    """Read what `write_index` wrote.

    Raises:
        FileNotFoundError: naming a file of records that is not there any more.
    """
    fields = json.loads(path.read_text(encoding="utf-8"))
    index = Index(tuple(fields["classes"]), fields["files"])
    for name in (name for files in index.files.values() for name in files):
        if not Path(name).is_file():
            raise FileNotFoundError(f"{name}: {path} lists it, but it is not there")
    return index


def describe(path: str | Path, number: int, error: tf.errors.OpError) -> str:
    """Say which record of a file is broken, and how."""
    reason = re.sub(r"\{\{.*?\}\} |\[Op:.*", "", error.message).strip()
    return f"{path}, record {number}: {reason}"


def broken_record(files: Sequence[str]) -> str:
    """Look for the first record that cannot be read whole, and say which it is."""
    for path in files:
        number = 0
        try:
            for _ in tf.data.TFRecordDataset(path).as_numpy_iterator():
                number += 1
        except tf.errors.OpError as error:
            return describe(path, number, error)
    return "none of the split's files is broken any more"
