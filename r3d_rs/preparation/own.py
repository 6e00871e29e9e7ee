"""Make the lists of a dataset of your own from a folder of videos.

Each subfolder is a class. There may be folders of splits above the classes. Without
them some videos of each class become the validation split.
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

#: Default shorter side of the stored frames, in pixels. Crops have 112 pixels, and the
#: ratio is the paper's: 224 of 256.
SHORT_SIDE = 128
#: Folder, within the dataset's folder, of the lists made from folders of videos.
LISTS = "lists"
#: Default share of the videos to validate on.
VALIDATION = 0.2
#: The split that each folder name stands for.
FOLDERS = {"training": "train", "valid": "validation", "testing": "test"}
FOLDERS |= {name: split for split, names in listing.SPLITS.items() for name in names}
#: Number of orders of the groups to try until each class is in both splits.
ORDERS = 1000
#: Words in a class name that suggest that a mirror image shows another class.
SIDES = re.compile(r"left|right|clockwise", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Options:
    """Options for the preparation of a dataset of your own.

    Args:
        validation: share of the videos to validate on, if the folder has no splits;
            None for `VALIDATION`.
        group: regular expression that is searched in each video's path, without the
            ending. Its first group that matches is the key, or the whole match if it
            has no groups. Videos with the same key go into the same split. None divides
            each class video by video, with a warning.
        draw: seed of the division; None for 0.
        no_flip: classes whose clips are never mirrored. An item may be one class or
            several separated by commas.
    """

    validation: float | None = None
    group: str | None = None
    draw: int | None = None
    no_flip: tuple[str, ...] | None = None

    def __post_init__(self):
        """Raise a ValueError that names a wrong value and the allowed ones."""
        if self.validation is not None and not 0 < self.validation < 1:
            raise ValueError(
                f"parameter validation: received {self.validation!r}, allowed is a"
                " share between 0 and 1, such as 0.2"
            )
        try:
            re.compile(self.group or "")
        except re.error as error:
            raise ValueError(
                f"parameter group: received {self.group!r}, which is not a regular"
                f" expression: {error}"
            ) from error

    def given(self) -> list[str]:
        """Return the names of the options that are not None."""
        return [name for name, value in vars(self).items() if value is not None]


#: For each split, the label of each video by its path or id.
Splits = Mapping[str, Mapping[str, str]]


def describe(
    place: Place,
    videos: Path,
    annotations: Path | None,
    short_side: int | None,
    options: Options,
) -> Path:
    """Write the description of your own dataset, before it is prepared.

    Once a part of the dataset or all of it is written, the description stays. Then its
    `short_side` and `no_flip` are the defaults, and other values raise an error. A
    prepared dataset can be described again without the videos. No other process may
    describe the dataset at the same time.

    Args:
        place: place of the dataset.
        videos: folder of the videos.
        annotations: folder of the lists; None if they are in the folder of the videos,
            or are to be made from its subfolders.
        short_side: shorter side of the stored frames in pixels; None for `SHORT_SIDE`.
        options: options of the preparation.

    Returns:
        The folder of the lists.

    Raises:
        FileNotFoundError: if there is no such folder, or no list in `annotations`.
        ValueError: naming the folder and what is missing in it, a wrong option, or the
            dataset if it is already prepared differently, as a whole or in part.
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
    """Return the folder of the lists, or None if there are none, and the videos."""
    lists = annotations or videos
    if csvs := listing.find_csvs(lists):
        names = ", ".join(path.name for path in csvs.values())
        _refuse_division(f"{lists}: has lists ({names})", options)
        return lists, listing.labels(lists)
    if annotations:
        raise FileNotFoundError(f"{annotations}: there is no CSV file of any split")
    return None, find(videos, options)


def _refuse_division(where: str, options: Options) -> None:
    """Raise a ValueError if options would divide videos that have splits already."""
    if divides := [name for name in options.given() if name != "no_flip"]:
        raise ValueError(f"{where}, so {', '.join(divides)} is not allowed")


def _compare(
    place: Place, kind: Kind, noted: Kind, splits: Splits, lists: Path
) -> None:
    """Raise a ValueError if a dataset, or its parts, differ from what is asked for.

    What is asked for is in `kind` and `splits`. What is there is in `noted` and in the
    lists of the folder `lists`.
    """
    there, kept = place.is_prepared(), listing.labels(lists)
    different = [
        f"{len(splits.get(split, ()))} videos in {split}, but the dataset has"
        f" {len(kept.get(split, ()))} others"
        for split in listing.SPLITS
        if splits.get(split, {}) != kept.get(split, {})
    ]
    # For a prepared dataset, `agreement` compares the stored frames.
    for name in ["no_flip"] if there else vars(kind):
        one, other = (_text(getattr(own, name)) for own in (kind, noted))
        if one != other:
            different.append(f"{name} is {one}, but {other} in the dataset")
    if different:
        how, hint = "partly", f"Give all parts the same, or remove {place.partial}"
        if there:
            remedy = f"Remove {place.root} to prepare it again"
            how, hint = "already", f"{remedy}, or choose another name"
        raise ValueError(
            f"dataset {place.name} is {how} prepared, but differently:"
            f" {'; '.join(different)}. {hint}"
        )


