"""The files of listed videos, in any folders and under the names that people have."""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from r3d_rs.videos.listing import SPLITS, Video, plain

#: Endings of video files.
ENDINGS = frozenset(
    {".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".3g2", ".3gp", ".asf", ".divx"}
    | {".f4v", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".qt", ".rm"}
    | {".rmvb", ".ts", ".vob", ".wmv"}
)
#: What youtube-dl and yt-dlp put before the ending of one format of several.
FORMAT = re.compile(r"\.f[\w-]+$")


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
    """Yield the video files in a tree of folders, by name, but for hidden ones."""
    for place, names in walk(folder):
        for name in names:
            path = Path(place, name)
            hidden = any(part[0] == "." for part in path.relative_to(folder).parts)
            if not hidden and is_video(name) and path.is_file():
                yield path


def is_video(name: str) -> bool:
    """Tell by its name whether a file is a whole video."""
    stem, ending = os.path.splitext(name)
    # yt-dlp works on a file .temp, and gives it another name when it is whole.
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


def _pick(video: Video, folder: Path, split: str, names, files) -> Path | None:
    # A link may lead nowhere, and a pipe has a name, too.
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
