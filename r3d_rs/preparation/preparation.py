"""Preparation: from listed videos to a dataset of TFRecords.

The CSV files say which videos there are (`listing`). `shards` plans which of them a
TFRecord file holds, has each decoded and encoded as JPEGs (`clip`), and writes them.
Here that is done for a dataset by its name, at once or in parts, and the shards become
a dataset (`datasets`) when all are there. Either way gives the same bytes, and can be
stopped and started again.
"""

import contextlib
import dataclasses
import math
import re
import shutil
from pathlib import Path

from r3d_rs import pantomime
from r3d_rs.data import datasets, frame_index, names
from r3d_rs.data.datasets import Dataset
from r3d_rs.data.names import (
    ALIASES,
    DATASETS,
    OWN_NAME,
    Place,
    canonical_name,
    data_directory,
)
from r3d_rs.files import locked, read_json, seal_folder, write_json
from r3d_rs.paths import local_path
from r3d_rs.preparation import agreement, assembly, shards, ucf101
from r3d_rs.preparation.own import Options as Own
from r3d_rs.preparation.own import describe
from r3d_rs.videos import listing

#: Share of a split's videos that may be missing or broken, unless more are allowed.
MAX_ASIDE = 0.05


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
    part: str | None = None,
    own: Own | None = None,
) -> Dataset | None:
    """Make a dataset ready for training, unless it is already.

    Pantomime is rendered first, UCF-101 downloaded (see `ucf101.prepare`). Kinetics'
    videos have to be there: `train.csv`, and `validate.csv` and `test.csv` if there are
    such splits, and the video files in any folders (see `finding.locate`).

    A dataset that is there is left as it is, and options that ask for another are
    refused, as far as can be known: it keeps the CSV files, the size of the frames and
    which videos were set aside, and not where the videos were. The same command again
    succeeds, even without the videos.

    With a part only that part of the shards is written. Parts may be written side by
    side, on machines that share the data directory, and then `merge` makes the dataset.

    Args:
        name: one of `DATASETS` or an alias; with `videos` also a name of your own.
        data_dir: folder of the datasets; see `data_directory`.
        progress: show progress bars.
        videos: folder of the videos, by default `<data_dir>/<name>`. UCF-101's are
            downloaded without it.
        annotations: folder of the CSV files, by default the videos'.
        short_side: of the stored frames, pixels; by default the dataset's.
        max_aside: share of a split's videos that may be missing or broken (0.05).
        workers: processes to decode in; all usable cores by default.
        part: "3/64" for the third of 64 parts.
        own: what else is said of a dataset of your own, if anything.

    Returns:
        The dataset; None where a part of it has been written.

    Raises:
        ValueError: for an unknown name, a number that is not allowed, options of a
            dataset that takes none, options that differ from those of the dataset that
            is there (naming them and its folder) or of its other parts, a malformed CSV
            file (naming file and line) or too many videos that cannot be used (naming
            some).
        FileNotFoundError: naming a CSV file that is not there.
        OSError: naming a file that cannot be written, the disk being full for example.
    """
    _check_number("short_side", short_side, 1)
    _check_number("max_aside", max_aside, 0, 1)
    _check_number("workers", workers, 1)
    if videos is not None:
        videos = local_path("videos", videos).absolute()
    if annotations is not None:
        annotations = local_path("annotations", annotations).absolute()
    place = _place(name, data_dir, new=videos is not None)
    own = own or Own()
    if (given := own.given()) and (place.name in DATASETS or videos is None):
        raise ValueError(
            f"{place.name}: received {', '.join(given)}, allowed for a dataset of your"
            " own alone, with its videos"
        )
    options = _given(
        annotations=annotations,
        max_aside=max_aside,
        short_side=short_side,
        videos=videos,
    )
    given = [*options, *_given(part=part, workers=workers)]
    source = names.source(place.name)
    allowed = {"videos": given, "download": ["videos"]}.get(source, [])
    if not set(given) <= set(allowed):
        raise ValueError(
            f"{place.name} is not made of videos that you list: received"
            f" {', '.join(given)}, allowed are {', '.join(allowed) or 'none'}"
        )
    numbers = None if part is None else _numbers(part)
    if not place.is_prepared():
        _make_folder(place)
        if numbers and _write_part(place, *numbers, options, own, workers, progress):
            return None
    options = _write(place, options, own, workers, progress)
    _tidy(place)
    dataset = datasets.load(place.name, data_dir)
    if source == "rendered":
        agreement.check_edition(dataset)
    elif options:
        agreement.check_options(dataset, place, options)
    for split in dataset.splits.values():  # a run would make them otherwise
        frame_index.load(split, dataset.parse, progress)
    return dataset


