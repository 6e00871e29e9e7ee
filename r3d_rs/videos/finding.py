"""Search for the files of listed videos, in common folder layouts and file names."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from r3d_rs.videos.listing import SPLITS, Video, plain

#: Suffixes of video files.
ENDINGS = frozenset(
    {".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".3g2", ".3gp", ".asf", ".divx"}
    | {".f4v", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".qt", ".rm"}
    | {".rmvb", ".ts", ".vob", ".wmv"}
)
#: The format's number, which youtube-dl and yt-dlp put before the suffix if a video has
#: several formats.
FORMAT = re.compile(r"\.f[\w-]+$")


def locate(videos: Iterable[Video], folder: Path, split: str) -> list[Video]:
    """Search a tree of folders for the files of a split's videos.

    Folders may be named and nested in any way. A file belongs to a video if its name
    without the suffix is one of these, in order of preference:

    - the video's id,
    - the id without leading zeros (`<youtube_id>_3_13`),
    - the `youtube_id` alone, if the split has only one clip of that source.

    Additions by downloaders are ignored: a second suffix (`.mp4.mkv`) or a format's
    number (`.f137.mp4`). If several files match, the first of these rules that tells
    them apart decides:

    1. a file in a folder of replacements (CVDF's, for corrupt files of Kinetics-400),
    2. in a folder of the split,
    3. in a folder of the class, ignoring case, punctuation and spaces,
    4. without a format's number,
    5. with the fewest additions to its name,
    6. the largest of several formats,
    7. the first by name.

    If every video has a path in its list, these paths are used instead.

    Args:
        videos: the split's videos.
        folder: root of the tree.
        split: name of the split.

    Returns:
        The videos with their paths. A video without a file has the reason, which names
        files with other suffixes, such as `.part`.
    """
    videos = list(videos)
    if all(video.file for video in videos):
        paths = [folder / video.file for video in videos]
        return [
            dataclasses.replace(video, path=path if path.is_file() else None)
            for video, path in zip(videos, paths, strict=True)
        ]
    files, others = _files(folder)
    sources = Counter(map(_source, videos))
    found = []
    for video in videos:
        names = _names(video, sources)
        path = _pick(video, folder, split, names, files)
        absent = video.absent if path else _why_absent(video, names, files, others)
        found.append(dataclasses.replace(video, path=path, absent=absent))
    return found


def video_files(folder: Path) -> Iterator[Path]:
    """Yield the video files in a tree of folders, sorted, without hidden ones."""
    for place, names in walk(folder):
        for name in names:
            path = Path(place, name)
            hidden = any(part[0] == "." for part in path.relative_to(folder).parts)
            if not hidden and is_video(name) and path.is_file():
                yield path


def is_video(name: str) -> bool:
    """Return whether a file's name is the name of a complete video."""
    stem, ending = os.path.splitext(name)
    # yt-dlp writes to a file .temp and renames it when it is complete.
    return ending.lower() in ENDINGS and not stem.endswith(".temp")


def _why_absent(video: Video, names, files, others) -> str:
    left = [name for own in names for name in others.get(own, ())]
    if left:
        return f"there is only {', '.join(left[:3])}, whose ending is no video's"
    nowhere = [file.name for own in names for file in files.get(own, ())]
    if nowhere:
        return f"{nowhere[0]} is no file, or only a link that leads nowhere"
    return video.absent


def _source(video: Video) -> str:
    return video.id.rsplit("_", 2)[0]


def walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield every folder of a tree with the names of its files, in order.

    Links to folders are followed. A folder that is reached twice is visited once.
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
    """Return a tree's video files and the names of its other files, both by stem.

    A file with additions to its name is entered under the shorter names, too.
    """
    files, others = {}, {}
    for place, names in walk(folder):
        for name in names:
            stem = os.path.splitext(name)[0]
            if name.startswith("."):
                continue
            if is_video(name):
                for key in {stem, _bare(stem)}:
                    files.setdefault(key, []).append(Path(place, name))
            else:
                while stem:
                    others.setdefault(stem, []).append(name)
                    stem = stem.rpartition(".")[0]
    return files, others


def _bare(stem: str) -> str:
    """Return a name without the suffixes and the format that downloaders add."""
    while True:
        shorter, ending = os.path.splitext(stem)
        if ending.lower() not in ENDINGS and not FORMAT.fullmatch(ending):
            return stem
        stem = shorter


def _names(video: Video, sources: Mapping[str, int]) -> list[str]:
    """Return the names that a video's file may have, without additions."""
    source, start, end = video.id.rsplit("_", 2)
    names = [video.id, f"{source}_{int(start)}_{int(end)}"]
    return [*names, source] if sources[source] == 1 else names


def _pick(video: Video, folder: Path, split: str, names, files) -> Path | None:
    # Only regular files: names may also be broken links or pipes.
    there = (list(filter(os.path.isfile, files.get(name, ()))) for name in names)
    found = next(filter(None, there), ())
    wanted = {plain(name) for name in SPLITS[split]}

    def misfit(path: Path) -> tuple[bool | int, ...]:
        above = [plain(part) for part in path.relative_to(folder).parent.parts]
        replaces = any(part.startswith("replacement") for part in above)
        in_split = any(name in part.split("_") for part in above for name in wanted)
        added = path.stem.removeprefix(_bare(path.stem))
        part = bool(FORMAT.search(added))
        # Of several formats, the one with pictures is larger than the one with sound.
        size = path.stat().st_size if part else 0
        fits = (replaces, in_split, plain(video.label) in above)
        return *(not fit for fit in fits), part, added.count("."), -size

    return min(found, key=misfit, default=None)
