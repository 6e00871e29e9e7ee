"""Folder of a dataset in TensorFlow Datasets' layout, read without that package.

`dataset_info.json` has the number of videos in each file, `label.labels.txt` the names
of the classes. `features.json` tells TensorFlow Datasets how to parse a record:
`tfds.builder_from_directory` reads such a folder, too.
"""

from pathlib import Path

from r3d_rs.files import parse_json

INFO, FEATURES, CLASSES = "dataset_info.json", "features.json", "label.labels.txt"
#: File that lists the videos set aside.
ASIDE = "set_aside.csv"
#: File that lists the videos with broken pictures or repeated frames.
REPAIRED = "repaired.csv"
#: Folder of the CSV files that the dataset was made from.
ANNOTATIONS = "annotations"
#: File of a split's frame index.
FRAMES = "frames-{split}.npz"


def record_file(name: str, split: str, index: int, count: int) -> str:
    """Return the name of one of `count` record files of a split."""
    return f"{name}-{split}.tfrecord-{index:05d}-of-{count:05d}"


def read(
    folder: Path,
) -> tuple[tuple[str, ...], dict[str, tuple[tuple[str, ...], int]]]:
    """Read the classes and record files of a dataset.

    Returns:
        The names of the classes by label and, for each split, the paths of its record
        files and the number of videos in them.

    Raises:
        ValueError: naming a file that is damaged.
        OSError: if a file cannot be read.
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