def _text(value) -> str:
    return repr(",".join(sorted(value))) if isinstance(value, tuple) else str(value)


def write_lists(splits: Splits, folder: Path) -> None:
    """Write a list for each split, with the columns `label` and `path`.

    A list that already has this content is not written again, since another process may
    be reading it. The list of a split that is not in `splits` is removed.
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
    """Find the videos of each split in a folder; for errors see `describe`."""
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
            f"{where} and also {', '.join(map(repr, others[:3]))}; allowed are either"
            " splits that contain classes, or only classes"
        )
    splits = {}
    for name, split in above.items():
        if split in splits:
            raise ValueError(f"{where}, and two of them are the split {split}")
        splits[split] = _videos(folder / name, folder, every=split == "train")
    _check(folder, splits["train"])
    return {split: splits[split] for split in listing.SPLITS if split in splits}


def kind_of(
    splits: Splits, no_flip: Iterable[str] = (), short_side: int = SHORT_SIDE
) -> Kind:
    """Return the kind of a dataset of your own.

    Args:
        splits: labels of the videos by split; must have "train".
        no_flip: classes that are never mirrored, as in `Options`.
        short_side: shorter side of the stored frames, in pixels.

    Raises:
        ValueError: naming a class in `no_flip` that the dataset does not have.
    """
    classes = sorted(set(splits["train"].values()))
    named = []
    for given in no_flip:
        # A class name may contain commas.
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
    # A list may have only a header.
    evaluated = next((s for s in ("validation", "test") if splits.get(s)), "train")
    no_flip = tuple(dict.fromkeys(named))
    return Kind(len(classes), evaluated, short_side, scale="small", no_flip=no_flip)


def _no_flip(names: list[str]) -> str:
    """Return `--no-flip` options that name the classes, quoted for a shell."""
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
    """Return the class of each video in a folder of classes, by path below `root`.

    With `every`, each class must have a video.
    """
    found, without = {}, {}
    for own in _folders(folder):
        # macOS stores accents as separate characters.
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
    """Return a text that names up to five endings of the files in a folder's tree."""
    names = [name for _, own in finding.walk(folder) for name in own if name[0] != "."]
    endings = {os.path.splitext(name)[1] for name in names} - {""}
    some = ", ".join(sorted(endings)[:5]) or "files without endings"
    return some if names else "no files that can be read"


def _check(folder: Path, videos: Mapping[str, str]) -> None:
    """Raise a ValueError if there are fewer than two classes."""
    classes = set(videos.values())
    if len(classes) < 2:
        raise ValueError(
            f"{folder}: has only one class, {classes.pop()!r}; expected two or more,"
            " each a subfolder with videos"
        )


def _divided(folder: Path, videos: Mapping[str, str], options: Options) -> Splits:
    """Divide the videos into training and validation, with each class in both."""
    _check(folder, videos)
    counts = Counter(videos.values())
    for label, count in counts.items():
        if count < 2:
            raise ValueError(
                f"{folder}: class {label!r} has one video; expected two or more, one to"
                " train on and one to validate on"
            )
    share, draw = options.validation or VALIDATION, options.draw or 0
    if options.group is not None:
        aside = _groups(folder, videos, options.group, share, draw)
    else:
        warnings.warn(
            "videos are divided one by one: if several show the same person or place,"
            " accuracy will be too high; --group says which belong together",
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
    """Return the validation videos: whole groups, so that each class is in both."""
    groups = {}
    for path in videos:
        stem = os.path.splitext(path)[0]
        match = re.search(group, stem)
        parts = (match.groups() or [match[0]]) if match else []
        key = next((part for part in parts if part is not None), "")
        if not key:
            raise ValueError(
                f"parameter group: received {group!r}, which matches nothing in"
                f" {stem!r} in {folder}; it must match a part of every name"
            )
        groups.setdefault(key, []).append(path)
    wanted, labels = share * len(videos), set(videos.values())
    for order in range(ORDERS):
        aside = set()
        for key in _shuffled(groups, draw * ORDERS + order):
            # Add a group only if that brings the share closer to the wanted one.
            if abs(len(aside) + len(groups[key]) - wanted) < abs(len(aside) - wanted):
                aside |= set(groups[key])
        if (
            {videos[p] for p in aside}
            == labels
            == {videos[p] for p in videos if p not in aside}
        ):
            return aside
    raise ValueError(
        f"parameter group: received {group!r}, which divides the videos in {folder}"
        f" into {len(groups)} groups ({', '.join(sorted(groups)[:5])}, …); no division"
        " of these with every class in training and in validation was found"
    )


def _shuffled(names: Iterable[str], draw: int) -> list[str]:
    """Return names in an order that depends only on them and on `draw`."""
    return sorted(
        names, key=lambda name: hashlib.sha256(f"{draw} {name}".encode()).digest()
    )
