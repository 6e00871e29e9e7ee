"""TFDS builder for videos kept as Kinetics keeps them: files in folders, and CSVs."""

import collections
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tensorflow as tf
import tensorflow_datasets as tfds
from tqdm import tqdm

from r3d_rs.data import listing
from r3d_rs.data.clip import frame_rate, read_video

#: TFDS's names of the splits, and Kinetics'.
SPLITS = {"train": "train", "validation": "validate", "test": "test"}

#: Of the frames as they are stored.
JPEG_QUALITY = 95


class Kinetics(tfds.core.GeneratorBasedBuilder):
    """Videos as frames in JPEG, with a label each.

    The classes are the labels of the training split in alphabetical order, which is
    Kinetics' own order of classes.

    Args:
        videos: folder that has `train.csv`, and `validate.csv` and `test.csv` if there
            are such splits, and the videos in folders of the same names.
        short_side: pixels that the shorter side of a stored frame has; None for the
            video's own.
        progress: show a progress bar for each split.
        **options: of every TFDS builder, such as `data_dir`.
    """

    VERSION = tfds.core.Version("1.0.0")

    # TFDS looks for checksums beside the builder's code, by a package that it does not
    # install. There are none: nothing is downloaded.
    code_path = None

    def __init__(
        self,
        *,
        videos: Path,
        short_side: int | None = None,
        progress: bool = True,
        **options,
    ):
        """Keep the arguments; see the class."""
        self._videos = Path(videos)
        self._short_side = short_side
        self._progress = progress
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        train = listing.read(self._videos / "train.csv")
        classes = sorted({video.label for video in train})
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(names=classes),
                    "frames": tfds.features.Sequence(
                        tfds.features.Image(
                            shape=(None, None, 3), encoding_format="jpeg"
                        )
                    ),
                    "fps": tfds.features.Scalar(tf.float32),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        classes = self.info.features["label"].names
        # All CSV files are read before the first video is decoded, so that a mistake
        # in the last of them is not found an hour later.
        videos = {
            split: listing.read(self._videos / f"{name}.csv", classes)
            for split, name in SPLITS.items()
            if split == "train" or (self._videos / f"{name}.csv").exists()
        }
        return {
            split: self._generate_examples(split, videos[split]) for split in videos
        }

    def _generate_examples(self, split: str, videos: list[listing.Video]):
        bar = tqdm(
            total=len(videos),
            desc=f"Reading videos: {split}",
            unit="video",
            disable=not self._progress,
        )
        with bar:
            for video, example in zip(
                videos, _ordered_map(self._example, videos), strict=True
            ):
                yield video.id, example
                bar.update()

    def _example(self, video: listing.Video) -> dict:
        frames = read_video(video.path, self._short_side)
        return {
            "id": video.id,
            "label": video.label,
            "frames": [encode_jpeg(frame) for frame in frames],
            "fps": frame_rate(video.path),
        }


def encode_jpeg(frame) -> bytes:
    """Encode a uint8 frame `(height, width, 3)`."""
    return tf.io.encode_jpeg(frame, format="rgb", quality=JPEG_QUALITY).numpy()


def _ordered_map(function: Callable, items: Iterable) -> Iterator:
    """Map on threads, a few items ahead of the consumer, in the items' order.

    FFmpeg and the JPEG encoder let other threads run, so threads keep every core busy.
    """
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting = collections.deque()
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
