"""Datasets: preparing one by its name, and loading what was prepared."""

import contextlib
import dataclasses
import functools
import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf

from r3d_rs.data import frame_index, kinetics, layout, records, shards
from r3d_rs.data.directory import data_directory
from r3d_rs.data.listing import SPLITS, find_csvs
from r3d_rs.data.names import DATASETS, canonical_name
from r3d_rs.files import check_folder, locked, seal_folder

#: Share of a split's videos that may be missing or broken, unless more are allowed.
MAX_ASIDE = 0.05

#: The first of UCF-101's three splits, as TensorFlow Datasets names it.
UCF101 = "ucf101/ucf101_1"


@dataclasses.dataclass(frozen=True)
class Split:
    """A part of a dataset.

    Attributes:
        files: paths of its TFRecord files.
        num_videos: in them.
        index: file of its `frame_index.FrameIndex`.
    """

    files: tuple[str, ...]
    num_videos: int
    index: Path

    def num_bytes(self) -> int:
        """Return the size of the files."""
        return sum(Path(path).stat().st_size for path in self.files)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A prepared dataset.

    Attributes:
        name: one of `DATASETS`.
        classes: names; a video's label is an index into them.
        splits: by name: "train", and "validation" and "test" where there are such.
        parse: from a record and its place (file and number) to the features `id`,
            `label`, `fps` (frames per second, 0 where that is unknown) and `frames`,
            still encoded as JPEG.
        aside: the videos that were left out when it was prepared, and why.
        annotations: folder of the CSV files that it was made by, if there were any.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    parse: Callable
    aside: tuple[shards.Aside, ...] = ()
    annotations: Path | None = None

    @property
    def evaluated(self) -> str:
        """Name of the split whose accuracy is reported."""
        return DATASETS[self.name].evaluated

    def num_videos(self, split: str) -> int:
        """Return how many videos a split has, 0 where the dataset lacks the split."""
        if split not in SPLITS:
            raise ValueError(
                f"parameter split: received {split!r}, allowed are {', '.join(SPLITS)}"
            )
        return self.splits[split].num_videos if split in self.splits else 0

    def split(self, name: str) -> Split:
        """Return a split that is not empty.

        Raises:
            ValueError: when it is.
        """
        if not self.num_videos(name):
            raise ValueError(f"{self.name} has no videos in its split {name!r}")
        return self.splits[name]

    def check_reported(self, name: str) -> None:
        """See that accuracy on a split can be reported, before it takes a run.

        Raises:
            ValueError: when it has no videos, or some whose ids do not tell them apart.
        """
        ids = frame_index.of(self.split(name), self.parse).ids.tolist()
        twice = [ident for ident, number in Counter(ids).items() if number > 1]
        if twice:
            raise ValueError(
                f"{self.name}, split {name!r}: has {len(twice)} ids more than once,"
                f" {twice[0]!r} among them; allowed are videos that their ids tell"
                " apart"
            )


def prepare(
    name: str,
    data_dir: str | Path | None = None,
    progress: bool = True,
    *,
    videos: str | Path | None = None,
    annotations: str | Path | None = None,
    short_side: int | None = None,
    max_aside: float | None = None,
    workers: int | None = None,
) -> Dataset:
    """Make a dataset ready for training, unless it is already.

    Pantomime is rendered first, UCF-101 downloaded by TensorFlow Datasets. Kinetics'
    videos have to be there: `train.csv`, and `validate.csv` and `test.csv` if there are
    such splits, and the video files in any folders (see `listing.locate`).

    A dataset that is there is left as it is, and options that ask for another are
    refused, as far as can be known: it keeps the CSV files, the size of the frames and
    which videos were set aside, and not where the videos were. The same command again
    succeeds, even without the videos.

    Args:
        name: one of `DATASETS` or an alias.
        data_dir: folder of the datasets; see `data_directory`.
        progress: show progress bars.
        videos: folder of the videos, by default `<data_dir>/<name>`.
        annotations: folder of the CSV files, by default the videos'.
        short_side: of the stored frames, pixels; by default the dataset's.
        max_aside: share of a split's videos that may be missing or broken (0.05).
        workers: processes to decode in; all usable cores by default.

    Raises:
        ValueError: for an unknown name, options of a dataset that takes none, options
            that differ from those of the dataset that is there (naming them and its
            folder), a malformed CSV file (naming file and line) or too many videos that
            cannot be used (naming some).
        FileNotFoundError: naming a CSV file that is not there.
        OSError: naming a file that cannot be written, the disk being full for example.
    """
    name = canonical_name(name)
    directory, source = data_directory(data_dir), DATASETS[name].source
    content = {
        "annotations": annotations,
        "max_aside": max_aside,
        "short_side": short_side,
        "videos": videos,
    }
    options = {key: value for key, value in content.items() if value is not None}
    how = {} if workers is None else {"workers": workers}
    if source != "videos" and (options or how):
        raise ValueError(
            f"{name} is not made of videos that you have: received"
            f" {', '.join([*options, *how])}, allowed are none"
        )
    if not is_prepared(name, data_dir):
        with locked(_place(name, directory) / ".lock"):
            if not is_prepared(name, data_dir):  # by now
                _prepare(name, directory, progress, options | how)
    _tidy(name, directory)
    dataset = load(name, data_dir)
    if source == "rendered":
        _check_pantomime(dataset)
    if options:
        _check_options(dataset, directory, options)
    return _indexed(dataset, progress)


