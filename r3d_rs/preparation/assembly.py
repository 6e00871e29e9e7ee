"""Assemble shards into a dataset's folder, in TFDS' layout (see `data.layout`)."""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from r3d_rs.data import frame_index, layout, records
from r3d_rs.data.names import LAYOUT, VERSION
from r3d_rs.files import seal_folder
from r3d_rs.preparation import shards
from r3d_rs.videos import listing


def make(
    folder: Path,
    csvs: Mapping[str, Path],
    classes: Sequence[str],
    written: Mapping[str, Sequence[shards.Written]],
) -> None:
    """Assemble a dataset from its shards. Its folder appears once it is complete.

    Args:
        folder: the dataset's folder.
        csvs: the CSV file of each split.
        classes: class names, indexed by label.
        written: all shards of each split.

    Raises:
        OSError: naming the folder, if it cannot be written.
    """
    incomplete = folder.with_name(f"incomplete.{folder.name}")
    shutil.rmtree(incomplete, ignore_errors=True)
    try:
        (incomplete / layout.ANNOTATIONS).mkdir(parents=True)
        for split, path in csvs.items():
            copy = incomplete / layout.ANNOTATIONS / f"{split}.csv"
            copy.write_bytes(path.read_bytes())
        write(incomplete, classes, written)
        for split, files in written.items():
            frames = frame_index.join([file.frames() for file in files])
            frame_index.write(incomplete / layout.FRAMES.format(split=split), frames)
        every = [file for files in written.values() for file in files]
        aside = [video for file in every for video in file.aside]
        listing.write_aside(aside, incomplete / layout.ASIDE)
        repaired = [video for file in every for video in file.repaired]
        listing.write_aside(repaired, incomplete / layout.REPAIRED)
        seal_folder(incomplete)
        for split, files in written.items():
            for index, file in enumerate(files):
                name = layout.record_file(LAYOUT, split, index, len(files))
                _link(file.path, incomplete / name)
        incomplete.rename(folder)
    except OSError as error:
        raise records.not_written(folder, error) from error


def restore(folder: Path, partial: Path) -> None:
    """Move the shards that an interrupted `make` had moved back to `partial`.

    `make` moves shards only on file systems without hard links.
    """
    incomplete = folder.with_name(f"incomplete.{folder.name}")
    for path in incomplete.glob(f"{LAYOUT}-*.tfrecord-*"):
        split, number = re.search(r"-(\w+)\.tfrecord-(\d+)", path.name).groups()
        shard = partial / f"{split}-{number}.tfrecord"
        if not shard.exists():
            os.replace(path, shard)


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError:  # a file system without hard links
        os.replace(old, new)


def write(
    folder: Path,
    classes: Sequence[str],
    written: Mapping[str, Sequence[shards.Written]],
) -> None:
    """Write the small files that describe the records to TensorFlow Datasets."""
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
    (folder / layout.INFO).write_text(json.dumps(info, indent=2), encoding="utf-8")
    (folder / layout.FEATURES).write_text(features, encoding="utf-8")
    (folder / layout.CLASSES).write_text("\n".join([*classes, ""]), encoding="utf-8")


def _features(num_classes: int) -> dict:
    """Return TensorFlow Datasets' description of a record's features."""
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