def _given(**options) -> dict:
    return {name: value for name, value in options.items() if value is not None}


def _check_number(
    name: str, value: float | None, least: int, most: float = math.inf
) -> None:
    """Raise a ValueError where a number is given that is not allowed."""
    if value is not None and not least <= value <= most:  # a NaN is not, either
        allowed = f"{least} or more" if most == math.inf else f"{least} to {most}"
        raise ValueError(f"parameter {name}: received {value!r}, allowed is {allowed}")


def _place(name: str, data_dir: str | Path | None, new: bool) -> Place:
    """Return the place of a dataset that is known, or of a new one of one's own."""
    if not new or name in DATASETS or name in ALIASES:
        name = canonical_name(name, data_dir)
    elif not OWN_NAME.fullmatch(name):
        raise ValueError(
            f"parameter dataset: received {name!r}, which is no name; allowed are"
            " letters without accents, digits, - and _, up to 64"
        )
    return Place(name, data_directory(data_dir))


def _make_folder(place: Place) -> None:
    """Make a dataset's folder, or say how to choose another."""
    try:
        place.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (
            f"{error.strerror}: no dataset can be written here; choose another folder"
            " by --data-dir or R3D_RS_DATA"
        )
        raise OSError(error.errno, reason, str(place.directory)) from error


def merge(
    name: str, data_dir: str | Path | None = None, progress: bool = True
) -> Dataset:
    """Make a dataset of its parts once all are there; nothing is decoded.

    Args:
        name: one of `DATASETS`, an alias or a dataset of your own.
        data_dir: folder of the datasets; see `data_directory`.
        progress: show progress bars.

    Raises:
        FileNotFoundError: when no part has been prepared.
        ValueError: naming the parts that are missing; and as `prepare` does.
        OSError: naming a file that cannot be written.
    """
    place = _place(name, data_dir, new=False)
    if place.is_prepared():
        return prepare(place.name, data_dir, progress)
    command = f"`{datasets.preparing(place.name, data_dir)} --part"
    if not place.parts.exists():
        raise FileNotFoundError(
            f"dataset {place.name} has no parts: looked for {place.parts}; prepare them"
            f" by {command} 1/N` to N/N"
        )
    with locked(place.lock):
        assembly.restore(place.folder, place.partial)
    options = read_json(place.parts)
    count = options.pop("parts")
    source = _source(place, **options)
    _, planned = shards.plan(source, _max_classes(place))
    missing = {
        index % count + 1
        for every in planned.values()
        for index, shard in enumerate(every)
        if shards.finished(shard, place.partial, source.short_side) is None
    }
    if missing:
        parts = ", ".join(f"{part}/{count}" for part in sorted(missing))
        raise ValueError(
            f"dataset {place.name} lacks the parts {parts}; prepare them by"
            f" {command} I/{count}`, with the options of the others"
        )
    return prepare(place.name, data_dir, progress, **options)


def _source(
    place: Place,
    *,
    videos: str | Path | None = None,
    annotations: str | Path | None = None,
    short_side: int | None = None,
    max_aside: float = MAX_ASIDE,
) -> shards.Source:
    """Return videos and how they are stored, with the defaults of their dataset."""
    videos = Path(videos or place.directory / place.name)
    side = short_side or place.kind.short_side
    return shards.Source(videos, Path(annotations or videos), side, max_aside)


def _max_classes(place: Place) -> int | None:
    kind = place.kind
    return None if kind.any_classes else kind.num_classes


