"""Kinetics' CSV files: which videos a split has, and what each shows."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

#: The columns of Kinetics' CSV files.
COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")


@dataclasses.dataclass(frozen=True)
class Video:
    """One line of a CSV file.

    Attributes:
        id: `<youtube_id>_<start>_<end>`, the name of its file without the ending.
        label: name of its class.
        path: of its file.
        line: number of the line, for messages.
    """

    id: str
    label: str
    path: Path
    line: int


def read(path: Path, classes: Sequence[str] | None = None) -> list[Video]:
    """Read a split's CSV file.

    The video of a line is looked for in `<split>/<label>/<id>.mp4` beside the CSV
    file, and then in `<split>/<id>.mp4`, the two layouts in which Kinetics is kept.

    Args:
        path: of `<split>.csv`.
        classes: names of the classes allowed; None for any.

    Raises:
        FileNotFoundError: naming a CSV file or a video that is not there.
        ValueError: naming the file and line of a malformed header or line, an unknown
            label or a repeated video.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such CSV file")
    videos, lines = [], {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if tuple(header) != COLUMNS:
            raise ValueError(
                f"{path}, line 1: the header is {','.join(header)!r},"
                f" expected {','.join(COLUMNS)!r}"
            )
        for row in rows:
            if not row:
                continue
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(COLUMNS):
                raise ValueError(
                    f"{where}: found {len(row)} fields, expected {len(COLUMNS)}:"
                    f" {','.join(COLUMNS)}"
                )
            label, youtube_id, start, end, _ = row
            if not (start.isdecimal() and end.isdecimal()):
                raise ValueError(
                    f"{where}: time_start and time_end are {start!r} and {end!r},"
                    " expected whole seconds"
                )
            if not label or (classes is not None and label not in classes):
                known = "" if classes is None else f", such as {classes[0]!r}"
                raise ValueError(
                    f"{where}: unknown label {label!r}, expected a class of the"
                    f" training split{known}"
                )
            name = f"{youtube_id}_{int(start):06d}_{int(end):06d}"
            if name in lines:
                raise ValueError(
                    f"{where}: video {name} is already in line {lines[name]}"
                )
            lines[name] = rows.line_num
            folder = path.parent / path.stem
            places = (folder / label / f"{name}.mp4", folder / f"{name}.mp4")
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                raise FileNotFoundError(
                    f"{where}: the video is not there; looked for {places[0]}"
                    f" and {places[1]}"
                )
            videos.append(Video(name, label, found, rows.line_num))
    return videos
