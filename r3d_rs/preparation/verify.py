"""Check a prepared dataset against its CSV files: counts, gaps and broken records."""

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
    """Comparison of a split's records with its CSV file.

    Attributes:
        split: name of the split.
        listed: number of videos of each class in the CSV file; None without such a
            file.
        stored: number of videos of each class in the records.
        missing: videos that are listed but not stored, with the reason.
        surplus: ids that are stored but not listed, or stored under another class.
        broken: texts that name the file and number of a record and what is wrong.
        sha256: SHA-256 of the sorted ids of the stored videos, one per line.
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
        """Numbers of listed and stored videos, for every class that lacks some."""
        listed = self.listed or {}
        return {
            label: (count, self.stored[label])
            for label, count in sorted(listed.items())
            if self.stored[label] < count
        }


def check_split(
    dataset: Dataset, split: str, annotations: Path | None, progress: bool = True
) -> Report:
    """Read a split's records and compare them with its CSV file.

    A record is broken if its checksum is wrong, if its video occurs twice, or if a
    frame does not begin and end as a JPEG. After a record that cannot be read, the rest
    of its file is not read either, and those videos count as missing.

    Args:
        dataset: a prepared dataset.
        split: name of the split.
        annotations: folder of the CSV files; None or a folder without the split's file
            skips the comparison.
        progress: whether to show a progress bar.
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
                broken.append(f"{place}: video {ident} is there twice")
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
    """Look for the file of every listed video, without opening it.

    Returns:
        For each split that has a CSV file, the number of videos it lists and the ids of
        those without a file. A file of the right name that is no video is named, too.

    Raises:
        FileNotFoundError: if there is no CSV file.
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
    """Yield the place and features of each record, up to a file's first broken one."""
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
