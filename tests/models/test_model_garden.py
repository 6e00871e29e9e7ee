"""Checkpoints of the official implementation: same weights, same logits."""

import json
import math
import os
from pathlib import Path

# Reading a checkpoint needs TensorFlow on every backend; its start-up log does not.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.models import build, layers
from r3d_rs.models.model_garden import (
    CheckpointMismatch,
    CheckpointReport,
    load_model_garden_checkpoint,
)
from tests.shared import tiny
from tests.shared.official import (
    HEAD,
    SUFFIX,
    baseline,
    official_values,
    value,
    write_keys,
    write_objects,
)

FIXTURES = Path(__file__).parents[1] / "fixtures"
AVERAGE = "/.OPTIMIZER_SLOT/optimizer/average"


def clips(frames, size):
    """Make two clips of blocks of 4 frames of 8×8 pixels."""
    small = (2, math.ceil(frames / 4), math.ceil(size / 8), math.ceil(size / 8), 3)
    blocks = np.random.default_rng(0).uniform(0, 1, small)
    for axis, repeats in ((1, 4), (2, 8), (3, 8)):
        blocks = np.repeat(blocks, repeats, axis)
    return blocks[:, :frames, :size, :size].astype("float32")


def weights(model):
    return [np.array(w) for w in model.get_weights()]


def assert_untouched(model, before):
    for old, new in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(old, new)


def mismatch(model, path, values, **options):
    """Return the error's lines; the model stays as it was."""
    before = weights(model)
    prefix = write_keys(path, values) if values else path
    with pytest.raises(CheckpointMismatch) as error:
        load_model_garden_checkpoint(model, prefix, **options)
    assert_untouched(model, before)
    return str(error.value).splitlines()


@pytest.mark.both_backends
def test_official_rs_50_gives_the_official_logits(tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "CONV_INITIALIZER", "zeros")  # all weights are loaded
    rs50 = build("r3d-rs-50", 16, 64)
    shapes = json.loads((FIXTURES / "model_garden_rs50.keys.json").read_text())
    values = {key: value(key, tuple(shape)) for key, shape in shapes.items()}
    prefix = write_objects(tmp_path / "ckpt", values)
    report = load_model_garden_checkpoint(rs50, prefix)
    assert report == CheckpointReport(prefix, loaded=349, averaged=0)
    assert len(rs50.weights) == 349

    expected = np.load(FIXTURES / "model_garden_rs50.npz")["logits"]
    logits = rs50.predict_on_batch(clips(16, 64))
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4 * expected.std())


DEPTHS = (1, 1, 1, 1)  # of tiny networks, for what depth has no part in
ROOT = "backbone/layer_with_weights"


@pytest.fixture(scope="module")
def network():
    """A tiny network, into which tests load, or which they leave as it was."""
    with tiny.shallow(*DEPTHS):
        return baseline()


def test_kinetics_600_file_in_a_10_way_network(network, tmp_path):
    values = official_values(DEPTHS, classes=600)
    path = tmp_path / "k600"
    assert mismatch(network, path, values)[1:] == [
        "2 of another shape:",
        f"  {HEAD}/kernel: (256, 600) in the checkpoint, (256, 10) in the model",
        f"  {HEAD}/bias: (600,) in the checkpoint, (10,) in the model",
        "The checkpoint has 600 classes, the model 10: build it with "
        "num_classes=600, or load part='backbone'.",
    ]
    # The head is ignored when the backbone is asked for.
    report = load_model_garden_checkpoint(network, str(path), part="backbone")
    assert report.loaded == len(values) - 2


