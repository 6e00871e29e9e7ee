"""What a prepared dataset looks like."""

import numpy as np
import tensorflow as tf

from r3d_rs.data import inspect, records
from tests.shared.tiny import CLASSES


def test_a_contact_sheet_has_five_frames_of_a_video_of_each_class(dataset, monkeypatch):
    expected = {}
    for video in inspect.videos(dataset, "train"):
        frames = [video["frames"][i] for i in (0, 4, 9, 14, 19)]
        expected.setdefault(CLASSES[video["label"]], frames)
    clips = []

    def film_strips(found, titles):
        assert list(titles) == sorted(expected)
        clips.extend(found)

    monkeypatch.setattr(inspect, "film_strips", film_strips)
    monkeypatch.setattr(records, "examples", None)  # no record is read whole
    inspect.contact_sheet(dataset, "train")
    for clip, (_, jpegs) in zip(clips, sorted(expected.items()), strict=True):
        frames = [tf.io.decode_jpeg(jpeg, 3) for jpeg in jpegs]
        assert np.array_equal(clip, frames)


def test_a_contact_sheet_has_the_first_classes_there_are(dataset, monkeypatch):
    monkeypatch.setattr(inspect, "ROWS", 2)
    axes = inspect.contact_sheet(dataset, "train").axes
    assert [row.get_ylabel() for row in axes] == list(CLASSES[:2])
