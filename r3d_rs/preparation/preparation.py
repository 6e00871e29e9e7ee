"""Prepare listed videos as a dataset of TFRecords.

CSV files list the videos (`listing`). `shards` assigns them to TFRecord files, has each
video decoded and encoded as JPEGs (`clip`), and writes the files. This module prepares
a dataset by its name, at once or in parts. It assembles the shards into a dataset
(`datasets`) once all are written. Both ways give the same bytes, and both can be
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

#: Default share of a split's videos that may be missing or broken.
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
    """Prepare a dataset for training, unless it is already prepared.

    Pantomime is rendered first, and UCF-101 is downloaded (see `ucf101.prepare`). You
    provide Kinetics: `train.csv`, `validate.csv` and `test.csv` if there are such
    splits, and the video files in any folders (see `finding.locate`).

    A prepared dataset stays unchanged, and the same command succeeds even without the
    videos. Options that do not agree with the dataset raise an error if that can be
    known. The dataset keeps its CSV files, the size of its frames and the videos that
    were set aside, but not the folder of the videos.

    With `part`, only that part of the shards is written. Machines that share the data
    directory may write parts in parallel; `merge` then makes the dataset.

    Args:
        name: a name in `DATASETS` or an alias; with `videos` also a name of your own.
        data_dir: the data directory; see `data_directory`.
        progress: whether to show progress bars.
        videos: folder of the videos; by default `<data_dir>/<name>`, except for
            UCF-101, which is downloaded.
        annotations: folder of the CSV files; by default the folder of the videos.
        short_side: shorter side of the stored frames in pixels; the default depends on
            the dataset.
        max_aside: share of a split's videos that may be missing or broken; by default
            0.05.
        workers: number of processes that decode videos; all usable cores by default.
        part: "3/64" for the third of 64 parts.
        own: further options for a dataset of your own.

    Returns:
        The dataset, or None if a part of it was written.

    Raises:
        ValueError: for an unknown name, a number or an option that is not allowed,
            options that differ from the prepared dataset (naming them and its folder)
            or from its other parts, a malformed CSV file (naming file and line) or too
            many unusable videos (naming some).
        FileNotFoundError: naming a missing CSV file.
        OSError: naming a file that cannot be written, for example on a full disk.
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
            f"{place.name}: received {', '.join(given)}, allowed only for a dataset of"
            " your own, with its videos"
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
    for split in dataset.splits.values():  # else a run would make the indexes
        frame_index.load(split, dataset.parse, progress)
    return dataset


def _given(**options) -> dict:
    return {name: value for name, value in options.items() if value is not None}


def _check_number(
    name: str, value: float | None, least: int, most: float = math.inf
) -> None:
    """Raise a ValueError if a number is given that is not allowed."""
    if value is not None and not least <= value <= most:  # refuses NaN, too
        allowed = f"{least} or more" if most == math.inf else f"{least} to {most}"
        raise ValueError(f"parameter {name}: received {value!r}, allowed is {allowed}")


def _place(name: str, data_dir: str | Path | None, new: bool) -> Place:
    """Return the place of a known dataset, or of a new one of your own."""
    if not new or name in DATASETS or name in ALIASES:
        name = canonical_name(name, data_dir)
    elif not OWN_NAME.fullmatch(name):
        raise ValueError(
            f"parameter dataset: received {name!r}, which is not a valid name; allowed"
            " are up to 64 letters without accents, digits, - and _"
        )
    return Place(name, data_directory(data_dir))


def _make_folder(place: Place) -> None:
    """Make a dataset's folder, or raise an OSError that says how to choose another."""
    try:
        place.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (
            f"{error.strerror}: no dataset can be written here; choose another folder"
            " with --data-dir or R3D_RS_DATA"
        )
        raise OSError(error.errno, reason, str(place.directory)) from error


def merge(
    name: str, data_dir: str | Path | None = None, progress: bool = True
) -> Dataset:
    """Merge the parts of a dataset once all are written; nothing is decoded.

    Args:
        name: a name in `DATASETS`, an alias or a dataset of your own.
        data_dir: the data directory; see `data_directory`.
        progress: whether to show progress bars.

    Returns:
        The dataset.

    Raises:
        FileNotFoundError: if no part has been prepared.
        ValueError: naming the missing parts, or as in `prepare`.
        OSError: naming a file that cannot be written.
    """
    place = _place(name, data_dir, new=False)
    if place.is_prepared():
        return prepare(place.name, data_dir, progress)
    command = f"`{datasets.preparing(place.name, data_dir)} --part"
    if not place.parts.exists():
        raise FileNotFoundError(
            f"dataset {place.name} has no parts: looked for {place.parts}; prepare them"
            f" with {command} 1/N` to N/N"
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
            f"dataset {place.name} lacks the parts {parts}; prepare them with"
            f" {command} I/{count}` and the same options as the others"
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
    """Return a dataset's videos and how to store them, with its defaults."""
    videos = Path(videos or place.directory / place.name)
    side = short_side or place.kind.short_side
    return shards.Source(videos, Path(annotations or videos), side, max_aside)


def _max_classes(place: Place) -> int | None:
    kind = place.kind
    return None if kind.any_classes else kind.num_classes


def _describe(place: Place, options: dict, own: Own) -> dict:
    """Describe a dataset if it is your own, and return the options with its lists."""
    if place.name in DATASETS or "videos" not in options:
        return options
    lists, side = options.get("annotations"), options.get("short_side")
    lists = describe(place, options["videos"], lists, side, own)
    return options | {"annotations": lists}


def _write(
    place: Place, options: dict, own: Own, workers: int | None, progress: bool
) -> dict:
    """Prepare a dataset, unless it is already prepared, and return its options."""
    there = place.is_prepared()
    with contextlib.nullcontext() if there else locked(place.lock):
        options = _describe(place, options, own)
        source = names.source(place.name)
        if place.is_prepared():  # perhaps by another process, meanwhile
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
    """Write all shards that are not finished yet, and assemble the dataset."""
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
    """Seal a dataset, and remove what interrupted preparations have left."""
    if not place.folder.exists():
        return
    with contextlib.suppress(OSError):  # a read-only folder
        seal_folder(place.folder)  # TensorFlow Datasets does not
    for left in (
        place.partial,
        *place.folder.parent.glob("incomplete.*"),
        *place.directory.glob(f"{place.name}-videos.incomplete-*"),
    ):
        shutil.rmtree(left, ignore_errors=True)


# Parts: the first of N parts has the shards 1, N + 1, 2 N + 1 … of every split.


def _numbers(part: str) -> tuple[int, int]:
    """Return the number of a part, from 1, and the number of parts."""
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
    """Write a part of the shards, except those already finished.

    Returns:
        True, or False if another process has prepared the dataset meanwhile; then
        nothing is written.
    """
    with locked(place.lock, shared=True):
        if place.is_prepared():
            return False
        # The first part fixes the description of a dataset of your own.
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
    """Write the source of the parts, or check that this part has the same source.

    The number of parts may change, since it does not change the shards.
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
