"""The datasets by name: preparing one, and loading what was prepared."""

import contextlib
import dataclasses
import io
from pathlib import Path

import tensorflow_datasets as tfds

from r3d_rs.data.directory import data_directory
from r3d_rs.data.kinetics import SPLITS, Kinetics

#: Short side of the stored frames, pixels: of each dataset there is.
DATASETS = {
    "pantomime-20": 48,
    "pantomime-30": 48,
    "kinetics-400": 256,
    "kinetics-600": 256,
}

#: Shorter names.
ALIASES = {"pantomime": "pantomime-20"}


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A prepared dataset.

    Attributes:
        name: one of `DATASETS`.
        classes: names; a video's label is an index into them.
        builder: TFDS's, to read from.
    """

    name: str
    classes: tuple[str, ...]
    builder: tfds.core.DatasetBuilder

    def num_videos(self, split: str) -> int:
        """Return how many videos a split has, 0 where the dataset lacks the split."""
        if split not in SPLITS:
            raise ValueError(
                f"parameter split: received {split!r}, allowed are {', '.join(SPLITS)}"
            )
        splits = self.builder.info.splits
        return splits[split].num_examples if split in splits else 0

    def files(self, split: str) -> list[str]:
        """Return the paths of a split's TFRecord files.

        Raises:
            ValueError: when the split has no videos.
        """
        if not self.num_videos(split):
            raise ValueError(f"{self.name} has no videos in its split {split!r}")
        return [str(path) for path in self.builder.info.splits[split].filepaths]

    def num_bytes(self, split: str) -> int:
        """Return the size of a split's TFRecord files."""
        return sum(Path(path).stat().st_size for path in self.files(split))


def canonical_name(dataset: str) -> str:
    """Return a dataset's name for its name or alias.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
    """
    name = ALIASES.get(dataset, dataset)
    if name not in DATASETS:
        raise ValueError(
            f"parameter dataset: received {dataset!r}, allowed are"
            f" {', '.join([*ALIASES, *DATASETS])}"
        )
    return name


def prepare(name: str, data_dir: str | None = None, progress: bool = True) -> Dataset:
    """Make a dataset ready for training, unless it is already.

    Pantomime is rendered first. Kinetics' videos have to be there: CSV files in
    `<data_dir>/<name>/{train,validate,test}.csv`, of which only the first is
    required, and videos in `<data_dir>/<name>/<split>/<class>/`.

    Args:
        name: one of `DATASETS` or an alias.
        data_dir: folder of the datasets; see `data_directory`.
        progress: show progress bars.

    Raises:
        ValueError: for an unknown name, a malformed CSV file (naming file and line) or
            a video that does not decode (naming it).
        FileNotFoundError: naming a CSV file or a video that is not there.
    """
    name = canonical_name(name)
    if not _records(name, data_dir).exists():
        directory = data_directory(data_dir)
        if name.startswith("pantomime"):
            from r3d_rs.data import pantomime

            videos = pantomime.make(
                directory / f"{name}-videos",
                classes=int(name.removeprefix("pantomime-")),
                progress=progress,
            )
        else:
            videos = directory / name
            if not (videos / "train.csv").is_file():
                raise FileNotFoundError(
                    f"dataset {name}: looked for {videos / 'train.csv'}, which is not"
                    " there; it lists the training videos, which have to be in"
                    f" {videos / 'train'}"
                )
        build(name, videos, directory, progress=progress)
    return load(name, data_dir)


def load(name: str, data_dir: str | None = None) -> Dataset:
    """Load a prepared dataset.

    Raises:
        ValueError: for an unknown name.
        FileNotFoundError: when it has not been prepared, saying how to.
    """
    name = canonical_name(name)
    records = _records(name, data_dir)
    if not records.exists():
        option = f" --data-dir {data_dir}" if data_dir else ""
        raise FileNotFoundError(
            f"dataset {name} is not prepared: looked for {records}; prepare it by"
            f" `python -m r3d_rs data prepare {name}{option}`"
        )
    builder = tfds.builder_from_directory(records)
    return Dataset(name, tuple(builder.info.features["label"].names), builder)


def build(name: str, videos: Path, directory: Path, *, progress: bool) -> None:
    """Write a folder of videos as TFRecords; a build that is cut off leaves nothing.

    Args:
        name: one of `DATASETS`.
        videos: the folder, as `Kinetics` reads it.
        directory: the data directory.
        progress: show progress bars.
    """
    builder = Kinetics(
        videos=videos,
        short_side=DATASETS[name],
        progress=progress,
        data_dir=directory / "tfds" / name,
        file_format="tfrecord",
    )
    # TFDS announces downloads, of which there are none, and its progress bars do not
    # know the number of videos.
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare()
    finally:
        tfds.enable_progress_bar()


def _records(name: str, data_dir: str | None) -> Path:
    directory = data_directory(data_dir) / "tfds" / name
    return directory / Kinetics.name / str(Kinetics.VERSION)
