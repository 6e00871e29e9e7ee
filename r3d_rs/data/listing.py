"""Kinetics' CSV files and folders: which videos a split has, and where they are."""

import csv
import dataclasses
import os
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

#: The names under which the CSV file of a split, and its folder, are found.
SPLITS = {
    "train": ("train",),
    "validation": ("validate", "validation", "val"),
    "test": ("test",),
}
#: Columns that Kinetics' CSV files have; others ("split", "is_cc") are passed over.
COLUMNS = ("label", "youtube_id", "time_start", "time_end")
#: What may surround a field.
BLANKS = " \t"
#: Endings of video files.
ENDINGS = frozenset(
    {".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".3g2", ".3gp", ".asf", ".divx"}
    | {".f4v", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".qt", ".rm"}
    | {".rmvb", ".ts", ".vob", ".wmv"}
)
#: What youtube-dl and yt-dlp put before the ending of one format of several.
FORMAT = re.compile(r"\.f[\w-]+$")


@dataclasses.dataclass(frozen=True)
class Video:
    """One line of a CSV file.

    Attributes:
        id: `<youtube_id>_<start>_<end>`, seconds with six digits: the name of its file
            in Kinetics' own layout, without the ending.
        label: name of its class.
        path: of its file, None where none was found.
        absent: why there is none.
    """

    id: str
    label: str
    path: Path | None = None
    absent: str = "there is no file of this name"


@dataclasses.dataclass(frozen=True)
class Aside:
    """A video that could not be used.

    Attributes:
        split: of the dataset.
        id: of the video.
        label: name of its class.
        reason: what is wrong with it.
    """

    split: str
    id: str
    label: str
    reason: str


def write_aside(aside: Iterable[Aside], path: Path) -> None:
    """Write the list of the videos set aside, a header alone if there are none."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(field.name for field in dataclasses.fields(Aside))
        rows.writerows(dataclasses.astuple(video) for video in aside)


def read_aside(path: Path) -> list[Aside]:
    """Read what `write_aside` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Aside(**row) for row in csv.DictReader(file)]


def find_csv(folder: Path, split: str) -> Path | None:
    """Return a split's CSV file in a folder, None where there is none.

    Without a file of the split's own name, one is taken that has it as a word, such as
    `k400_train.csv`. Some of Kinetics-600's end in `.txt`.

    Raises:
        ValueError: naming the files, when there are several such.
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
                f" call the one that is meant {SPLITS[split][0]}.csv"
            )
        if found:
            return found[0]
    return None


def _lists(folder: Path, ending: str) -> list[Path]:
    """Return a folder's files of an ending, but for hidden ones, by name."""
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() == ending and path.name[0] != "." and path.is_file()
    )


def _split_of(path: Path) -> str | None:
    """Return the only split that a list's name has as a word, None without one.

    Of `.txt` files, which may be anything, it is the last word.
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


def labelled(csvs: Mapping[str, Path]) -> dict[str, Path]:
    """Leave out a list of test videos without labels, with a warning.

    Kinetics-600 and -700 are given with such a list. No accuracy is reported on it.

    Raises:
        ValueError: naming the file, when it is no CSV.
    """
    left = {}
    for split, path in csvs.items():
        rows = [fields for fields, _ in _rows(path)] if split == "test" else []
        if rows and all("youtube_id" in row and not row.get("label") for row in rows):
            warnings.warn(
                f"{path}: has no labels, so the split test is left out", stacklevel=2
            )
        else:
            left[split] = path
    return left


def read(path: Path, classes: Sequence[str] | None = None) -> list[Video]:
    """Read a split's CSV file.

    Args:
        path: of the file.
        classes: names of the classes allowed; None for any.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file and line of a malformed header or line, an unknown
            label or a video that another line gives another label.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such CSV file")
    known = None if classes is None else frozenset(classes)
    videos = {}
    for fields, line in _rows(path, COLUMNS):
        where = f"{path}, line {line}"
        video = _video(fields, where)
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


