"""TFDS builder for videos kept as Kinetics keeps them: files in folders, and CSVs."""

import collections
import csv
import dataclasses
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds
from etils import epath

# Not in `tfds.core` before 4.9.10, which Colab may have.
from tensorflow_datasets.core.dataset_builder import ShardBasedBuilder

from r3d_rs.data import clip, listing, shards

#: Where a prepared dataset lists the videos that it had to leave out.
ASIDE_FILE = "set_aside.csv"
#: Where it keeps the CSV files that it was made by.
ANNOTATIONS = "annotations"


class Kinetics(ShardBasedBuilder):
    """Videos as frames in JPEG, with a label each.

    The classes are the labels of the training split in alphabetical order, which is
    Kinetics' own order of classes. Videos that are missing or do not decode are set
    aside and listed in `set_aside.csv` with the reason.

    On one machine videos are decoded on several processes, and a preparation that was
    stopped goes on where it was. With a Beam runner in TFDS's `DownloadConfig` the same
    shards are written by Beam's workers.

    Args:
        videos: folder of the videos, in any layout that `listing.locate` reads.
        annotations: folder of the CSV files, by default the videos'.
        partial: folder for shards until all are there.
        short_side: pixels that the shorter side of a stored frame has; None for the
            video's own.
        max_aside: share of a split's videos that may be set aside.
        max_classes: how many there may be; None for any number.
        workers: processes to decode in; all processors by default.
        progress: show a progress bar for each split.
        **options: of every TFDS builder, such as `data_dir`.
    """

    VERSION = tfds.core.Version("1.1.0")

    def __init__(
        self,
        *,
        videos: Path,
        partial: Path,
        annotations: Path | None = None,
        short_side: int | None = None,
        max_aside: float = 0.0,
        max_classes: int | None = None,
        workers: int | None = None,
        progress: bool = True,
        **options,
    ):
        """Keep the arguments; see the class."""
        self._videos = Path(videos)
        self._annotations = Path(annotations or videos)
        self._partial = Path(partial)
        self._short_side = short_side
        self._max_aside = max_aside
        self._max_classes = max_classes
        self._workers = workers
        self._progress = progress
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        csvs = listing.find_csvs(self._annotations)
        path = csvs.get("train", self._annotations / "train.csv")
        counts = collections.Counter(video.label for video in listing.read(path))
        classes = sorted(counts)
        if not classes:
            raise ValueError(f"{path}: lists no videos")
        if self._max_classes is not None and len(classes) > self._max_classes:
            rare = ", ".join(repr(label) for label, _ in counts.most_common()[:-4:-1])
            raise ValueError(
                f"{path}: found {len(classes)} classes, expected {self._max_classes};"
                f" those with the fewest videos are {rare}"
            )
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=classes),
                    "frames": tfds.features.Sequence(image),
                    "fps": tfds.features.Scalar(tf.float32),
                }
            ),
        )

    def _shards(self) -> dict[str, list[shards.Shard]]:
        """Return every split's shards.

        All CSV files are read, and all files looked for, before the first video is
        decoded, so that a mistake in the last of them is not found hours later.

        Raises:
            TooManyAsideError: when too many files of a split are not there.
        """
        classes = self.info.features["label"].names
        videos = {
            split: listing.read(path, classes)
            for split, path in listing.find_csvs(self._annotations).items()
        }
        parts = {
            split: shards.cut(
                listing.locate(rows, self._videos, split), split, self._short_side
            )
            for split, rows in videos.items()
            if rows
        }
        for split, own in parts.items():
            absent = shards.absent(own)
            shards.check(absent, len(videos[split]), split, self._max_aside)
        return parts

    def _download_and_prepare(self, dl_manager, download_config=None) -> None:
        kept = self.data_path / ANNOTATIONS
        kept.mkdir(parents=True, exist_ok=True)
        for split, path in listing.find_csvs(self._annotations).items():
            (kept / f"{split}.csv").write_bytes(path.read_bytes())
        if download_config is not None and download_config.beam_runner is not None:
            super()._download_and_prepare(dl_manager, download_config)
            self._check_beam()
            return
        written = {
            split: shards.write(
                parts,
                self._partial,
                self._serialize,
                max_aside=self._max_aside,
                workers=self._workers,
                progress=self._progress,
            )
            for split, parts in self._shards().items()
        }
        self.info.set_splits(
            tfds.core.splits.SplitDict(
                [self._adopt(split, parts) for split, parts in written.items()]
            )
        )
        aside = [
            video
            for parts in written.values()
            for part in parts
            for video in part.aside
        ]
        write_aside(aside, self.data_path / ASIDE_FILE)

    def _serialize(self, example: dict) -> bytes:
        """Return an example's bytes, the same in every process."""
        # TFDS leaves the order of the features to chance.
        serialized = self.info.features.serialize_example(example)
        return tf.train.Example.FromString(serialized).SerializeToString(
            deterministic=True
        )

    def _adopt(self, split: str, parts: Sequence[shards.Written]):
        """Link finished shards into the dataset and return the split's info."""
        template = self._get_filename_template(split)
        num_bytes = sum(part.path.stat().st_size for part in parts)
        for index, part in enumerate(parts):
            path = template.sharded_filepath(shard_index=index, num_shards=len(parts))
            _link(part.path, Path(path))
        return tfds.core.SplitInfo(
            name=split,
            shard_lengths=[part.num_videos for part in parts],
            num_bytes=num_bytes,
            filename_template=template,
        )

    def _shard_iterators_per_split(
        self, dl_manager
    ) -> dict[str, list[Callable[[], Iterator]]]:
        """Return the shards for Beam, which calls them on its workers."""
        notes = self.data_path / "aside"
        notes.mkdir(parents=True, exist_ok=True)
        return {
            split: [BeamShard(shard, notes) for shard in parts]
            for split, parts in self._shards().items()
        }

    def _check_beam(self) -> None:
        """Gather what Beam's workers set aside, and see that it is not too much."""
        notes = self.data_path / "aside"
        aside = [
            shards.Aside(*fields)
            for note in sorted(notes.glob("*.json"))
            for fields in json.loads(note.read_text())
        ]
        for split, info in self.info.splits.items():
            own = [video for video in aside if video.split == split]
            shards.check(own, info.num_examples + len(own), split, self._max_aside)
        write_aside(aside, self.data_path / ASIDE_FILE)
        notes.rmtree()


@dataclasses.dataclass(frozen=True)
class BeamShard:
    """A shard that a worker of Beam encodes by itself when it is called."""

    shard: shards.Shard
    notes: epath.Path

    def __call__(self) -> Iterator[tuple]:
        """Yield the examples, and then note what was set aside."""
        aside = []
        results = (
            clip.encoded(video.path, self.shard.short_side)
            for video in self.shard.videos
        )
        yield from self.shard.encode(results, aside)
        note = json.dumps([dataclasses.astuple(video) for video in aside])
        (self.notes / f"{self.shard.name}.json").write_text(note)


def write_aside(aside: Sequence[shards.Aside], path: epath.Path) -> None:
    """Write the list of the videos set aside, a header alone if there are none."""
    with path.open("w") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(field.name for field in dataclasses.fields(shards.Aside))
        rows.writerows(dataclasses.astuple(video) for video in aside)


def read_aside(path: epath.Path) -> list[shards.Aside]:
    """Read what `write_aside` wrote."""
    with path.open("r") as file:
        return [shards.Aside(**row) for row in csv.DictReader(file)]


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError:  # a file system without links
        os.replace(old, new)
