"""Clips that lie in two splits, or in a training set and in another's evaluated split.

Accuracy on such clips is that of what was trained on. A clip is the same where it is of
the same video and their seconds overlap, by the ids, or where all frames as they are
stored are the same, bytes for bytes.
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

#: Ids that name a record's place in its file, and no video.
PLACE = re.compile(r".+__\d+")
#: The id of a clip: that of the video, and the seconds where it starts and ends.
STRETCH = re.compile(r"(.+)_(\d+)_(\d+)")
#: MediaSequence's has the start alone. YouTube's ids, which may look like either, have
#: eleven characters.
START = re.compile(r"(.{11})_(\d+)")
#: Clips of Kinetics have so many seconds.
SECONDS = 10


@dataclass(frozen=True)
class Overlap:
    """Clips of one split that are in another, too.

    Attributes:
        one: the split that is looked through, with its dataset's name if it differs.
        other: the one that has the same clips.
        ids: in each of them, a pair for every clip of `one` that is in `other`.
        within: both are of one dataset.
    """

    one: str
    other: str
    ids: tuple[tuple[str, str], ...]
    within: bool

    def __str__(self) -> str:
        """Say how many there are, and name some."""
        some = ", ".join(a if a == b else f"{a} ({b})" for a, b in self.ids[:3])
        more = ", …" if len(self.ids) > 3 else ""
        return f"{len(self.ids)} clips of {self.one} are in {self.other}: {some}{more}"


def of_ids(one: Iterable[str], other: Iterable[str]) -> dict[str, str]:
    """Return for each clip that is in another list, by its id, one that it is there.

    An id without seconds is that of a whole video.
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
    """Return a clip's video and seconds, None where its id is its record's place."""
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
    """Return for each clip whose frames are also another's, one that has them."""
    known = dict(zip(_contents(other), other.ids.tolist(), strict=True))
    pairs = zip(_contents(one), one.ids.tolist(), strict=True)
    return {ident: known[content] for content, ident in pairs if content in known}


def _contents(index: frame_index.FrameIndex) -> list[bytes]:
    """Return a hash of the frames of each clip."""
    frames = np.stack([index.size, index.hash], 1)
    bounds = zip(index.row[:-1].tolist(), index.row[1:].tolist(), strict=True)
    return [hashlib.sha256(frames[a:b].tobytes()).digest() for a, b in bounds]


def find(dataset: datasets.Dataset, directory: Path) -> list[Overlap]:
    """Look for clips of a dataset's splits in each other and in other datasets.

    Of the other datasets in the data directory those splits are compared that a network
    could be trained on before it is evaluated here, or here before it is there.

    Args:
        dataset: prepared.
        directory: of the datasets.
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
        # One pair where both have training videos alone.
        pairs = dict.fromkeys(
            [(dataset.evaluated, "train"), ("train", other.evaluated)]
        )
        for split, against in pairs:
            if split in own and against in theirs:
                found.append(_overlap(own, split, theirs, against, name))
    return [overlap for overlap in found if overlap.ids]


def of_lists(annotations: Path) -> list[Overlap]:
    """Look for clips in two of the CSV files of a folder, before they are prepared."""
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
    if name:  # a path is below the other's own folder, and says nothing about this one
        known = [ident for ident in known if not finding.is_video(ident)]
    pairs = of_frames(one, other) | of_ids(one.ids.tolist(), known)
    where = f"{name}'s {against}" if name else against
    return Overlap(split, where, tuple(sorted(pairs.items())), not name)