def _describe(place: Place, options: dict, own: Own) -> dict:
    """Return the options with the lists of a dataset of one's own, described by now."""
    if place.name in DATASETS or "videos" not in options:
        return options
    lists, side = options.get("annotations"), options.get("short_side")
    lists = describe(place, options["videos"], lists, side, own)
    return options | {"annotations": lists}


def _write(
    place: Place, options: dict, own: Own, workers: int | None, progress: bool
) -> dict:
    """Prepare a dataset, unless it is already; return its options."""
    there = place.is_prepared()
    with contextlib.nullcontext() if there else locked(place.lock):
        options = _describe(place, options, own)
        source = names.source(place.name)
        if place.is_prepared():  # by now
            return options
        if source == "download":
            ucf101.prepare(place.root, options.get("videos"), progress)
            return options
        if source == "rendered":
            videos = place.directory / f"{place.name}-videos"
            pantomime.make(videos, name=place.name, progress=progress)
            options = {"videos": videos, "max_aside": 0.0}
        _build(place, _source(place, **options), workers, progress)
    return options


def _build(
    place: Place, source: shards.Source, workers: int | None, progress: bool
) -> None:
    """Write all shards that are not there yet, and make them a dataset."""
    assembly.restore(place.folder, place.partial)
    classes, planned = shards.plan(source, _max_classes(place))
    written = {
        split: shards.write(
            every, place.partial, classes, source, workers=workers, progress=progress
        )
        for split, every in planned.items()
    }
    csvs = listing.find_csvs(source.annotations)
    assembly.make(place.folder, csvs, classes, written)


def _tidy(place: Place) -> None:
    """Seal a dataset, and remove what preparations that were stopped have left."""
    if not place.folder.exists():
        return
    with contextlib.suppress(OSError):  # a folder that may only be read
        seal_folder(place.folder)  # TensorFlow Datasets does not
    for left in (
        place.partial,
        *place.folder.parent.glob("incomplete.*"),
        *place.directory.glob(f"{place.name}-videos.incomplete-*"),
    ):
        shutil.rmtree(left, ignore_errors=True)


# Parts: shards 1, N + 1, 2 N + 1 … of every split are the first of N parts.


def _numbers(part: str) -> tuple[int, int]:
    """Return the number of a part, from 1, and how many there are."""
    found = re.fullmatch(r"(\d+)/(\d+)", part)
    number, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= number <= count:
        raise ValueError(
            f"parameter part: received {part!r}, allowed are 1/N to N/N, such as 3/64"
        )
    return number, count


def _write_part(
    place: Place,
    number: int,
    count: int,
    options: dict,
    own: Own,
    workers: int | None,
    progress: bool,
) -> bool:
    """Write a part of the shards, but for those that are there already.

    Returns:
        True; False, with nothing written, where the dataset is there by now.
    """
    with locked(place.lock, shared=True):
        if place.is_prepared():
            return False
        # Of a dataset of one's own the first part decides what it is.
        alone = place.name not in DATASETS
        with locked(place.partial / ".lock") if alone else contextlib.nullcontext():
            options = _describe(place, options, own)
            source = _source(place, **options)
            classes, planned = shards.plan(source, _max_classes(place))
            _note_parts(place, count, source)
        for every in planned.values():
            if part := every[number - 1 :: count]:
                shards.write(
                    part,
                    place.partial,
                    classes,
                    source,
                    total=sum(len(shard.videos) for shard in every),
                    workers=workers,
                    progress=progress,
                )
    return True


def _note_parts(place: Place, count: int, source: shards.Source) -> None:
    """Write down what parts are of, or check that this one is of the same.

    Another number of parts is no mistake: every shard is the same in both.
    """
    path = place.parts
    note = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in dataclasses.asdict(source).items()
    }
    found = read_json(path) if path.exists() else note
    for option, value in note.items():
        if found[option] != value:
            raise ValueError(
                f"{option} is {value}, but {found[option]} in other parts of"
                f" {place.name}: give all parts the same, or remove {place.partial}"
            )
    if found.get("parts") != count:
        write_json(path, {**note, "parts": count})
