"""Model Garden's TFRecords, read in place.

They hold `tf.train.SequenceExample`s as the official implementation's data loader reads
them (`video_input.py`, tf-models-official 2.20.0). The feature list `image/encoded` has
one JPEG per frame, the context feature `clip/label/index` the class.

Other context features, which MediaSequence writes, are optional: `clip/label/string`,
`image/frame_rate` and `example/id`. Without `example/id`, the id is `clip/media_id`,
which names a whole video and not the clip.
"""

import os
import re
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from r3d_rs.data import frame_index, records
from r3d_rs.data.names import Place, canonical_name, data_directory
from r3d_rs.files import read_json, write_json
from r3d_rs.paths import local_path
from r3d_rs.progress import bar
from r3d_rs.videos.finding import walk
from r3d_rs.videos.listing import SPLITS, plain

FRAMES, LABEL, NAME, IDENT, MEDIA, RATE = (
    "image/encoded",
    "clip/label/index",
    "clip/label/string",
    "example/id",
    "clip/media_id",
    "image/frame_rate",
)
_CONTEXT = {
    LABEL: tf.io.VarLenFeature(tf.int64),
    NAME: tf.io.VarLenFeature(tf.string),
    IDENT: tf.io.FixedLenFeature([], tf.string, ""),
    MEDIA: tf.io.FixedLenFeature([], tf.string, ""),
    RATE: tf.io.FixedLenFeature([], tf.float32, 0.0),
}
#: Ending of a record file: a suffix, or a number such as "-00003-of-01000".
RECORDS = re.compile(r"(\.(tf)?rec(ord)?s?|\.tfr|-\d+-of-\d+)$", re.IGNORECASE)
#: Suffixes of compressed files, which may follow that ending.
COMPRESSED = (".gz", ".gzip", ".zlib")


def parse(record, place):
    """Return a record's id, label, fps (0 if unknown) and frames, still encoded.

    A clip without an id is named after its place, `<file>__<number>`.
    """
    context, lists = _parts(record, tf.io.FixedLenSequenceFeature([], tf.string))
    return {
        "id": _ident(context, place),
        "label": context[LABEL].values[0],
        "frames": lists[FRAMES],
        "fps": context[RATE],
    }


def _ident(context, place):
    ident = tf.where(context[IDENT] == "", context[MEDIA], context[IDENT])
    return tf.where(ident == "", place, ident)


def use_records(
    name: str,
    folder: str | Path,
    data_dir: str | Path | None = None,
    *,
    labels: str | Path | None = None,
    progress: bool = True,
) -> None:
    """Make a dataset of Model Garden's TFRecords, which stay where they are.

    All records are read once, to count them and to index their frames.

    Args:
        name: one of `DATASETS` or an alias.
        folder: folder of the files, with all folders below it; see `find`.
        data_dir: folder of the datasets, where the index is written.
        labels: file with the names of the classes, one per line. By default the records
            give the names; classes without one are called "class 0" and so on.
        progress: show a bar for each split.

    Raises:
        FileExistsError: if a dataset of this name has been prepared otherwise.
        FileNotFoundError: if there are no training records.
        ValueError: naming a record that is broken, or that has no frames, a frame that
            is no JPEG or a label that is not allowed; a file that is compressed or has
            no split; the files of a split without any record; or a file of class names
            that is not UTF-8 or has too few or too many names.
    """
    place = Place(canonical_name(name), data_directory(data_dir))
    if place.folder.exists():
        raise FileExistsError(
            f"dataset {place.name} is prepared already, in {place.folder}; remove that,"
            " or choose another data directory"
        )
    num_classes = place.kind.num_classes
    found = find(local_path("records", folder))
    if "train" not in found:
        raise FileNotFoundError(
            f"{folder}: there are no training records; looked, in all folders below"
            " too, for files such as train-00000-of-00064 and"
            " kinetics400_train.tfrecord"
        )
    names, files, frames = {}, {}, {}
    if labels is not None:
        names = _names(local_path("labels", labels), num_classes)
    for split, paths in found.items():
        shown = bar(paths, desc=f"Reading: {split}", unit="file", disable=not progress)
        rest = iter(shown)
        first = next(rest)
        if split == "test" and not _is_labelled(first):
            warnings.warn(
                f"{first}: has no labels, so the split test is left out", stacklevel=2
            )
            continue
        parts = [_index(path, num_classes, names) for path in (first, *rest)]
        counts = [len(part["ids"]) for part in parts]
        if not any(counts):
            raise ValueError(
                f"split {split}: found no records in {', '.join(map(str, paths))},"
                " expected one or more; remove the files if there is no such split"
            )
        files[split] = dict(zip(map(str, paths), counts, strict=True))
        frames[split] = frame_index.join(parts)
    for split, joined in frames.items():
        frame_index.write(frames_file(place.garden, split), joined)
    classes = [names.get(i) or f"class {i}" for i in range(num_classes)]
    write_json(place.garden, {"classes": classes, "files": files})