def test_cvrl_backbone_alone(tmp_path):
    values = official_values()
    assert len(values) == 265
    model = baseline()
    head = [np.array(v) for v in model.get_layer("head").get_weights()]
    prefix = write_objects(tmp_path / "cvrl_backbone", values)  # has a save_counter
    report = load_model_garden_checkpoint(model, prefix, part="backbone")
    assert (report.loaded, report.averaged) == (265, 0)

    def loaded(path):
        return values[f"{ROOT}-{path}"]

    block = model.get_layer("stage2").blocks[0]
    np.testing.assert_array_equal(block.norm1.gamma, loaded("2/_norm1/gamma"))
    block = model.get_layer("stage5").blocks[2]
    np.testing.assert_array_equal(
        block.spatial_conv.kernel, loaded("17/_spatial_conv/kernel")
    )
    for old, new in zip(head, model.get_layer("head").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert mismatch(model, prefix, None)[1:] == [
        "2 missing from the checkpoint:",
        f"  {HEAD}/kernel",
        f"  {HEAD}/bias",
        "The file has no head: load part='backbone'.",
    ]


def test_file_saved_with_the_model_alone(network, tmp_path):
    values = official_values(DEPTHS, classes=10)
    nested = {
        key.replace("backbone/", "model/layer_with_weights-0/"): saved
        for key, saved in values.items()
    }
    load_model_garden_checkpoint(network, write_keys(tmp_path / "one", values))
    expected = weights(network)
    network.set_weights([weight * 0 for weight in expected])
    load_model_garden_checkpoint(network, write_objects(tmp_path / "o", nested))
    assert_untouched(network, expected)
    nested["model/layer_with_weights-0/layer_with_weights-18/kernel"] = np.zeros(1)
    lines = mismatch(network, tmp_path / "surplus", nested, part="backbone")
    assert lines[1] == "1 not in the model:"


def test_averages_are_preferred_where_there_are_any(network, tmp_path):
    values = official_values(DEPTHS, classes=10)
    averages = {
        key + AVERAGE: np.full_like(saved, 0.5)
        for key, saved in values.items()
        if "moving" not in key
    }
    momenta = {
        f"{key}/.OPTIMIZER_SLOT/optimizer/ema_base_optimizer/momentum": saved * 0 - 7
        for key, saved in values.items()
    }
    counters = {"global_step": np.int64(9), "optimizer/iter": np.int64(9)}
    prefix = write_keys(tmp_path / "ema", values | averages | momenta | counters)
    report = load_model_garden_checkpoint(network, prefix)
    assert (report.loaded, report.averaged) == (len(values), len(averages))
    norm = network.get_layer("stem_norm1")
    assert np.all(np.array(norm.gamma) == 0.5)
    np.testing.assert_array_equal(norm.moving_mean, values[f"{ROOT}-1/moving_mean"])


def test_slots_have_the_names_that_tensorflow_gives_them(tmp_path):
    class Averages(tf.compat.v1.train.Optimizer):
        def _create_slots(self, variables):
            for v in variables:
                self._zeros_slot(v, "average", "average")

        def _resource_apply_dense(self, gradient, variable):
            return tf.no_op()

    v = tf.Variable([1.0])
    optimizer = Averages(use_locking=False, name="ema")
    optimizer.apply_gradients([(tf.constant([0.0]), v)])
    backbone = tf.train.Checkpoint(gamma=v)
    saved = tf.train.Checkpoint(backbone=backbone, optimizer=optimizer)
    keys = dict(tf.train.list_variables(saved.save(str(tmp_path / "slots"))))
    assert f"backbone/gamma{AVERAGE}{SUFFIX}" in keys


def test_every_mismatch_is_listed_and_nothing_is_loaded(network, tmp_path):
    values = official_values(DEPTHS, classes=10)
    del values[f"{ROOT}-5/_norm3/beta"]
    del values[f"{ROOT}-2/_shortcut_conv/kernel"]
    values[f"{ROOT}-4/_self_gating/_transformer_w/bias"] = np.zeros(32, "float32")
    values[f"{ROOT}-18/gamma"] = np.zeros(4, "float32")
    values[f"{ROOT}-0/kernel"] = np.zeros((1, 7, 7, 3, 8), "float32")
    values[f"{ROOT}-1/gamma{AVERAGE}"] = np.zeros(9, "float32")
    lines = mismatch(network, tmp_path / "odd", values)
    assert lines[0].endswith("does not fit the model; nothing was loaded.")
    assert lines[1:] == [
        "2 missing from the checkpoint:",
        f"  {ROOT}-2/_shortcut_conv/kernel",
        f"  {ROOT}-5/_norm3/beta",
        "2 not in the model:",
        f"  {ROOT}-18/gamma",
        f"  {ROOT}-4/_self_gating/_transformer_w/bias",
        "2 of another shape:",
        f"  {ROOT}-0/kernel: (1, 7, 7, 3, 8) in the checkpoint, "
        "(5, 7, 7, 3, 8) in the model",
        f"  {ROOT}-1/gamma{AVERAGE}: (9,) in the checkpoint, (8,) in the model",
    ]


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
def test_a_damaged_file_changes_nothing(network, tmp_path, ending):
    prefix = write_keys(tmp_path / "cut", official_values(DEPTHS, classes=10))
    path = Path(f"{prefix}{ending}")
    path.write_bytes(path.read_bytes()[:-100])
    before = weights(network)
    with pytest.raises(OSError, match=r"cut' cannot be read: "):
        load_model_garden_checkpoint(network, prefix)
    assert_untouched(network, before)


def test_what_is_no_checkpoint_of_a_network_is_named(network, tmp_path):
    [line] = mismatch(network, tmp_path / "other", {"encoder/kernel": np.zeros(3)})
    assert "no variables below 'backbone/layer_with_weights-…'" in line
    assert "encoder/kernel" in line
    prefix = str(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=prefix):
        load_model_garden_checkpoint(network, prefix)
    message = r"part is 'head'; allowed are model, backbone"
    with pytest.raises(ValueError, match=message):
        load_model_garden_checkpoint(network, "anything", part="head")
