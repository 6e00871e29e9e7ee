"""Predictions of views, and accuracies from the probabilities of videos."""

import numpy as np
import pytest

from r3d_rs.data import datasets
from r3d_rs.evaluation import multiview
from r3d_rs.evaluation.multiview import Evaluation, predict_videos


def evaluation(labels, probabilities):
    ids = np.array([f"video-{i}" for i in range(len(labels))])
    return Evaluation(ids, np.array(labels), np.array(probabilities), 0.0)


def test_accuracies_are_of_the_splits_that_the_book_names():
    """The paper's are of validation videos; our 20 and 30 actions have test videos."""
    test = {"pantomime-20", "pantomime-30", "ucf101"}
    for name, kind in datasets.DATASETS.items():
        assert kind.evaluated == ("test" if name in test else "validation")


def test_a_network_that_tells_nothing_apart_is_right_by_chance():
    same = evaluation(np.arange(20), np.full((20, 20), 1 / 20))
    metrics = same.metrics()
    assert (metrics["video_top1"], metrics["video_top5"]) == (0.05, 0.25)


def test_of_classes_that_tie_the_first_is_the_most_probable_as_in_argmax():
    random = np.random.default_rng(0)
    shares = random.integers(0, 4, (500, 10)) / 30.0  # full of ties
    labels = random.integers(0, 10, 500)
    found = evaluation(labels, shares)
    assert (found.correct() == (shares.argmax(1) == labels)).all()
    assert found.correct(10).all()
    assert evaluation([2], [[0.2, 0.4, 0.2, 0.2]]).correct(2).tolist() == [False]
    assert evaluation([0], [[0.2, 0.4, 0.2, 0.2]]).correct(2).tolist() == [True]


def test_batches_hold_whole_videos_and_the_last_is_padded():
    shapes = []

    class Network:
        def predict_on_batch(self, clips):
            shapes.append(clips.shape)
            return clips.reshape(len(clips), 2)  # two classes

    # The second class of video v is e^(10v + k) times as probable as the first in view
    # k; the transform takes the reciprocal.
    videos = [
        {"id": v, "views": np.array([[0, 10 * v + k] for k in range(3)], "float32")}
        for v in range(5)
    ]
    found = list(predict_videos(Network(), iter(videos), 2, lambda views: -views))
    assert shapes == [(6, 2)] * 3
    assert [video["id"] for video, _ in found] == [0, 1, 2, 3, 4]
    odds = [softmax[:, 0] / softmax[:, 1] for _, softmax in found]
    expected = [[np.exp(10 * v + k) for k in range(3)] for v in range(5)]
    np.testing.assert_allclose(odds, expected, rtol=1e-4)
    assert not list(predict_videos(Network(), [], 2))


def test_large_clips_are_predicted_in_equal_parts(monkeypatch):
    sizes = []

    class Network:
        def predict_on_batch(self, clips):
            sizes.append(len(clips))
            return clips.mean((1, 2, 3))

    clips = np.random.default_rng(0).normal(size=(6, 2, 3, 5, 3)).astype("float32")
    logits = clips.mean((1, 2, 3))
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for at_once, parts in (
        (100, [6]),
        (6, [6]),
        (4, [3, 3]),
        (2, [2] * 3),
        (0, [1] * 6),
    ):
        monkeypatch.setattr(multiview, "PIXELS_AT_ONCE", at_once * 2 * 3 * 5)
        sizes.clear()
        softmax = multiview.predict_clips(Network(), clips)
        assert sizes == parts
        np.testing.assert_allclose(softmax, expected, rtol=1e-5)


def test_predictions_that_are_no_numbers_are_not_reported(
    finished, dataset, monkeypatch
):
    monkeypatch.setattr(
        multiview, "predict_clips", lambda _, clips: np.full((len(clips), 3), np.nan)
    )
    monkeypatch.setattr(multiview, "for_evaluation", lambda model, recipe: model)
    with pytest.raises(ValueError, match="not all finite"):
        multiview.evaluate(None, dataset, finished.run.recipe)
