"""Prepare UCF-101 by TensorFlow Datasets, from a download or from your own copies."""

import errno
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from r3d_rs.data.names import UCF101
from r3d_rs.videos.finding import walk

#: List files of the first of UCF-101's three splits.
LISTS = {"train": "trainlist01.txt", "test": "testlist01.txt"}


def prepare(root: Path, videos: Path | None = None, progress: bool = True) -> None:
    """Let TensorFlow Datasets prepare the first of UCF-101's three splits.

    First check the requirements and print the size of the download.

    Args:
        root: folder to write to.
        videos: folder of your own copies: the AVI files and the lists
            (`trainlist01.txt`, `testlist01.txt`), in any folders below it. None
            downloads the videos.
        progress: whether to print the size of the download.

    Raises:
        FileNotFoundError: if the program `ffmpeg` is missing, or naming a missing list
            or some listed videos that are missing.
        ModuleNotFoundError: if TensorFlow Datasets cannot be imported.
        OSError: if the disk is too small for the download.
    """
    if shutil.which("ffmpeg") is None:
        raise FileNotFoundError(
            "ucf101 needs the program ffmpeg, which is not found: install it first, for"
            " example with `apt install ffmpeg` or `conda install ffmpeg`"
        )
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ModuleNotFoundError(
            "ucf101 is prepared by the package tensorflow-datasets, which cannot be"
            f" imported here: {error}"
        ) from error
    builder = tfds.builder(UCF101, data_dir=root)
    if videos is None:
        _announce(sum(info.size for info in builder.url_infos.values()), root, progress)
    else:
        files, lists = _own(videos)
        # In a TFDS builder this method downloads the files and lists what to read.
        builder._split_generators = lambda manager: {
            split: _examples(lines, files) for split, lines in lists.items()
        }
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(try_download_gcs=False)
    )


def _announce(size: int, root: Path, progress: bool) -> None:
    """Print the size of the download, or raise an OSError if the disk is too small."""
    free = shutil.disk_usage(root).free
    needs = f"{size / 1e9:.1f} GB, and as much again to unpack them"
    own = "to use your own copies, give their folder with --videos"
    if free < 2 * size:
        text = f"ucf101 downloads {needs}, found {free / 1e9:.1f} GB free; {own}"
        raise OSError(errno.ENOSPC, text, str(root))
    if progress:
        print(f"ucf101: downloads {needs}, into {root}; {own}", file=sys.stderr)


def _own(folder: Path) -> tuple[dict[str, Path], dict[str, list[str]]]:
    """Return your own files by lower-case name, and the sorted videos of each list.

    Raises:
        FileNotFoundError: naming a missing list or some listed videos that are missing.
    """
    found = {name: Path(place, name) for place, names in walk(folder) for name in names}
    files = {name.lower(): path for name, path in found.items()}
    lists = {}
    for split, name in LISTS.items():
        if name not in found:
            raise FileNotFoundError(
                f"{folder}: there is no {name} in it or below; the file is part of"
                " UCF101TrainTestSplits-RecognitionTask.zip"
            )
        lines = found[name].read_text(encoding="utf-8").splitlines()
        lists[split] = sorted(line.split()[0] for line in lines if line.strip())
        gone = [line for line in lists[split] if _key(line).lower() not in files]
        if gone:
            raise FileNotFoundError(
                f"{folder}: {len(gone)} of the {len(lists[split])} videos in {name} are"
                f" missing, such as {', '.join(gone[:3])}"
            )
    return files, lists


def _key(line: str) -> str:
    """Return a listed video's name, spelled as in TensorFlow Datasets."""
    return line.rpartition("/")[2].replace("HandStandPushups", "HandstandPushups")


def _examples(lines: list[str], files: Mapping[str, Path]) -> Iterator[tuple]:
    """Yield examples as TensorFlow Datasets' own builder of UCF-101 does."""
    for line in lines:
        label, name = line.rpartition("/")[0], _key(line)
        yield name, {"video": str(files[name.lower()]), "label": label}
