"""The datasets by name: preparing one, and loading what was prepared."""

import contextlib
import dataclasses
import functools
import io
import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import tensorflow as tf
import tensorflow_datasets as tfds

from r3d_rs.data import frame_index, records, seal, shards
from r3d_rs.data.directory import data_directory
from r3d_rs.data.kinetics import ANNOTATIONS, ASIDE_FILE, Kinetics, read_aside
from r3d_rs.data.listing import SPLITS, find_csvs
from r3d_rs.whole import locked


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is fixed about a dataset by its name.

    Attributes:
        num_classes: that it has when it is complete.
        evaluated: the split whose accuracy is reported.
        short_side: of the stored frames, pixels; None for the videos' own.
    """

    num_classes: int
    evaluated: str
    short_side: int | None


#: The datasets there are. The paper reports on Kinetics' validation videos. Web Video
#: Text, whose labels are the queries that found a video, is not public: it stands for
#: any such videos, listed as Kinetics' are.
DATASETS: Mapping[str, Kind] = MappingProxyType(
    {
        "pantomime-20": Kind(20, "test", 48),
        "pantomime-30": Kind(30, "test", 48),
        "pantomime-web": Kind(30, "validation", 48),
        "kinetics-400": Kind(400, "validation", 256),
        "kinetics-600": Kind(600, "validation", 256),
        "kinetics-700": Kind(700, "validation", 256),
        "web-video-text": Kind(700, "validation", 256),
        "ucf101": Kind(101, "test", None),
    }
)

#: Shorter names.
ALIASES = {"pantomime": "pantomime-20"}

#: Share of a split's videos that may be missing or broken, unless more are allowed.
MAX_ASIDE = 0.05

#: Options of `build` that say how a dataset is made: it is the same by any of them.
HOW = frozenset({"workers", "beam_runner", "beam_options"})


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


def prepare(
    name: str, data_dir: str | None = None, progress: bool = True, **options
) -> Dataset:
    """Make a dataset ready for training, unless it is already.

    Pantomime is rendered first, UCF-101 downloaded by TFDS. Kinetics' videos have to
    be there, in `<data_dir>/<name>` unless `options` say where: `train.csv`, and
    `validate.csv` and `test.csv` if there are such splits, and the video files in any
    folders (see `listing.locate`).

    A dataset that is there is left as it is, and options that ask for another are
    refused, as far as can be known: it keeps the CSV files, the size of the frames and
    which videos were set aside, and not where the videos were. The same command again
    succeeds, even without the videos.

    Args:
        name: one of `DATASETS` or an alias.
        data_dir: folder of the datasets; see `data_directory`.
        progress: show progress bars.
        **options: of `build`.

    Raises:
        ValueError: for an unknown name, options of a dataset that takes none, options
            that differ from those of the dataset that is there (naming them and its
            folder), a malformed CSV file (naming file and line) or too many videos that
            cannot be used (naming some).
        FileNotFoundError: naming a CSV file that is not there.
    """
    name = canonical_name(name)
    made = name == "ucf101" or name.startswith("pantomime")
    if made and options:
        raise ValueError(
            f"{name} is not made of videos that you have: received"
            f" {', '.join(sorted(options))}, allowed are none"
        )
    if not is_prepared(name, data_dir):
        with locked(_place(name, data_directory(data_dir)) / ".lock"):
            if not is_prepared(name, data_dir):  # by now
                _prepare(name, data_directory(data_dir), progress, options)
    _tidy(name, data_directory(data_dir))
    dataset = load(name, data_dir)
    if name.startswith("pantomime"):
        _check_pantomime(dataset)
    if options:
        _check_options(dataset, data_directory(data_dir), options)
    return _indexed(dataset, progress)


def _prepare(name: str, directory: Path, progress: bool, options: dict) -> None:
    if name == "ucf101":
        _ucf101(directory).download_and_prepare()
    elif name.startswith("pantomime"):
        from r3d_rs.data import pantomime

        videos = pantomime.make(
            directory / f"{name}-videos", name=name, progress=progress
        )
        build(name, directory, progress=progress, videos=videos, max_aside=0.0)
    else:
        build(name, directory, progress=progress, **options)


def _tidy(name: str, directory: Path) -> None:
    """Seal a dataset, and remove what preparations that were stopped have left."""
    folder = _tfds_folder(name, directory)
    if not folder.exists():
        return
    with contextlib.suppress(OSError):  # a folder that may only be read
        seal.seal(folder)
    for left in (
        _partial(name, directory),
        *folder.parent.glob("incomplete.*"),
        *directory.glob(f"{name}-videos.incomplete-*"),
    ):
        shutil.rmtree(left, ignore_errors=True)


def _check_pantomime(dataset: Dataset) -> None:
    """See that a dataset was not prepared by a version that made fewer videos."""
    from r3d_rs.data.pantomime import SETS

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
    asked = {
        option: value
        for option, value in options.items()
        if value is not None and option not in HOW
    }
    place = _tfds_folder(dataset.name, directory)
    if place.exists():
        found = list(_differences(dataset, **asked))
    else:
        place = _index_file(dataset.name, directory)
        found = [
            f"{option} is {value}, and these are Model Garden's records"
            for option, value in asked.items()
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


def build(
    name: str,
    directory: Path,
    *,
    videos: str | Path | None = None,
    short_side: int | None = None,
    max_aside: float = MAX_ASIDE,
    progress: bool = True,
    beam_runner: str | None = None,
    beam_options=None,
    **options,
) -> None:
    """Write a folder of videos as TFRecords; a build that is cut off can go on.

    Args:
        name: one of `DATASETS`.
        directory: the data directory.
        videos: the folder, by default `<directory>/<name>`.
        short_side: of the stored frames, pixels; by default the dataset's.
        max_aside: share of a split's videos that may be missing or broken.
        progress: show progress bars.
        beam_runner: of Apache Beam, such as "DirectRunner"; None to work here.
        beam_options: `PipelineOptions` of Apache Beam.
        **options: others of `Kinetics`.
    """
    videos, kind = Path(videos or directory / name), DATASETS[name]
    place, partial = _place(name, directory), _partial(name, directory)
    builder = Kinetics(
        videos=videos,
        partial=partial,
        short_side=short_side or kind.short_side,
        max_aside=max_aside,
        # Any videos may stand for Web Video Text.
        max_classes=kind.num_classes if name.startswith("kinetics") else None,
        progress=progress,
        data_dir=place,
        file_format="tfrecord",
        **options,
    )
    # TFDS announces downloads, of which there are none, and its progress bars do not
    # know the number of videos.
    tfds.disable_progress_bar()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(
                    beam_runner=beam_runner, beam_options=beam_options
                )
            )
    finally:
        tfds.enable_progress_bar()
    shutil.rmtree(partial, ignore_errors=True)


def use_records(
    name: str,
    folder: str | Path,
    data_dir: str | None = None,
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
    if _tfds_folder(name, directory).exists():
        raise FileExistsError(
            f"dataset {name} is prepared already, in {_tfds_folder(name, directory)};"
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


def is_prepared(name: str, data_dir: str | None = None) -> bool:
    """Say whether a dataset can be loaded."""
    directory = data_directory(data_dir)
    places = (_tfds_folder(name, directory), _index_file(name, directory))
    return any(place.exists() for place in places)


def load(name: str, data_dir: str | None = None) -> Dataset:
    """Load a prepared dataset.

    Raises:
        ValueError: for an unknown name, or naming a file that is damaged.
        FileNotFoundError: when it has not been prepared, saying how to.
    """
    name = canonical_name(name)
    directory = data_directory(data_dir)
    folder = _tfds_folder(name, directory)
    if folder.exists():
        return _load_tfds(name, folder)
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


def _load_tfds(name: str, folder: Path) -> Dataset:
    seal.check(folder)
    builder = tfds.builder_from_directory(folder)
    features = builder.info.features
    splits = {
        split: Split(
            tuple(str(path) for path in info.filepaths),
            info.num_examples,
            folder / f"frames-{split}.npz",
        )
        for split, info in builder.info.splits.items()
    }
    aside, annotations = folder / ASIDE_FILE, folder / ANNOTATIONS
    return Dataset(
        name,
        tuple(features["label"].names),
        splits,
        functools.partial(_parse, frames="video" if name == "ucf101" else "frames"),
        tuple(read_aside(aside)) if aside.exists() else (),
        annotations if annotations.exists() else None,
    )


def _parse(record, place, frames):
    """Return the features of a record that TFDS wrote.

    Args:
        record: serialized.
        place: of the record; it names the video where there is no feature `id`.
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


def _ucf101(directory: Path) -> tfds.core.DatasetBuilder:
    """Return TFDS's builder: the first of UCF-101's three splits."""
    return tfds.builder("ucf101/ucf101_1", data_dir=_place("ucf101", directory))


def _place(name: str, directory: Path) -> Path:
    return directory / "tfds" / name


def _partial(name: str, directory: Path) -> Path:
    """Return the folder of the shards of a dataset that is being prepared."""
    return _place(name, directory) / "partial"


def _tfds_folder(name: str, directory: Path) -> Path:
    """Return the folder of a dataset's TFRecords."""
    if name == "ucf101":
        return Path(_ucf101(directory).data_path)
    return _place(name, directory) / Kinetics.name / str(Kinetics.VERSION)


def _index_file(name: str, directory: Path) -> Path:
    """Return the file that says where a dataset's Model Garden records are."""
    return directory / "model-garden" / f"{name}.json"


def _frames_file(name: str, directory: Path, split: str) -> Path:
    """Return the file of the frame index of such records."""
    return directory / "model-garden" / f"{name}-frames-{split}.npz"