def _prepare(name: str, directory: Path, progress: bool, options: dict) -> None:
    kind = DATASETS[name]
    if kind.source == "download":
        _download_ucf101(directory)
        return
    if kind.source == "rendered":
        from r3d_rs import pantomime

        rendered = directory / f"{name}-videos"
        options["videos"] = pantomime.make(rendered, name=name, progress=progress)
        options["max_aside"] = 0.0
    kinetics.build(
        folder=_folder(name, directory),
        partial=_partial(name, directory),
        max_classes=None if kind.any_classes else kind.num_classes,
        progress=progress,
        **{
            "videos": directory / name,
            "short_side": kind.short_side,
            "max_aside": MAX_ASIDE,
            **options,
        },
    )


def _tidy(name: str, directory: Path) -> None:
    """Seal a dataset, and remove what preparations that were stopped have left."""
    folder = _folder(name, directory)
    if not folder.exists():
        return
    with contextlib.suppress(OSError):  # a folder that may only be read
        seal_folder(folder)
    for left in (
        _partial(name, directory),
        *folder.parent.glob("incomplete.*"),
        *directory.glob(f"{name}-videos.incomplete-*"),
    ):
        shutil.rmtree(left, ignore_errors=True)


def _check_pantomime(dataset: Dataset) -> None:
    """See that a dataset was not prepared by a version that made fewer videos."""
    from r3d_rs.pantomime import SETS

    for split, part in dataset.splits.items():
        listed = "validate" if split == "validation" else split
        expected = SETS[dataset.name].count(listed)
        if part.num_videos != expected:
            raise ValueError(
                f"{dataset.name}, split {split}: has {part.num_videos} videos, expected"
                f" {expected}; another version prepared it: remove {part.index.parent}"
                f" and the folder {dataset.name}-videos"
            )


def _check_options(dataset: Dataset, directory: Path, options: dict) -> None:
    """See that a dataset that is there may be the one that some options ask for."""
    place = _folder(dataset.name, directory)
    if place.exists():
        found = list(_differences(dataset, **options))
    else:
        place = _index_file(dataset.name, directory)
        found = [
            f"{option} is {value}, and these are Model Garden's records"
            for option, value in options.items()
        ]
    if found:
        raise ValueError(
            f"dataset {dataset.name} is prepared already, and otherwise:"
            f" {'; '.join(found)}. Remove {place} to prepare it anew, or choose another"
            " data directory"
        )


def _differences(
    dataset: Dataset,
    *,
    videos: str | Path | None = None,
    annotations: str | Path | None = None,
    short_side: int | None = None,
    max_aside: float | None = None,
) -> Iterator[str]:
    """Yield in what a dataset made of videos is not what options of `build` ask for."""
    lists = annotations or videos
    if lists and dataset.annotations:
        given, kept = (
            {split: path.read_bytes() for split, path in csvs.items()}
            for csvs in map(find_csvs, (Path(lists), dataset.annotations))
        )
        other = [split for split in SPLITS if given.get(split) != kept.get(split)]
        if given and other:  # the videos may be gone, and their lists
            option = "annotations" if annotations else "videos"
            yield (
                f"{option} is {lists}, whose CSV files of {', '.join(other)} are not"
                f" those in {dataset.annotations}"
            )
    side = _short_side(dataset) if short_side else None
    if side is not None and side != short_side:
        yield f"short_side is {short_side}, that of the stored frames {side}"
    most = 1 if max_aside is None else max_aside
    for split, part in dataset.splits.items():
        aside = [video for video in dataset.aside if video.split == split]
        try:
            shards.check(aside, part.num_videos + len(aside), split, most)
        except shards.TooManyAsideError as error:
            yield f"max_aside is {max_aside}: {error}"


def _short_side(dataset: Dataset) -> int:
    """Return the shorter side of the first training video's frames."""
    examples = (
        records.examples(path, dataset.parse) for path in dataset.split("train").files
    )
    first = next(itertools.chain.from_iterable(examples))
    return int(min(tf.io.extract_jpeg_shape(first["frames"][0])[:2]))


