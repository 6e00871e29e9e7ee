"""Lists of videos: CSV files like Kinetics', and lists of the videos set aside."""

import csv
import dataclasses
import os
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

#: Names of the CSV file of each split, and of its folder.
SPLITS = {
    "train": ("train",),
    "validation": ("validate", "validation", "val"),
    "test": ("test",),
}
#: Columns required in Kinetics' CSV files; others ("split", "is_cc") are ignored.
COLUMNS = ("label", "youtube_id", "time_start", "time_end")
#: Columns of a list made from your own folder; paths are relative to that folder.
OWN_COLUMNS = ("label", "path")
#: Characters that may surround a field.
BLANKS = " \t"


@dataclasses.dataclass(frozen=True)
class Video:
    """One line of a CSV file.

    Attributes:
        id: `<youtube_id>_<start>_<end>`, seconds with six digits: the name of its file
            in Kinetics' own layout, without the suffix. In a list with paths, the path.
        label: name of its class.
        path: path of its file, None if no file was found.
        absent: why there is no file.
        file: path given by the list, "" if the list gives none.
    """

    id: str
    label: str
    path: Path | None = None
    absent: str = "there is no file of this name"
    file: str = ""


@dataclasses.dataclass(frozen=True)
class Aside:
    """A video that was set aside or repaired.

    Attributes:
        split: split of the dataset.
        id: id of the video.
        label: name of its class.
        reason: what is wrong with it.
    """

    split: str
    id: str
    label: str
    reason: str


def write_aside(aside: Iterable[Aside], path: Path) -> None:
    """Write a list of videos, with only a header if there are none."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(field.name for field in dataclasses.fields(Aside))
        rows.writerows(dataclasses.astuple(video) for video in aside)


def read_aside(path: Path) -> tuple[Aside, ...]:
    """Read the list that `write_aside` wrote; empty if there is no such file."""
    if not path.exists():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(Aside(**row) for row in csv.DictReader(file))


def find_csv(folder: Path, split: str) -> Path | None:
    """Return a split's CSV file in a folder, None if there is none.

    A file named after the split comes first. Otherwise the name must contain the split
    as a word, such as `k400_train.csv`. The suffix is `.csv` or, for some lists of
    Kinetics-600, `.txt`.

    Raises:
        ValueError: naming the files, if several contain the split as a word.
    """
    endings = (".csv", ".txt")
    paths = (folder / f"{name}{e}" for e in endings for name in SPLITS[split])
    if exact := next((path for path in paths if path.is_file()), None):
        return exact
    for ending in endings:
        found = [path for path in _lists(folder, ending) if _split_of(path) == split]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise ValueError(
                f"{folder}: found {names}; allowed is one list of the split {split}:"
                f" rename the right one to {SPLITS[split][0]}.csv"
            )
        if found:
            return found[0]
    return None


def _lists(folder: Path, ending: str) -> list[Path]:
    """Return a folder's files with a suffix, sorted, without hidden ones."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() == ending and path.name[0] != "." and path.is_file()
    )


def _split_of(path: Path) -> str | None:
    """Return the split that a list's name has as a word, None without exactly one.

    In the name of a `.txt` file, which may be anything, only the last word counts.
    """
    words = plain(path.stem).split("_")
    if path.suffix.lower() == ".txt":
        words = words[-1:]
    found = [split for split, names in SPLITS.items() if set(names) & set(words)]
    return found[0] if len(found) == 1 else None


def find_csvs(folder: Path) -> dict[str, Path]:
    """Return a folder's CSV files by split."""
    paths = {split: find_csv(folder, split) for split in SPLITS}
    return {split: path for split, path in paths.items() if path is not None}


def read_folder(
    folder: Path, classes: Sequence[str] | None = None
) -> dict[str, list[Video]]:
    """Read a folder's CSV files by split.

    A list of test videos without labels, as in Kinetics-600 and -700, is left out with
    a warning: no accuracy can be reported on it.

    Args:
        folder: folder of the files.
        classes: names of the classes allowed; None allows any.

    Raises:
        ValueError: as in `find_csv` and `read`.
    """
    found = {}
    for split, path in find_csvs(folder).items():
        rows = [fields for fields, _ in _rows(path)] if split == "test" else []
        if rows and all("youtube_id" in row and not row.get("label") for row in rows):
            warnings.warn(
                f"{path}: has no labels, so the split test is left out", stacklevel=2
            )
        else:
            found[split] = read(path, classes)
    return found


