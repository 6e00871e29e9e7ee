"""Checks of a prepared dataset against its CSV files: counts, gaps, broken records."""

import collections
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from r3d_rs.data import records
from r3d_rs.data.datasets import Dataset, ids_sha256
from r3d_rs.progress import bar
from r3d_rs.videos import clip, finding, listing
from r3d_rs.videos.listing import Aside


@dataclasses.dataclass(frozen=True)
class Report:
    """What a split of a dataset holds, beside what its CSV file lists.

    Attributes:
        split: its name.
        listed: videos of each class in the CSV file; None without such a file.
        stored: videos of each class in the records.
        missing: videos that are listed and not stored, with the reason.
        surplus: ids that are stored and not listed, or stored under another class.
        broken: what is wrong with records, each naming its file and number.
        sha256: of the sorted ids of the videos stored, one a line.
    """

    split: str
    listed: collections.Counter | None
    stored: collections.Counter
    missing: tuple[Aside, ...]
    surplus: tuple[str, ...]
    broken: tuple[str, ...]
    sha256: str

    @property
    def short(self) -> dict[str, tuple[int, int]]:
        """Videos listed and stored of every class that lacks some."""
        listed = self.listed or {}
        return {
            label: (count, self.stored[label])
            for label, count in sorted(listed.items())
            if self.stored[label] < count
        }


def check_split(
    dataset: Dataset, split: str, annotations: Path | None, progress: bool = True
) -> Report:
    """Read every record of a split, and compare them with its CSV file.

    A record is broken if its checksum does not fit, if its video has been before, or if
    one of its frames does not begin and end as a JPEG.

    Args:
        dataset: a prepared dataset.
        split: to read.
        annotations: folder of the CSV files, which need not be there.
        progress: show a bar.
    """
    found, broken = {}, []
    shown = bar(
        total=dataset.num_videos(split),
        desc=f"Checking {dataset.name}: {split}",
        unit="video",
        disable=not progress,
    )
    with shown:
        for place, video in _videos(dataset, split, broken):
            ident = video["id"].numpy().decode()
            if ident in found:
                broken.append(f"{place}: video {ident} has been before")
            if not all(map(clip.is_whole_jpeg, video["frames"].numpy())):
                broken.append(f"{place}: video {ident} has a frame that is no JPEG")
            found[ident] = dataset.classes[int(video["label"])]
            shown.update()
    path = None if annotations is None else listing.find_csv(annotations, split)
    listed = None if path is None else listing.read(path, dataset.classes)
    return Report(
        split,
        None if listed is None else collections.Counter(v.label for v in listed),
        collections.Counter(found.values()),
        _missing(dataset, split, listed or (), found),
        () if listed is None else _surplus(listed, found),
        tuple(broken),
        ids_sha256(found),
    )


def check_folder(videos: Path, annotations: Path) -> dict[str, tuple[int, list[str]]]:
    """Look for the files of every listed video, without opening them.

    Returns:
        For each split that has a CSV file, how many videos it lists and the ids of
        those that have no file, with the names of files that are none of videos.

    Raises:
        FileNotFoundError: when there is no CSV file.
    """
    found = {}
    for split, listed in listing.read_folder(annotations).items():
        rows = finding.locate(listed, videos, split)
        absent = [_without_file(video) for video in rows if video.path is None]
        found[split] = len(rows), absent
    if not found:
        raise FileNotFoundError(f"{annotations}: there is no CSV file of any split")
    return found


def _without_file(video: listing.Video) -> str:
    known = video.absent == listing.Video.absent
    return video.id if known else f"{video.id}: {video.absent}"


def _videos(dataset: Dataset, split: str, broken: list[str]) -> Iterator:
    """Yield the place and features of every record that can be read."""
    for path in dataset.split(split).files:
        try:
            yield from records.examples(
                path, lambda record, place: (place, dataset.parse(record, place))
            )
        except ValueError as error:
            broken.append(str(error))


def _missing(dataset, split, listed, found) -> tuple[Aside, ...]:
    reasons = {video.id: video for video in dataset.aside if video.split == split}
    return tuple(
        reasons.get(video.id, Aside(split, video.id, video.label, "not stored"))
        for video in listed
        if video.id not in found
    )


def _surplus(listed, found) -> tuple[str, ...]:
    labels = {video.id: video.label for video in listed}
    return tuple(name for name in sorted(found) if labels.get(name) != found[name])
