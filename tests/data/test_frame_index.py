"""Where frames lie in record files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import frame_index, model_garden
from r3d_rs.data.datasets import Split
from r3d_rs.videos import clip
from tests.shared.tiny import clock, sequence_example, write_records


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """Two files of videos; of some all frames are alike, one has a frame within."""
    folder = tmp_path_factory.mktemp("index")
    moving = [clip.encode_jpeg(frame) for frame in clock(5)]
    still = [moving[0]] * 4
    nested = [b"\xff\xd8" + moving[1] + b"\xff\xd9", moving[1]]
    paths = folder / "train-0.tfrecord", folder / "train-1.tfrecord"
    write_records(
        paths[0],
        [sequence_example(moving, 3, b"moving"), sequence_example(still, 1, b"still")],
    )
    write_records(
        paths[1],
        [
            sequence_example(nested, 0, b"nested"),
            sequence_example([moving[0][:-9]], 2, b"cut off"),
        ],
    )
    files = tuple(str(path) for path in paths)
    return Split(files, 4, folder / "frames.npz"), [moving, still, nested]


def read(index, video, frames):
    """Read frames as the pipeline does, within tf.data."""
    stream = tf.data.Dataset.from_tensors(np.int64(video))
    [jpegs] = stream.map(lambda v: index.read(v, tf.constant(frames)))
    return list(jpegs.numpy())


def test_frames_are_read_in_any_order(split):
    split, videos = split
    index = frame_index.load(split, model_garden.parse)
    assert index.ids.tolist() == ["moving", "still", "nested", "cut off"]
    assert index.labels.tolist() == [3, 1, 0, 2]
    for video, frames in enumerate(videos):
        assert int(index.length(video)) == len(frames)
        order = [(7 * i + 1) % len(frames) for i in range(2 * len(frames))]
        assert read(index, video, order) == [frames[i] for i in order]


def test_the_index_is_kept_and_can_move_with_its_records(split, tmp_path):
    split, _ = split
    index = frame_index.load(split, model_garden.parse)
    made = np.load(split.index)
    assert sorted(made) == sorted({*vars(index)} - {"files", "tensors"})
    moved = tuple(shutil.copy(path, tmp_path) for path in split.files)
    copy = Split(moved, 4, Path(shutil.copy(split.index, tmp_path)))
    assert read(frame_index.load(copy, None), 0, [2]) == read(index, 0, [2])


def test_a_jpeg_that_was_cut_off_is_refused_when_it_is_read(split):
    split, _ = split
    index = frame_index.load(split, model_garden.parse)
    message = r"\[not a whole JPEG when it was indexed, a frame of\] \[cut off\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        read(index, 3, [0])


@pytest.mark.parametrize(
    ("bad", "found"),
    [
        (tf.io.encode_png(clock(1)[0]).numpy(), "PNG"),
        (b"no JPEG at all", "bytes that begin with b'no JPEG '"),
        (b"", "bytes that begin with b''"),
    ],
)
def test_a_frame_that_is_no_jpeg_is_refused_when_it_is_indexed(tmp_path, bad, found):
    good, path = clip.encode_jpeg(clock(1)[0]), tmp_path / "train-0.tfrecord"
    write_records(path, [sequence_example([good], 0), sequence_example([good, bad], 0)])
    message = rf"train-0\.tfrecord, record 1: frame 1 is {found}, expected JPEG"
    with pytest.raises(ValueError, match=message):
        frame_index.make((str(path),), model_garden.parse)


def test_a_split_without_records_has_no_index(tmp_path):
    paths = [tmp_path / f"test-{number}.tfrecord" for number in range(2)]
    for path in paths:
        path.touch()
    with pytest.raises(ValueError, match=f"{paths[0]}, {paths[1]}: found no records"):
        frame_index.make(tuple(map(str, paths)), model_garden.parse)


def test_an_index_of_other_files_is_refused(split, tmp_path):
    split, _ = split
    frame_index.load(split, model_garden.parse)
    other = tmp_path / "train-0.tfrecord"
    write_records(other, [sequence_example([b"?"], 0)])
    changed = Split((str(other), split.files[1]), 4, split.index)
    with pytest.raises(ValueError, match=r"train-0\.tfrecord: has \d+ bytes, \d+ when"):
        frame_index.load(changed, model_garden.parse)
