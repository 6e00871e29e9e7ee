"""Accuracies from the probabilities of views."""

import numpy as np

from r3d_rs.evaluation.multiview import Evaluation


def evaluation(labels, probabilities):
    ids = np.array([f"video-{i}" for i in range(len(labels))])
    return Evaluation(ids, np.array(labels), np.array(probabilities), 0.0)


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
