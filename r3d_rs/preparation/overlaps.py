"""Find clips that are in two splits, of one dataset or of two.

Accuracy on such clips is too high if a network was trained on them. Two clips are the
same if their ids name the same video and overlapping seconds. They are also the same if
all their stored frames agree in size and hash.
"""

import hashlib
import itertools
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from r3d_rs.data import datasets, frame_index
from r3d_rs.data.names import DATASETS, own_names
from r3d_rs.videos import finding, listing

#: An id that names a record's place in its file instead of a video.
PLACE = re.compile(r".+__\d+")
#: A clip's id: the video's id, and the seconds at which the clip starts and ends.
STRETCH = re.compile(r"(.+)_(\d+)_(\d+)")
#: A clip's id in MediaSequence, which has only the start. A bare YouTube id may look
#: like either; it has eleven characters.
START = re.compile(r"(.{11})_(\d+)")
#: Length of Kinetics' clips, in seconds.
SECONDS = 10


@dataclass(frozen=True)
class Overlap:
    """Clips of one split that are also in another.

    Attributes:
        one: name of the split that is searched.
        other: name of the split that has the same clips, with its dataset if it is
            another one.
        ids: for every clip of `one` that is in `other`, its ids in both.
        within: whether both splits belong to the same dataset.
    """

    one: str
    other: str
    ids: tuple[tuple[str, str], ...]
    within: bool

    def __str__(self) -> str:
        """Return a text that counts the clips and names the first three."""
        some = ", ".join(a if a == b else f"{a} ({b})" for a, b in self.ids[:3])
        more = ", …" if len(self.ids) > 3 else ""
        return f"{len(self.ids)} clips of {self.one} are in {self.other}: {some}{more}"


def of_ids(one: Iterable[str], other: Iterable[str]) -> dict[str, str]:
    """Map the id of each clip that is also in another list to an id in that list.

    An id without seconds stands for a whole video.
    """
    stretches = {}
    for ident in other:
        if stretch := _stretch(ident):
            video, start, end = stretch
            stretches.setdefault(video, []).append((start, end, ident))
    found = {}
    for ident in one:
        if stretch := _stretch(ident):
            video, start, end = stretch
            for begin, stop, twin in stretches.get(video, ()):
                if ident == twin or (start < stop and begin < end):
                    found.setdefault(ident, twin)
    return found


def _stretch(ident: str) -> tuple[str, float, float] | None:
    """Return a clip's video, start and end in seconds; None if its id is a place."""
    if PLACE.fullmatch(ident):
        return None
    if found := START.fullmatch(ident):
        return found[1], float(found[2]), float(found[2]) + SECONDS
    if len(ident) != 11 and (found := STRETCH.fullmatch(ident)):
        return found[1], float(found[2]), float(found[3])
    return ident, 0.0, float("inf")


def of_frames(
    one: frame_index.FrameIndex, other: frame_index.FrameIndex
) -> dict[str, str]:
    """Map the id of each clip to the id of a clip in `other` with the same frames."""
    known = dict(zip(_contents(other), other.ids.tolist(), strict=True))
    pairs = zip(_contents(one), one.ids.tolist(), strict=True)
    return {ident: known[content] for content, ident in pairs if content in known}


def _contents(index: frame_index.FrameIndex) -> list[bytes]:
    """Return one hash for each clip, of the sizes and hashes of its frames."""
    frames = np.stack([index.size, index.hash], 1)
    bounds = zip(index.row[:-1].tolist(), index.row[1:].tolist(), strict=True)
    return [hashlib.sha256(frames[a:b].tobytes()).digest() for a, b in bounds]


def find(dataset: datasets.Dataset, directory: Path) -> list[Overlap]:
    """Find clips that a dataset's splits share with each other or with other datasets.

    A network may be trained on one dataset and evaluated on another. So the evaluated
    split of each is compared with the training split of the other.

    Args:
        dataset: a prepared dataset.
        directory: the data directory, whose other prepared datasets are compared.

    Returns:
        The overlaps that have clips.
    """
    own = {split: dataset.frames(split) for split in dataset.splits}
    pairs = itertools.combinations(own, 2)
    found = [_overlap(own, later, own, first, "") for first, later in pairs]
    for name in [*DATASETS, *own_names(directory)]:
        if name == dataset.name or not datasets.is_prepared(name, directory):
            continue
        try:
            other = datasets.load(name, directory)
            splits = {other.evaluated, "train"} & set(other.splits)
            theirs = {split: other.frames(split) for split in splits}
        except (OSError, ValueError) as error:
            warnings.warn(f"{name} is not compared: {error}", stacklevel=2)
            continue
        # Both pairs are the same if both datasets evaluate on their training split.
        pairs = dict.fromkeys(
            [(dataset.evaluated, "train"), ("train", other.evaluated)]
        )
        for split, against in pairs:
            if split in own and against in theirs:
                found.append(_overlap(own, split, theirs, against, name))
    return [overlap for overlap in found if overlap.ids]


def of_lists(annotations: Path) -> list[Overlap]:
    """Find clips that are in two CSV files of a folder, before preparation."""
    labels = listing.labels(annotations)
    rows = {split: list(videos) for split, videos in labels.items()}
    pairs = itertools.combinations(rows, 2)
    found = [
        Overlap(later, first, tuple(of_ids(rows[later], rows[first]).items()), True)
        for first, later in pairs
    ]
    return [overlap for overlap in found if overlap.ids]


def _overlap(own: Mapping, split: str, theirs: Mapping, against: str, name: str):
    one, other = own[split], theirs[against]
    known = other.ids.tolist()
    if name:  # equal paths in the folders of two datasets may be different videos
        known = [ident for ident in known if not finding.is_video(ident)]
    pairs = of_frames(one, other) | of_ids(one.ids.tolist(), known)
    where = f"{name}'s {against}" if name else against
    return Overlap(split, where, tuple(sorted(pairs.items())), not name)
