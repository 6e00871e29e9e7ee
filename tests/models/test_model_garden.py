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
    with pytest.raises(CheckpointMismatch) as error:
        load_model_garden_checkpoint(model, write_keys(path, values), **options)
    assert_untouched(model, before)
    return str(error.value).splitlines()


@pytest.fixture(scope="module")
def rs50():
    """A full-width network, whose weights the tests load: none are drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "CONV_INITIALIZER", "zeros")
        return build("r3d-rs-50", 16, 64)


@pytest.mark.both_backends
def test_official_rs_50_gives_the_official_logits(rs50, tmp_path):
    shapes = json.loads((FIXTURES / "model_garden_rs50.keys.json").read_text())
    values = {key: value(key, tuple(shape)) for key, shape in shapes.items()}
    prefix = write_objects(tmp_path / "ckpt", values)
    report = load_model_garden_checkpoint(rs50, prefix)
    assert report == CheckpointReport(prefix, loaded=349, averaged=0)
    assert len(rs50.weights) == 349

    expected = np.load(FIXTURES / "model_garden_rs50.npz")["logits"]
    logits = rs50.predict(clips(16, 64), verbose=0)
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4 * expected.std())


def test_kinetics_600_file_in_a_400_way_network(rs50, tmp_path):
    shapes = json.loads((FIXTURES / "model_garden_rs50.keys.json").read_text())
    shapes |= {f"{HEAD}/kernel": (2048, 600), f"{HEAD}/bias": (600,)}
    values = {key: np.zeros(shape, "float32") for key, shape in shapes.items()}
    lines = mismatch(rs50, tmp_path / "k600", values)
    assert lines[1:] == [
        "2 of another shape:",
        f"  {HEAD}/kernel: (2048, 600) in the checkpoint, (2048, 400) in the model",
        f"  {HEAD}/bias: (600,) in the checkpoint, (400,) in the model",
        "The checkpoint has 600 classes, the model 400: build it with "
        "num_classes=600, or load part='backbone'.",
    ]


@pytest.mark.both_backends
def test_cvrl_backbone_alone(tmp_path):
    values = official_values()
    assert len(values) == 265
    model = baseline()
    head = [np.array(v) for v in model.get_layer("head").get_weights()]
    prefix = write_objects(tmp_path / "cvrl_backbone", values)  # has a save_counter
    report = load_model_garden_checkpoint(model, prefix, part="backbone")
    assert (report.loaded, report.averaged) == (265, 0)

    def loaded(path):
        return values[f"backbone/layer_with_weights-{path}"]

    block = model.get_layer("stage2").blocks[0]
    np.testing.assert_array_equal(block.norm1.gamma, loaded("2/_norm1/gamma"))
    block = model.get_layer("stage5").blocks[2]
    np.testing.assert_array_equal(
        block.spatial_conv.kernel, loaded("17/_spatial_conv/kernel")
    )
    for old, new in zip(head, model.get_layer("head").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_backbone_file_asked_for_a_whole_model(tmp_path):
    lines = mismatch(baseline(), tmp_path / "cvrl", official_values())
    assert lines[1:] == [
        "2 missing from the checkpoint:",
        f"  {HEAD}/kernel",
        f"  {HEAD}/bias",
        "Without a head in the file, load part='backbone'.",
    ]


def test_head_is_ignored_when_the_backbone_is_asked_for(tmp_path):
    prefix = write_keys(tmp_path / "k600", official_values(classes=600))
    report = load_model_garden_checkpoint(baseline(), prefix, part="backbone")
    assert report.loaded == 265


def test_file_saved_with_the_model_alone(tmp_path):
    values = official_values(classes=10)
    nested = {
        key.replace("backbone/", "model/layer_with_weights-0/"): saved
        for key, saved in values.items()
    }
    one, other = baseline(), baseline(frames=8)
    load_model_garden_checkpoint(one, write_keys(tmp_path / "one", values))
    report = load_model_garden_checkpoint(other, write_objects(tmp_path / "o", nested))
    assert report.loaded == 267
    for a, b in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(a, b)
    nested["model/layer_with_weights-0/layer_with_weights-18/kernel"] = np.zeros(1)
    lines = mismatch(other, tmp_path / "surplus", nested, part="backbone")
    assert lines[1] == "1 not in the model:"


def test_averages_are_preferred_where_there_are_any(tmp_path):
    values = official_values(classes=10)
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
    model = baseline()
    report = load_model_garden_checkpoint(model, prefix)
    assert (report.loaded, report.averaged) == (267, len(averages))
    norm = model.get_layer("stem_norm1")
    assert np.all(np.array(norm.gamma) == 0.5)
    np.testing.assert_array_equal(
        norm.moving_mean, values["backbone/layer_with_weights-1/moving_mean"]
    )


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


def test_every_mismatch_is_listed_and_nothing_is_loaded(tmp_path):
    values = official_values(classes=10)
    root = "backbone/layer_with_weights"
    del values[f"{root}-17/_norm3/beta"]
    del values[f"{root}-2/_shortcut_conv/kernel"]
    values[f"{root}-4/_self_gating/_transformer_w/bias"] = np.zeros(32, "float32")
    values[f"{root}-18/gamma"] = np.zeros(4, "float32")
    values[f"{root}-0/kernel"] = np.zeros((1, 7, 7, 3, 8), "float32")
    values[f"{root}-1/gamma{AVERAGE}"] = np.zeros(9, "float32")
    lines = mismatch(baseline(), tmp_path / "odd", values)
    assert lines[0].endswith("does not fit the model; nothing was loaded.")
    assert lines[1:] == [
        "2 missing from the checkpoint:",
        f"  {root}-2/_shortcut_conv/kernel",
        f"  {root}-17/_norm3/beta",
        "2 not in the model:",
        f"  {root}-18/gamma",
        f"  {root}-4/_self_gating/_transformer_w/bias",
        "2 of another shape:",
        f"  {root}-0/kernel: (1, 7, 7, 3, 8) in the checkpoint, "
        "(5, 7, 7, 3, 8) in the model",
        f"  {root}-1/gamma{AVERAGE}: (9,) in the checkpoint, (8,) in the model",
    ]


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
def test_a_damaged_file_changes_nothing(tmp_path, ending):
    prefix = write_keys(tmp_path / "cut", official_values(classes=10))
    path = Path(f"{prefix}{ending}")
    path.write_bytes(path.read_bytes()[:-100])
    model = baseline()
    before = weights(model)
    with pytest.raises(OSError, match=r"cut' cannot be read: "):
        load_model_garden_checkpoint(model, prefix)
    assert_untouched(model, before)


def test_a_file_of_something_else(tmp_path):
    [line] = mismatch(baseline(), tmp_path / "other", {"encoder/kernel": np.zeros(3)})
    assert "no variables below 'backbone/layer_with_weights-…'" in line
    assert "encoder/kernel" in line


def test_no_file(tmp_path):
    prefix = str(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=prefix):
        load_model_garden_checkpoint(baseline(), prefix)


def test_unknown_part():
    with pytest.raises(
        ValueError, match=r"part is 'head'; allowed are model, backbone"
    ):
        load_model_garden_checkpoint(baseline(), "anything", part="head")