def _indexed(dataset: Dataset, progress: bool) -> Dataset:
    """Return a dataset once its frames are indexed, which a run would do otherwise."""
    for split in dataset.splits.values():
        frame_index.of(split, dataset.parse, progress)
    return dataset


def use_records(
    name: str,
    folder: str | Path,
    data_dir: str | Path | None = None,
    *,
    labels: str | Path | None = None,
    progress: bool = True,
) -> Dataset:
    """Make a dataset of Model Garden's TFRecords, which stay where they are.

    Args:
        name: one of `DATASETS`.
        folder: of the records; see `records.make_index`.
        data_dir: folder of the datasets, for the index.
        labels: file with the names of the classes, one a line.
        progress: show progress bars.

    Raises:
        FileExistsError: when a dataset of this name has been prepared otherwise.
        FileNotFoundError, ValueError: as `records.make_index` does.
    """
    name = canonical_name(name)
    directory = data_directory(data_dir)
    if _folder(name, directory).exists():
        raise FileExistsError(
            f"dataset {name} is prepared already, in {_folder(name, directory)};"
            " remove that, or choose another data directory"
        )
    index = records.make_index(
        Path(folder),
        DATASETS[name].num_classes,
        None if labels is None else Path(labels),
        progress,
    )
    for split in index.files:
        _frames_file(name, directory, split).unlink(missing_ok=True)
    records.write_index(index, _index_file(name, directory))
    return _indexed(load(name, data_dir), progress)


def is_prepared(name: str, data_dir: str | Path | None = None) -> bool:
    """Say whether a dataset can be loaded."""
    directory = data_directory(data_dir)
    places = (_folder(name, directory), _index_file(name, directory))
    return any(place.exists() for place in places)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load a prepared dataset.

    Raises:
        ValueError: for an unknown name, or naming a file that is damaged.
        FileNotFoundError: when it has not been prepared, saying how to.
    """
    name = canonical_name(name)
    directory = data_directory(data_dir)
    folder = _folder(name, directory)
    if folder.exists():
        return _load(name, folder)
    if _index_file(name, directory).exists():
        index = records.read_index(_index_file(name, directory))
        splits = {
            split: Split(
                tuple(files),
                sum(files.values()),
                _frames_file(name, directory, split),
            )
            for split, files in index.files.items()
        }
        return Dataset(name, index.classes, splits, records.parse)
    option = f" --data-dir {data_dir}" if data_dir else ""
    raise FileNotFoundError(
        f"dataset {name} is not prepared: looked for {folder}; prepare it by"
        f" `python -m r3d_rs data prepare {name}{option}`"
    )


def _load(name: str, folder: Path) -> Dataset:
    """Load a dataset whose records are its own."""
    check_folder(folder)
    classes, splits = layout.read(folder)
    aside, annotations = folder / kinetics.ASIDE_FILE, folder / kinetics.ANNOTATIONS
    frames = "video" if DATASETS[name].source == "download" else "frames"
    return Dataset(
        name,
        classes,
        {
            split: Split(
                files, count, folder / kinetics.FRAMES_FILE.format(split=split)
            )
            for split, (files, count) in splits.items()
        },
        functools.partial(layout.parse, frames=frames),
        tuple(kinetics.read_aside(aside)) if aside.exists() else (),
        annotations if annotations.exists() else None,
    )


def _download_ucf101(directory: Path) -> None:
    """Let TensorFlow Datasets prepare the first of UCF-101's three splits."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ModuleNotFoundError(
            "ucf101 is downloaded by the package tensorflow-datasets, which cannot be"
            f" imported here: {error}"
        ) from error
    place = _place("ucf101", directory)
    tfds.builder(UCF101, data_dir=place).download_and_prepare()


def _place(name: str, directory: Path) -> Path:
    return directory / "tfds" / name


def _partial(name: str, directory: Path) -> Path:
    """Return the folder of the shards of a dataset that is being prepared."""
    return _place(name, directory) / "partial"


def _folder(name: str, directory: Path) -> Path:
    """Return the folder of a dataset's TFRecords, if they are its own."""
    place = _place(name, directory)
    if DATASETS[name].source == "download":
        # Which version it is depends on TensorFlow Datasets'.
        versions = sorted((place / UCF101).glob("[0-9]*"))
        return versions[-1] if versions else place / UCF101 / "prepared"
    return place / layout.NAME / layout.VERSION


def _index_file(name: str, directory: Path) -> Path:
    """Return the file that says where a dataset's Model Garden records are."""
    return directory / "model-garden" / f"{name}.json"


def _frames_file(name: str, directory: Path, split: str) -> Path:
    """Return the file of the frame index of such records."""
    return directory / "model-garden" / f"{name}-frames-{split}.npz"
