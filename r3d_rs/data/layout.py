"""A dataset's folder: its shards in TensorFlow Datasets' layout, written without it.

`dataset_info.json` has the number of videos in each file, `label.labels.txt` the names
of the classes, `features.json` what TensorFlow Datasets needs to parse a record. It
reads such a folder by `tfds.builder_from_directory`; this library does not need it.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from r3d_rs.data import frame_index, records, shards
from r3d_rs.data.names import LAYOUT, VERSION
from r3d_rs.files import parse_json, seal_folder
from r3d_rs.videos import listing

INFO, FEATURES, CLASSES = "dataset_info.json", "features.json", "label.labels.txt"
#: Where a dataset lists the videos that it had to leave out.
ASIDE = "set_aside.csv"
#: Where it lists those with broken pictures or repeated frames.
REPAIRED = "repaired.csv"
#: Where it keeps the CSV files that it was made by.
ANNOTATIONS = "annotations"
#: Where the frames of a split lie.
FRAMES = "frames-{split}.npz"


def make(
    folder: Path,
    csvs: Mapping[str, Path],
    classes: Sequence[str],
    written: Mapping[str, Sequence[shards.Written]],
) -> None:
    """Make a dataset of its shards: its folder appears when it is complete.

    Args:
        folder: of the dataset.
        csvs: the CSV file of each split.
        classes: names, by label.
        written: the shards of each split, all of them.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    incomplete = folder.with_name(f"incomplete.{folder.name}")
    shutil.rmtree(incomplete, ignore_errors=True)
    try:
        (incomplete / ANNOTATIONS).mkdir(parents=True)
        for split, path in csvs.items():
            copy = incomplete / ANNOTATIONS / f"{split}.csv"
            copy.write_bytes(path.read_bytes())
        write(incomplete, classes, written)
        for split, files in written.items():
            frames = frame_index.join([file.frames() for file in files])
            frame_index.write(incomplete / FRAMES.format(split=split), frames)
        every = [file for files in written.values() for file in files]
        aside = [video for file in every for video in file.aside]
        listing.write_aside(aside, incomplete / ASIDE)
        repaired = [video for file in every for video in file.repaired]
        listing.write_aside(repaired, incomplete / REPAIRED)
        seal_folder(incomplete)
        for split, files in written.items():
            for index, file in enumerate(files):
                name = record_file(LAYOUT, split, index, len(files))
                _link(file.path, incomplete / name)
        incomplete.rename(folder)
    except OSError as error:
        raise records.not_written(folder, error) from error


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError:  # a file system without links
        os.replace(old, new)


def record_file(name: str, split: str, index: int, count: int) -> str:
    """Return the name of one of `count` record files of a split."""
    return f"{name}-{split}.tfrecord-{index:05d}-of-{count:05d}"


def write(
    folder: Path,
    classes: Sequence[str],
    written: Mapping[str, Sequence[shards.Written]],
) -> None:
    """Write the small files that describe the records, as TensorFlow Datasets does."""
    described = [
        {
            "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
            "name": split,
            "numBytes": str(sum(file.path.stat().st_size for file in files)),
            "shardLengths": [str(file.num_videos) for file in files],
        }
        for split, files in written.items()
    ]
    info = {
        "description": "Videos as frames in JPEG, with a label each.",
        "fileFormat": "tfrecord",
        "name": LAYOUT,
        "splits": described,
        "version": VERSION,
    }
    features = json.dumps(_features(len(classes)), indent=4, sort_keys=True)
    (folder / INFO).write_text(json.dumps(info, indent=2), encoding="utf-8")
    (folder / FEATURES).write_text(features, encoding="utf-8")
    (folder / CLASSES).write_text("\n".join([*classes, ""]), encoding="utf-8")


def read(
    folder: Path,
) -> tuple[tuple[str, ...], dict[str, tuple[tuple[str, ...], int]]]:
    """Read which classes and record files a dataset has.

    Returns:
        The names of the classes by label and, for each split, the paths of its record
        files and the number of videos in them.

    Raises:
        ValueError: naming a file that is damaged.
        OSError: when a file cannot be read.
    """
    info = parse_json(folder / INFO)
    try:
        splits = {}
        for split in info["splits"]:
            counts = [int(count) for count in split["shardLengths"]]
            files = [
                folder / record_file(info["name"], split["name"], index, len(counts))
                for index in range(len(counts))
            ]
            splits[split["name"]] = tuple(map(str, files)), sum(counts)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder / INFO}: not the description of a dataset: {error!r}"
        ) from error
    try:
        names = (folder / CLASSES).read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{folder / CLASSES}: not UTF-8: {error}") from error
    return tuple(name.strip() for name in names if name.strip()), splits


def _features(num_classes: int) -> dict:
    """Return TensorFlow Datasets' description of the features of a record."""
    pixels = {"dimensions": ["-1", "-1", "3"]}
    jpeg = {"dtype": "uint8", "encodingFormat": "jpeg", "shape": pixels}
    image = _feature("image_feature.Image", image=jpeg)
    number = {"dtype": "float32", "encoding": "none", "shape": {}}
    classes = {"numClasses": str(num_classes)}
    features = {
        "id": _feature("text_feature.Text", text={}),
        "label": _feature("class_label_feature.ClassLabel", classLabel=classes),
        "fps": _feature("scalar.Scalar", tensor=number),
        "frames": _feature(
            "sequence_feature.Sequence", sequence={"feature": image, "length": "-1"}
        ),
    }
    return _feature("features_dict.FeaturesDict", featuresDict={"features": features})


def _feature(kind: str, **fields: dict) -> dict:
    return {"pythonClassName": f"tensorflow_datasets.core.features.{kind}", **fields}