def labels(folder: Path) -> dict[str, dict[str, str]]:
    """Return the labels in a folder's CSV files by split and id of the video."""
    return {
        split: {video.id: video.label for video in videos}
        for split, videos in read_folder(folder).items()
    }


def read(path: Path, classes: Sequence[str] | None = None) -> list[Video]:
    """Read a split's CSV file.

    Args:
        path: path of the file.
        classes: names of the classes allowed; None allows any.

    Returns:
        The videos in the order of the list. Repeated lines count once.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file and line of a malformed header or line, an unknown
            label, or a video with two labels.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such CSV file")
    known = None if classes is None else frozenset(classes)
    videos = {}
    for fields, line in _rows(path, COLUMNS, OWN_COLUMNS):
        where = f"{path}, line {line}"
        video = (
            _video_of_path(fields, where) if "path" in fields else _video(fields, where)
        )
        if known is not None and video.label not in known:
            raise ValueError(
                f"{where}: unknown label {video.label!r}, expected a class"
                f" of the training split, such as {classes[0]!r}"
            )
        before, first = videos.setdefault(video.id, (video, line))
        if before != video:
            raise ValueError(
                f"{where}: video {video.id} is {video.label!r}, but"
                f" {before.label!r} in line {first}"
            )
    return [video for video, _ in videos.values()]


def _rows(path: Path, *columns: Iterable[str]) -> Iterator[tuple[dict[str, str], int]]:
    """Yield a CSV file's lines by column, without the blanks around each field.

    Args:
        path: path of the file.
        *columns: alternative sets of columns. The header must contain one whole set.

    Yields:
        The fields of each line that is not blank, and the line's number.

    Raises:
        ValueError: naming file and line, if the file is not CSV with these columns.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        # Without skipinitialspace, quotes after a blank would become part of the field.
        rows = csv.reader(file, skipinitialspace=True)
        try:
            header = [name.strip(BLANKS).lower() for name in next(rows, [])]
            if columns and not any(set(header) >= set(names) for names in columns):
                expected = " or ".join(",".join(names) for names in columns)
                raise ValueError(
                    f"{path}, line 1: the header is {','.join(header)!r},"
                    f" expected the columns {expected}"
                )
            for row in rows:
                fields = [field.strip(BLANKS) for field in row]
                if not any(fields):
                    continue
                if len(fields) != len(header):
                    raise ValueError(
                        f"{path}, line {rows.line_num}: found {len(fields)} fields,"
                        f" expected {len(header)}: {','.join(header)}"
                    )
                yield dict(zip(header, fields, strict=True)), rows.line_num
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"{path}, line {rows.line_num + 1}: not CSV in UTF-8: {error}"
            ) from error


def _video(fields: dict[str, str], where: str) -> Video:
    _check_texts(fields, COLUMNS, ("label", "youtube_id"), where)
    times = [fields["time_start"], fields["time_end"]]
    whole = [re.fullmatch(r"(\d+)(\.0*)?", time) for time in times]
    if not all(whole):
        raise ValueError(
            f"{where}: time_start and time_end are {times[0]!r} and {times[1]!r},"
            " expected whole seconds"
        )
    start, end = (int(time[1]) for time in whole)
    ident = fields["youtube_id"]
    if os.sep in ident:
        raise ValueError(f"{where}: youtube_id is {ident!r}, which is no file's name")
    return Video(f"{ident}_{start:06d}_{end:06d}", fields["label"])


def _video_of_path(fields: dict[str, str], where: str) -> Video:
    _check_texts(fields, OWN_COLUMNS, OWN_COLUMNS, where)
    return Video(fields["path"], fields["label"], file=fields["path"])


def _check_texts(fields, needed: Iterable[str], lines: Iterable[str], where: str):
    """Raise a ValueError if a needed field is empty or a name is not one line."""
    empty = [name for name in needed if not fields[name]]
    if empty:
        raise ValueError(f"{where}: {', '.join(empty)} is empty")
    for name in lines:
        # Names are stored one per line, without surrounding blanks.
        if fields[name] != fields[name].strip() or not is_line(fields[name]):
            raise ValueError(
                f"{where}: {name} is {fields[name]!r}, expected one line that neither"
                " begins nor ends with a blank"
            )


def is_line(text: str) -> bool:
    """Return whether a text has neither control characters nor line breaks."""
    return not any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in text)


def plain(name: str) -> str:
    """Return a name in lower case, with an underscore for each run of other characters.

    Letters and digits are kept; underscores at both ends are removed.
    """
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")
