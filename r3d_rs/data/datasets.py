"""Prepared datasets: loading one by name, its splits and its metadata."""

import dataclasses
import functools
import hashlib
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from r3d_rs.data import frame_index, layout, model_garden, records
from r3d_rs.data.names import DATASETS, Kind, Place, canonical_name, data_directory
from r3d_rs.files import check_folder
from r3d_rs.videos import listing


@dataclasses.dataclass(frozen=True)
class Split:
    """A part of a dataset.

    Attributes:
        files: paths of its TFRecord files.
        num_videos: number of videos in the files.
        index: file of its `frame_index.FrameIndex`.
    """

    files: tuple[str, ...]
    num_videos: int
    index: Path

    def num_bytes(self) -> int:
        """Return the total size of the files, in bytes."""
        return sum(Path(path).stat().st_size for path in self.files)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A prepared dataset.

    Attributes:
        name: one of `DATASETS`, or one of your own.
        classes: names of the classes; a video's label is an index into them.
        splits: splits by name: "train", and "validation" and "test" if it has them.
        parse: function of a record and its place (file and number). It returns the
            features `id`, `label`, `fps` (frames per second, 0 if unknown) and
            `frames`, still encoded as JPEG.
        kind: the dataset's fixed properties.
        aside: videos left out during preparation, with the reasons.
        annotations: folder of the CSV files that it was made from, None without any.
        repaired: videos with repeated frames, or with pictures that were broken or left
            out, with the counts.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    parse: Callable
    kind: Kind
    aside: tuple[listing.Aside, ...] = ()
    annotations: Path | None = None
    repaired: tuple[listing.Aside, ...] = ()

    @property
    def evaluated(self) -> str:
        """Name of the split on which accuracy is reported."""
        return self.kind.evaluated

    @property
    def may_flip(self) -> tuple[bool, ...]:
        """Whether the mirror image of each class shows the same class.

        Clips of other classes ("turn left") are never mirrored. Mirroring and
        relabelling them would give these classes views that the rest do not get.
        """
        return tuple(name not in self.kind.no_flip for name in self.classes)

    def num_videos(self, split: str) -> int:
        """Return the number of videos in a split, 0 if the dataset lacks the split.

        Raises:
            ValueError: for a name that is not one of `listing.SPLITS`.
        """
        if split not in listing.SPLITS:
            raise ValueError(
                f"parameter split: received {split!r}, allowed are"
                f" {', '.join(listing.SPLITS)}"
            )
        return self.splits[split].num_videos if split in self.splits else 0

    def split(self, name: str) -> Split:
        """Return a split that is not empty.

        Raises:
            ValueError: if it is empty or missing.
        """
        if not self.num_videos(name):
            raise ValueError(f"{self.name} has no videos in its split {name!r}")
        return self.splits[name]

    def frames(self, split: str) -> frame_index.FrameIndex:
        """Return the frame index of a split.

        Raises:
            ValueError: as in `frame_index.load`, or if the split is empty.
        """
        return frame_index.load(self.split(split), self.parse)

    def check_reported(self, name: str) -> None:
        """Check that accuracy on a split can be reported, before a run starts.

        Raises:
            ValueError: if the split has no videos, or several with the same id.
        """
        ids = self.frames(name).ids.tolist()
        twice = [ident for ident, number in Counter(ids).items() if number > 1]
        if twice:
            raise ValueError(
                f"{self.name}, split {name!r}: has {len(twice)} ids more than once,"
                f" {twice[0]!r} among them; allowed are videos with unique ids"
            )


def is_prepared(name: str, data_dir: str | Path | None = None) -> bool:
    """Return whether a dataset can be loaded."""
    place = Place(canonical_name(name, data_dir), data_directory(data_dir))
    return place.is_prepared()


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load a prepared dataset.

    Raises:
        ValueError: for an unknown name, or naming a file that is damaged.
        FileNotFoundError: if it has not been prepared. The message says how to.
    """
    place = Place(canonical_name(name, data_dir), data_directory(data_dir))
    if place.folder.exists():
        return _load_own(place)
    if place.garden.exists():
        classes, files = model_garden.read_index(place.garden)
        splits = {
            split: Split(
                tuple(counts),
                sum(counts.values()),
                model_garden.frames_file(place.garden, split),
            )
            for split, counts in files.items()
        }
        return Dataset(place.name, classes, splits, model_garden.parse, place.kind)
    raise FileNotFoundError(
        f"dataset {place.name} is not prepared: looked for {place.folder}; prepare it"
        f" by `{preparing(place.name, data_dir)}`"
    )


def preparing(dataset: str, data_dir: str | Path | None = None) -> str:
    """Return the shell command that prepares a dataset."""
    own = "" if dataset in DATASETS else " --videos FOLDER"
    where = f" --data-dir {shlex.quote(str(data_dir))}" if data_dir else ""
    return f"r3d-rs data prepare {dataset}{own}{where}"


def _load_own(place: Place) -> Dataset:
    """Load a dataset that was prepared here or by TensorFlow Datasets."""
    folder, kind = place.folder, place.kind
    check_folder(folder)
    classes, found = layout.read(folder)
    splits = {
        split: Split(files, count, folder / layout.FRAMES.format(split=split))
        for split, (files, count) in found.items()
    }
    annotations = folder / layout.ANNOTATIONS
    frames = "video" if kind.source == "download" else "frames"
    return Dataset(
        place.name,
        classes,
        splits,
        functools.partial(records.parse, frames=frames),
        kind,
        listing.read_aside(folder / layout.ASIDE),
        annotations if annotations.exists() else None,
        listing.read_aside(folder / layout.REPAIRED),
    )


def ids_sha256(ids: Iterable[str]) -> str:
    """Return the SHA-256 of the sorted ids, one per line."""
    lines = "".join(f"{name}\n" for name in sorted(ids))
    return hashlib.sha256(lines.encode()).hexdigest()