def _rows(
    path: Path, columns: Iterable[str] = ()
) -> Iterator[tuple[dict[str, str], int]]:
    """Yield a CSV file's lines by column, without the blanks around each field.

    Args:
        path: of the file.
        columns: that it must have.

    Yields:
        The fields of each line that is not blank, and its number.

    Raises:
        ValueError: naming file and line, when it is no CSV of these columns.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        # A blank after a comma would make the quotes of a field a part of it.
        rows = csv.reader(file, skipinitialspace=True)
        try:
            header = [name.strip(BLANKS).lower() for name in next(rows, [])]
            if not set(columns) <= set(header):
                raise ValueError(
                    f"{path}, line 1: the header is {','.join(header)!r},"
                    f" expected the columns {','.join(columns)}"
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
    empty = [name for name in COLUMNS if not fields[name]]
    if empty:
        raise ValueError(f"{where}: {', '.join(empty)} is empty")
    for name in ("label", "youtube_id"):
        # The names are kept one a line, without what surrounds them.
        if fields[name] != fields[name].strip() or not _is_line(fields[name]):
            raise ValueError(
                f"{where}: {name} is {fields[name]!r}, expected one line that neither"
                " begins nor ends with a blank"
            )
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


def _is_line(text: str) -> bool:
    """Return whether a text has neither control characters nor ends of lines."""
    return not any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in text)


def locate(videos: Iterable[Video], folder: Path, split: str) -> list[Video]:
    """Look for the files of a split's videos in a tree of folders.

    A file is a video's if its name without the ending is the video's id, the id with
    plain numbers (`<youtube_id>_3_13`) or, where the split takes only one stretch of
    that source, the `youtube_id` alone. What downloaders add is no part of the name: a
    second ending (`.mp4.mkv`) or a format's number (`.f137.mp4`). Folders may be named
    and nested in any way. Of several files the one is taken that lies in a folder of
    replacements (CVDF's, for corrupt files of Kinetics-400), in one of the split and in
    one of the class (punctuation and spaces do not matter), and of those the one to
    whose name least is added, the largest of several formats, and the first by name.

    Args:
        videos: of the split.
        folder: to search, with all below it.
        split: name of the split.

    Returns:
        The videos with their paths, or why there is none: files with other endings,
        such as `.part`, are named.
    """
    videos = list(videos)
    files, others = _files(folder)
    sources = {}
    for video in videos:
        source = _source(video)
        sources[source] = sources.get(source, 0) + 1
    return [
        _found(video, _pick(video, folder, split, files, sources), others, sources)
        for video in videos
    ]


def _found(video: Video, path: Path | None, others, sources) -> Video:
    left = [name for own in _names(video, sources) for name in others.get(own, ())]
    if path or not left:
        return dataclasses.replace(video, path=path)
    reason = f"there is only {', '.join(left[:3])}, whose ending is no video's"
    return dataclasses.replace(video, absent=reason)


def _source(video: Video) -> str:
    return video.id.rsplit("_", 2)[0]


def walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield every folder of a tree with the names of its files, in order.

    Links to folders are followed, once where they lead up again.
    """
    seen = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield place, sorted(names)


def _files(folder: Path) -> tuple[dict[str, list[Path]], dict[str, list[str]]]:
    """Return the video files of a tree, and the names of others, by video's name.

    The name is without the ending and, in a second entry, without what a downloader has
    added.
    """
    files, others = {}, {}
    for place, names in walk(folder):
        for name in names:
            stem, ending = os.path.splitext(name)
            if name.startswith("."):
                continue
            # yt-dlp works on such a file, and gives it another name when it is whole.
            if ending.lower() in ENDINGS and not stem.endswith(".temp"):
                for key in {stem, _bare(stem)}:
                    files.setdefault(key, []).append(Path(place, name))
            else:
                while stem:
                    others.setdefault(stem, []).append(name)
                    stem = stem.rpartition(".")[0]
    return files, others


def _bare(stem: str) -> str:
    """Return a name without the endings and the format that downloaders add."""
    while True:
        shorter, ending = os.path.splitext(stem)
        if ending.lower() not in ENDINGS and not FORMAT.fullmatch(ending):
            return stem
        stem = shorter


def _names(video: Video, sources: Mapping[str, int]) -> list[str]:
    """Return the names that a video's file may have, without what is added."""
    source, start, end = video.id.rsplit("_", 2)
    names = [video.id, f"{source}_{int(start)}_{int(end)}"]
    return [*names, source] if sources[source] == 1 else names


def _pick(video, folder, split, files, sources) -> Path | None:
    # A link may lead nowhere, and a pipe has a name, too.
    names = _names(video, sources)
    there = (list(filter(os.path.isfile, files.get(name, ()))) for name in names)
    found = next(filter(None, there), ())
    wanted = {plain(name) for name in SPLITS[split]}

    def misfit(path: Path) -> tuple[bool | int, ...]:
        above = [plain(part) for part in path.relative_to(folder).parent.parts]
        replaces = any(part.startswith("replacement") for part in above)
        in_split = any(name in part.split("_") for part in above for name in wanted)
        added = path.stem.removeprefix(_bare(path.stem))
        part = bool(FORMAT.search(added))
        # Pictures take more bytes than sound.
        size = path.stat().st_size if part else 0
        fits = (replaces, in_split, plain(video.label) in above)
        return *(not fit for fit in fits), part, added.count("."), -size

    return min(found, key=misfit, default=None)


def plain(name: str) -> str:
    """Return a name in small letters, with runs of anything else as underscores."""
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")