def _names(path: Path, num_classes: int) -> dict[int, str]:
    """Read class names by label from a file with one per line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error}") from error
    names = dict(enumerate(line.strip() for line in lines if line.strip()))
    if len(names) != num_classes:
        raise ValueError(
            f"{path}: found {len(names)} names of classes, expected {num_classes}"
        )
    return names


def frames_file(index: Path, split: str) -> Path:
    """Return the file of a split's frame index, beside the dataset's own index."""
    return index.with_name(f"{index.stem}-frames-{split}.npz")


def find(folder: Path) -> dict[str, list[Path]]:
    """Return the record files of a tree of folders by split.

    The split is a word of the file's name (`kinetics_700_train_25fps-00000-of-01000`)
    or the name begins with it. If the name has no split, the nearest folder with one
    gives it. A name without suffix or shard number counts only if it has a split.

    Raises:
        FileNotFoundError: naming a broken link.
        ValueError: naming a record file that has no split, or two.
    """
    folder, found = Path(folder).absolute(), {}
    for place, names in walk(folder):
        for name in names:
            path, own = Path(place, name), _splits(name)
            bare = own and _is_bare(name)
            if name.startswith(".") or not (bare or _is_marked(name)):
                continue
            if not path.is_file():
                raise FileNotFoundError(f"{path}: is no file, or leads to none")
            above = path.relative_to(folder).parts[-2::-1]
            splits = own or next(filter(None, map(_splits, above)), own)
            if len(splits) != 1:
                has = " and ".join(sorted(splits)) or "no split"
                raise ValueError(
                    f"{path}: its name has {has}, allowed is one split, as in"
                    " train-00000-of-00064: rename it, or move it elsewhere"
                )
            found.setdefault(*splits, []).append(path)
    return {split: found[split] for split in SPLITS if split in found}


def _is_marked(name: str) -> bool:
    """Return whether a name ends as a record file's does, compressed or not."""
    stem, ending = os.path.splitext(name)
    return bool(RECORDS.search(stem if ending.lower() in COMPRESSED else name))


def _is_bare(name: str) -> bool:
    """Return whether a name has no suffix, or only a number as its suffix."""
    return re.fullmatch(r"(\.\d+)?", os.path.splitext(name)[1]) is not None


def _splits(name: str) -> set[str]:
    """Return the splits that a name has as words, or else that it begins with."""
    own = set(plain(name).split("_"))
    found = {split for split, names in SPLITS.items() if own & set(names)}
    begun = {s for s, names in SPLITS.items() if name.lower().startswith(names)}
    return found or begun


def _is_labelled(path: Path) -> bool:
    """Return whether a file's first record has a label; True for an empty file."""
    kind = tf.io.VarLenFeature(tf.string)
    found = records.examples(path, lambda record, place: _parts(record, kind)[0])
    context = next(found, None)
    return context is None or len(context[LABEL].values) > 0


def _index(
    path: Path, num_classes: int, names: dict[int, str]
) -> dict[str, np.ndarray]:
    """Check a file's records and return its part of a `FrameIndex`.

    Class names found in the records are added to `names`, by label.
    """
    rows = frame_index.FileRows()
    # Only this parser accepts a record without frames, for a better message.
    kind = tf.io.VarLenFeature(tf.string)
    found = records.examples(
        path, lambda record, place: (record, place, *_parts(record, kind))
    )
    for number, (record, place, context, lists) in enumerate(found):
        where = f"{path}, record {number}"
        label = context[LABEL].values.numpy()
        if len(label) != 1 or not 0 <= label[0] < num_classes:
            raise ValueError(
                f"{where}: {LABEL} is {label.tolist()}, expected one number from 0 to"
                f" {num_classes - 1}"
            )
        jpegs = lists[FRAMES].values.numpy()
        if not len(jpegs):
            raise ValueError(f"{where}: no frames in {FRAMES}")
        records.check_frames(jpegs, where)
        for name in context[NAME].values.numpy()[:1]:
            names.setdefault(int(label[0]), name.decode())
        ident = _ident(context, place).numpy().decode()
        rows.add(record, ident, int(label[0]), jpegs)
    return rows.arrays()


def _parts(record, frames):
    """Parse a record's context and feature lists; `frames` is the frames' feature."""
    return tf.io.parse_single_sequence_example(record, _CONTEXT, {FRAMES: frames})


def read_index(path: Path) -> tuple[tuple[str, ...], dict[str, dict[str, int]]]:
    """Read the file that `use_records` wrote.

    Returns:
        The names of the classes by label and, for each split, the paths of its files
        with the number of videos in each.

    Raises:
        FileNotFoundError: naming a record file that no longer exists.
        ValueError: if the index is damaged.
    """
    fields = read_json(path)
    for name in (name for files in fields["files"].values() for name in files):
        if not Path(name).is_file():
            raise FileNotFoundError(f"{name}: {path} lists it, but it is not there")
    return tuple(fields["classes"]), fields["files"]
