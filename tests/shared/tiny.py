"""Tiny videos and datasets for the tests."""

import contextlib
import csv
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import datasets
from r3d_rs.files import locked
from r3d_rs.models import resnet3d
from r3d_rs.preparation import preparation, shards

CLASSES = ("sit down", "turn left", "turn right")
HEADER = "label,youtube_id,time_start,time_end,split\n"
FRAMES = 20

#: Videos of the dataset that tests share, by split. Batches of four or eight leave
#: some over, and so do four devices.
VIDEOS = {"train": 10, "validate": 3, "test": 5}

#: What makes a recipe one of a tiny network on tiny clips.
SMALL = {
    "width": 0.125,
    "span": 4,
    "size": 16,
    "eval_size": 16,
    "batch_size": 4,
    "temporal_views": 2,
    "precision": "float32",
}


#: Blocks a stage of a network that is shallow.
BLOCKS = (1, 1, 2, 1)


@contextlib.contextmanager
def shallow(*blocks: int):
    """Give networks of 50 layers these blocks a stage: what compiles them takes less.

    For what depth has no part in. A process that is started has to do it itself.
    """
    full = resnet3d.DEPTHS[50]
    resnet3d.DEPTHS[50] = blocks or BLOCKS
    try:
        yield
    finally:
        resnet3d.DEPTHS[50] = full


def write_video(path, frames, rate=25, codec="libx264", pts=None, rotation=None):
    """Encode `(time, height, width, 3)` uint8, as H.264 nearly without loss.

    `pts` are the frames' times in milliseconds, `rotation` what the file states.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            stream.pix_fmt = "yuv444p"
            stream.options = {"crf": "1", "preset": "ultrafast"}
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if pts is not None:
                frame.pts, frame.time_base = pts[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def clock(frames=FRAMES, height=48, width=64):
    """Red tells the frame's number, green grows from left to right."""
    video = np.zeros((frames, height, width, 3), "uint8")
    video[..., 0] = 10 * np.arange(frames)[:, None, None]
    video[..., 1] = np.linspace(20, 220, width)
    return video


def write_videos(folder, counts):
    """Write videos and CSV files as Kinetics keeps them."""
    for split, count in counts.items():
        rows = []
        for i in range(count):
            label = CLASSES[i % len(CLASSES)]
            rows.append((label, f"{split}-{i}", 3, 13, split))
            name = f"{split}-{i}_000003_000013.mp4"
            write_video(folder / split / label / name, clock())
        write_csv(folder / f"{split}.csv", rows)


@contextlib.contextmanager
def in_process():
    """Decode videos in this process, where starting others has no part."""

    def calls(function, tasks, workers):
        yield from (function(*task) for task in tasks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "isolated_map", calls)
        yield


def prepared(folder: Path) -> Path:
    """Prepare `VIDEOS` as Kinetics-400, in one of the processes that ask for it.

    Returns:
        The data directory.
    """
    with locked(folder / ".lock"):
        if not datasets.is_prepared("kinetics-400", folder):
            write_videos(folder / "kinetics-400", VIDEOS)
            with in_process():
                preparation.prepare("kinetics-400", folder, False, short_side=48)
    return folder


def write_csv(path, rows):
    """Write lines below Kinetics' header."""
    with path.open("w", newline="") as file:
        file.write(HEADER)
        csv.writer(file).writerows(rows)


def sequence_example(jpegs, label=None, ident=None, name=None, own=None) -> bytes:
    """Serialize a video as Model Garden's records have it.

    `ident` names the video that it is of, `own` the clip.
    """
    example = tf.train.SequenceExample()
    for jpeg in jpegs:
        feature = example.feature_lists.feature_list["image/encoded"].feature.add()
        feature.bytes_list.value.append(jpeg)
    context = example.context.feature
    if label is not None:
        context["clip/label/index"].int64_list.value.append(label)
    if own is not None:
        context["example/id"].bytes_list.value.append(own)
        context["image/frame_rate"].float_list.value.append(25)
    if ident is not None:
        context["clip/media_id"].bytes_list.value.append(ident)
    if name is not None:
        context["clip/label/string"].bytes_list.value.append(name)
    return example.SerializeToString()


def write_records(path: Path, records):
    """Write serialized records to a TFRecord file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
