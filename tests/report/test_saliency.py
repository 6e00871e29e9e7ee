"""Where a network looks."""

from pathlib import Path

import keras
import numpy as np
import pytest

from r3d_rs.report import saliency

RESULTS = Path(__file__).parents[2] / "results"


def model(weights):
    """Return a network whose logits are weighted sums of a clip's pixels."""
    inputs = keras.Input((2, 1, 2, 1))
    head = keras.layers.Dense(2, use_bias=False)
    network = keras.Model(inputs, head(keras.layers.Flatten()(inputs)))
    head.set_weights([np.array(weights, "float32").T])
    return network


def test_a_pixels_share_is_that_of_its_weight_for_the_clips_own_class():
    clips = np.ones((2, 2, 1, 2, 1), "float32")
    network = model([[1, 0, -3, 0], [0, 2, 0, 2]])
    shares = saliency.gradients(network, clips, np.array([0, 1]))
    assert shares.reshape(2, 4).tolist() == [[0.25, 0, 0.75, 0], [0, 0.5, 0, 0.5]]


def test_other_backends_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=r"received 'jax'.* 'tensorflow' alone"):
        saliency.gradients(None, np.zeros((1, 1, 1, 1, 1)), np.zeros(1, int))


def test_another_backend_is_refused_before_a_network_is_looked_for(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=r"received 'jax'.* 'tensorflow' alone"):
        saliency.write(tmp_path / "absent", tmp_path)


def test_the_committed_maps_are_of_a_run_with_a_record():
    maps = saliency.read(RESULTS, "pantomime-20")
    assert maps["shares"].sum(1) == pytest.approx(1)
    assert tuple(maps["classes"]) == saliency.SHOWN


def test_maps_of_a_network_without_a_record_are_refused(tmp_path):
    path = saliency.path(tmp_path, "pantomime-20")
    path.parent.mkdir()
    np.savez(path, recipe="f" * 64, seed=3)
    with pytest.raises(ValueError, match="no record has the recipe ffffffff and the"):
        saliency.read(tmp_path, "pantomime-20")
