"""Datasets of your own: a folder of videos becomes the lists that one is prepared by.

A subfolder is a class. Above the classes there may be folders of splits; without them
some videos of each class are put aside for validation.
"""

import csv
import dataclasses
import hashlib
import io
import os
import re
import shlex
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from r3d_rs.data import layout
from r3d_rs.data.names import Kind, Place
from r3d_rs.files import whole_file, write_json
from r3d_rs.videos import finding, listing

#: Shorter side of the stored frames, pixels, unless another is asked for: crops of 112
#: are to it what the paper's of 224 are to 256.
SHORT_SIDE = 128
#: Folder, in the dataset's, of the lists that are made of folders of videos.
LISTS = "lists"
#: Share of the videos that are validated on.
VALIDATION = 0.2
#: Other names of the folders of splits.
FOLDERS = {"training": "train", "valid": "validation", "testing": "test"}
FOLDERS |= {name: split for split, names in listing.SPLITS.items() for name in names}
#: Orders in which groups are tried, until each class is in both splits.
ORDERS = 1000
#: Words in the name of a class that its mirror image may not show.
SIDES = re.compile(r"left|right|clockwise", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Options:
    """What is said of a dataset of one's own when it is prepared.

    Args:
        validation: share of the videos to validate on, where the folder has no splits;
            None for `VALIDATION`.
        group: a regular expression; videos whose names have the same group of it, the
            first that matches, or the same match where it has none, go into the same
            split. None divides each class video by video, with a warning.
        draw: another number gives another division.
        no_flip: classes whose clips are never mirrored, each by itself or some with
            commas between.
    """

    validation: float | None = None
    group: str | None = None
    draw: int | None = None
    no_flip: tuple[str, ...] | None = None

    def __post_init__(self):
        """Raise a ValueError that names a wrong value and those allowed."""
        if self.validation is not None and not 0 < self.validation < 1:
            raise ValueError(
                f"parameter validation: received {self.validation!r}, allowed is a"
                " share between 0 and 1, such as 0.2"
            )
        try:
            re.compile(self.group or "")
        except re.error as error:
            raise ValueError(
                f"parameter group: received {self.group!r}, which is no regular"
                f" expression: {error}"
            ) from error

    def given(self) -> list[str]:
        """Return the names of those that are given."""
        return [name for name, value in vars(self).items() if value is not None]


#: The labels of a split's videos by path or id, by split.
Splits = Mapping[str, Mapping[str, str]]


def describe(
    place: Place,
    videos: Path,
    annotations: Path | None,
    short_side: int | None,
    options: Options,
) -> Path:
    """Write down what a dataset of one's own is, before it is prepared.

    What was written stays as soon as a part or the whole dataset is there. Then
    `short_side` and `no_flip` have that as their default, and options that differ are
    refused. Once the dataset is prepared, the videos may be gone. No other process may
    describe it meanwhile.

    Args:
        place: of the dataset.
        videos: folder of the videos.
        annotations: folder of lists; None where they are the videos', or where a list
            is made of the folders.
        short_side: of the stored frames, pixels; None for `SHORT_SIDE`.
        options: of its preparation.

    Returns:
        The folder of its lists.

    Raises:
        FileNotFoundError: when there is no such folder.
        ValueError: naming the folder and what is missing in it, an option that does not
            fit, or the dataset when it is there, or in parts, and another.
    """
    made, there = place.root / LISTS, place.is_prepared()
    kept = place.folder / layout.ANNOTATIONS
    if there and not (annotations or videos).is_dir():
        lists, splits = kept, listing.labels(kept)
    else:
        lists, splits = _asked(videos, annotations, options)
        lists = lists or made
    if "train" not in splits:
        raise ValueError(f"{lists}: there is no list of training videos, train.csv")
    noted = place.kind if there or place.parts.exists() else None
    no_flip = options.no_flip
    if noted:
        no_flip = noted.no_flip if no_flip is None else no_flip
        short_side = short_side or noted.short_side
    kind = kind_of(splits, no_flip or (), short_side or SHORT_SIDE)
    if noted:
        _compare(place, kind, noted, splits, kept if there else lists)
    else:
        if lists == made:
            write_lists(splits, made)
        write_json(place.own, dataclasses.asdict(kind))
    return lists


def _asked(
    videos: Path, annotations: Path | None, options: Options
) -> tuple[Path | None, Splits]:
    """Return the folder of the lists, None where there are none, and the videos."""
    lists = annotations or videos
    if csvs := listing.find_csvs(lists):
        names = ", ".join(path.name for path in csvs.values())
        _refuse_division(f"{lists}: has lists ({names})", options)
        return lists, listing.labels(lists)
    if annotations:
        raise FileNotFoundError(f"{annotations}: there is no CSV file of any split")
    return None, find(videos, options)


def _refuse_division(where: str, options: Options) -> None:
    """Raise a ValueError where options divide videos that are divided already."""
    if divides := [name for name in options.given() if name != "no_flip"]:
        raise ValueError(f"{where}, so that {', '.join(divides)} is not allowed")


def _compare(
    place: Place, kind: Kind, noted: Kind, splits: Splits, lists: Path
) -> None:
    """Raise a ValueError where a dataset, or its parts, are not what is asked for.

    Asked for are `kind` and `splits`; there are `noted` and the videos in `lists`.
    """
    there, kept = place.is_prepared(), listing.labels(lists)
    different = [
        f"{len(splits.get(split, ()))} videos in {split}, and those of the dataset are"
        f" {len(kept.get(split, ()))} others"
        for split in listing.SPLITS
        if splits.get(split, {}) != kept.get(split, {})
    ]
    # Of a dataset that is there, frames and records tell the rest.
    for name in ["no_flip"] if there else vars(kind):
        one, other = (_text(getattr(own, name)) for own in (kind, noted))
        if one != other:
            different.append(f"{name} is {one}, and that of the dataset {other}")
    if different:
        how, hint = "in parts", f"Give all parts the same, or remove {place.partial}"
        if there:
            anew = f"Remove {place.root} to prepare it anew"
            how, hint = "already", f"{anew}, or choose another name"
        raise ValueError(
            f"dataset {place.name} is prepared {how}, and otherwise:"
            f" {'; '.join(different)}. {hint}"
        )


def _text(value) -> str:
    return repr(",".join(sorted(value))) if isinstance(value, tuple) else str(value)


def write_lists(splits: Splits, folder: Path) -> None:
    """Write a list of each split, with the columns `label` and `path`.

    One that is there already is left alone: it may be read meanwhile.
    """
    for split in listing.SPLITS:
        path = folder / f"{split}.csv"
        if split not in splits:
            path.unlink(missing_ok=True)
            continue
        videos, text = splits[split], io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(listing.OWN_COLUMNS)
        rows.writerows((videos[path], path) for path in sorted(videos))
        content = text.getvalue().encode()
        if not path.is_file() or path.read_bytes() != content:
            with whole_file(path) as part:
                part.write_bytes(content)


def find(folder: Path, options: Options) -> Splits:
    """Find a folder's videos; the errors are those of `describe`."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder of videos")
    above = {
        path.name: FOLDERS[path.name.lower()]
        for path in _folders(folder)
        if path.name.lower() in FOLDERS
    }
    if "train" not in above.values():
        return _divided(folder, _videos(folder, folder, every=True), options)
    where = f"{folder}: has folders of splits ({', '.join(above)})"
    _refuse_division(where, options)
    others = [path.name for path in _folders(folder) if path.name not in above]
    if others:
        raise ValueError(
            f"{where} and beside them {', '.join(map(repr, others[:3]))}; allowed are"
            " splits alone, with classes in them, or classes alone"
        )
    splits = {}
    for name, split in above.items():
        if split in splits:
            raise ValueError(f"{where}, of which two are the split {split}")
        splits[split] = _videos(folder / name, folder, every=split == "train")
    _check(folder, splits["train"])
    return {split: splits[split] for split in listing.SPLITS if split in splits}


def kind_of(
    splits: Splits, no_flip: Iterable[str] = (), short_side: int = SHORT_SIDE
) -> Kind:
    """Return what is fixed about a dataset of one's own; its splits have "train".

    Raises:
        ValueError: naming a class in `no_flip`, as `Options` has it, that is not there.
    """
    classes = sorted(set(splits["train"].values()))
    named = []
    for given in no_flip:
        # The name of a class may have commas.
        parts = [given] if given in classes else re.split(r"\s*,\s*", given.strip())
        for name in parts:
            if name not in classes:
                raise ValueError(
                    f"parameter no_flip: received {name!r}, allowed are"
                    f" {', '.join(map(repr, classes))}"
                )
        named += parts
    sided = [name for name in classes if SIDES.search(name) and name not in named]
    if sided:
        warnings.warn(
            f"a mirror image of {', '.join(map(repr, sided))} may show another class,"
            f" and half of the training clips are mirrored; {_no_flip(sided)} leaves"
            " them as they are",
            stacklevel=6,  # whoever calls `prepare`
        )
    # A list may have a header alone.
    evaluated = next((s for s in ("validation", "test") if splits.get(s)), "train")
    no_flip = tuple(dict.fromkeys(named))
    return Kind(len(classes), evaluated, short_side, scale="small", no_flip=no_flip)


def _no_flip(names: list[str]) -> str:
    """Return options that name classes, as a shell takes them."""
    if all(name == shlex.quote(name) and "," not in name for name in names):
        return f"--no-flip {','.join(names)}"
    return " ".join(f"--no-flip {shlex.quote(name)}" for name in names)


def _folders(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".")
    ]


def _videos(folder: Path, root: Path, every: bool) -> dict[str, str]:
    """Return the classes of the videos in a folder of classes, by path below `root`.

    Where `every` is true, each class has to have a video.
    """
    found, without = {}, {}
    for own in _folders(folder):
        # A Mac writes accents as characters of their own.
        label = unicodedata.normalize("NFC", own.name)
        if label != label.strip() or not listing.is_line(label):
            raise ValueError(
                f"{folder}: a class is called {label!r}, expected one line in UTF-8"
                " that neither begins nor ends with a blank"
            )
        without[label] = own
        for file in finding.video_files(own):
            path = file.relative_to(root).as_posix()
            if not listing.is_line(path):
                raise ValueError(
                    f"{folder}: a video is called {path!a}, expected one line in"
                    " UTF-8; rename it"
                )
            found[path] = label
    if not found:
        here = next(iter(finding.video_files(folder)), None)
        hint = f"; {here.name} is in no subfolder" if here else ""
        raise ValueError(
            f"{folder}: has no videos; expected is a subfolder for each class, with"
            f" its videos in it{hint}"
        )
    for label in found.values():
        without.pop(label, None)
    if every and without:
        own = next(iter(without.values()))
        raise ValueError(
            f"{own}: the class has no videos, found {_endings(own)}; allowed are"
            f" {', '.join(sorted(finding.ENDINGS))}"
        )
    return found


def _endings(folder: Path) -> str:
    """Return some endings of the files in a tree of folders, as a text."""
    names = [name for _, own in finding.walk(folder) for name in own if name[0] != "."]
    endings = {os.path.splitext(name)[1] for name in names} - {""}
    some = ", ".join(sorted(endings)[:5]) or "files without endings"
    return some if names else "no files that can be read"


def _check(folder: Path, videos: Mapping[str, str]) -> None:
    """Raise a ValueError where there are not two classes."""
    classes = set(videos.values())
    if len(classes) < 2:
        raise ValueError(
            f"{folder}: has one class alone, {classes.pop()!r}; expected are two or"
            " more, each a subfolder with videos"
        )


def _divided(folder: Path, videos: Mapping[str, str], options: Options) -> Splits:
    """Put some videos of each class aside for validation."""
    _check(folder, videos)
    counts = Counter(videos.values())
    for label, count in counts.items():
        if count < 2:
            raise ValueError(
                f"{folder}: class {label!r} has one video; expected are two or more,"
                " one to train on and one to validate"
            )
    share, draw = options.validation or VALIDATION, options.draw or 0
    if options.group is not None:
        aside = _groups(folder, videos, options.group, share, draw)
    else:
        warnings.warn(
            "videos are divided one by one: where several show the same person or"
            " place, accuracy will be too high; --group says which belong together",
            stacklevel=8,  # whoever calls `prepare`
        )
        aside = set()
        for label, count in counts.items():
            own = [path for path, one in videos.items() if one == label]
            number = min(max(1, round(count * share)), count - 1)
            aside |= set(_shuffled(own, draw)[:number])
    return {
        "train": {p: label for p, label in videos.items() if p not in aside},
        "validation": {p: label for p, label in videos.items() if p in aside},
    }


def _groups(
    folder: Path, videos: Mapping[str, str], group: str, share: float, draw: int
) -> set[str]:
    """Return the videos of some groups, of which and of the others each class has."""
    groups = {}
    for path in videos:
        stem = os.path.splitext(path)[0]
        match = re.search(group, stem)
        parts = (match.groups() or [match[0]]) if match else []
        key = next((part for part in parts if part is not None), "")
        if not key:
            raise ValueError(
                f"parameter group: received {group!r}, which {stem!r} in"
                f" {folder} does not have; expected is a part of every name"
            )
        groups.setdefault(key, []).append(path)
    wanted, labels = share * len(videos), set(videos.values())
    for order in range(ORDERS):
        aside = set()
        for key in _shuffled(groups, draw * ORDERS + order):
            # As near to the share as whole groups can come.
            if abs(len(aside) + len(groups[key]) - wanted) < abs(len(aside) - wanted):
                aside |= set(groups[key])
        if (
            {videos[p] for p in aside}
            == labels
            == {videos[p] for p in videos if p not in aside}
        ):
            return aside
    raise ValueError(
        f"parameter group: received {group!r}, by which the videos in"
        f" {folder} are {len(groups)} groups ({', '.join(sorted(groups)[:5])}, …); no"
        " division of these has every class in training and in validation"
    )


def _shuffled(names: Iterable[str], draw: int) -> list[str]:
    """Return names in an order that they and a number decide."""
    return sorted(
        names, key=lambda name: hashlib.sha256(f"{draw} {name}".encode()).digest()
    )
