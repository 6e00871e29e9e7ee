"""Contrastive pre-training and linear evaluation against their formulas."""

import dataclasses
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from r3d_rs.contrastive import views
from r3d_rs.contrastive.loss import NTXent, accuracy
from r3d_rs.contrastive.pretrain import build, pretrain
from r3d_rs.data import datasets
from r3d_rs.experiments import parents, show
from r3d_rs.recipes import contrastive
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.training import devices, optimizers
from tests.shared import tiny
from tests.shared.finished import killed_at

RECIPE = ContrastiveRecipe(
    width=0.125,
    span=4,
    size=20,
    batch_size=4,
    epochs=3,
    warmup_epochs=1,
    learning_rate=0.01,
    precision="float32",
)


# The loss.


def projections(batch=5, size=7, seed=0):
    return np.random.default_rng(seed).normal(size=(batch, 2, size))


def expected_loss(z, temperature):
    """NT-Xent, pair by pair: minus the log of the softmax at the other view."""
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    everyone = [(pair, view) for pair in range(len(z)) for view in (0, 1)]
    total = np.zeros(len(z))
    for pair, view in everyone:
        similar = {
            other: z[pair, view] @ z[other] / temperature
            for other in everyone
            if other != (pair, view)
        }
        logits = np.array(list(similar.values()))
        total[pair] += np.log(np.exp(logits).sum()) - similar[pair, 1 - view]
    return total


@pytest.mark.both_backends
def test_the_loss_is_the_formula():
    z = projections()
    found = keras.ops.convert_to_numpy(NTXent(0.1).call(None, z.astype("float32")))
    np.testing.assert_allclose(found, expected_loss(z, 0.1), rtol=1e-4)
    mean = NTXent(0.1, "mean").call(None, z.astype("float32"))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mean), found / 2, rtol=1e-6)
    with pytest.raises(ValueError, match="'both'; allowed are sum, mean"):
        NTXent(0.1, "both")


@pytest.mark.both_backends
def test_the_loss_is_least_where_the_views_agree():
    same = np.repeat(np.eye(6)[:, None], 2, 1).astype("float32")
    other = np.stack([np.eye(6), np.roll(np.eye(6), 1, 0)], 1).astype("float32")
    loss, labels = NTXent(0.1), np.zeros(6)
    assert float(loss(labels, same)) < 0.01 < 10 < float(loss(labels, other))
    assert np.mean(keras.ops.convert_to_numpy(accuracy(labels, same))) == 1
    assert np.mean(keras.ops.convert_to_numpy(accuracy(labels, other))) == 0


@pytest.mark.both_backends
def test_the_gradient_is_that_of_finite_differences():
    z = projections(batch=3, size=4, seed=1)

    def loss(values):
        return keras.ops.mean(NTXent(0.5).call(None, values))

    if keras.backend.backend() == "jax":
        import jax

        gradient = np.asarray(jax.grad(loss)(z.astype("float32")))
    else:
        variable = tf.Variable(z.astype("float32"))
        with tf.GradientTape() as tape:
            value = loss(variable)
        gradient = tape.gradient(value, variable).numpy()
    step = 1e-5
    for place in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[place] += step
        down[place] -= step
        slope = expected_loss(up, 0.5).mean() - expected_loss(down, 0.5).mean()
        assert gradient[place] == pytest.approx(slope / (2 * step), abs=1e-5)


# The views.


def starts(length, count=4000):
    @tf.function
    def drawn(seeds):
        return tf.map_fn(
            lambda seed: views.pair_starts(length, 4, 3, seed),
            seeds,
            fn_output_signature=tf.int32,
        )

    return drawn(tf.stack([tf.range(count), tf.zeros(count, tf.int32)], 1)).numpy()


def test_intervals_are_less_likely_the_longer_they_are():
    found = starts(length=9 + 12)
    assert found.min() == 0 and found.max() == 11
    interval = np.abs(found[:, 0] - found[:, 1])
    number = 12 - np.arange(12)
    expected = len(found) * number / number.sum()
    counted = np.bincount(interval, minlength=12)
    assert stats.chisquare(counted, expected).pvalue > 1e-4
    # Given the interval the earlier start is uniform, and either view may be first.
    early = found.min(1)[interval == 3]
    assert stats.chisquare(np.bincount(early, minlength=9)).pvalue > 1e-4
    first = (found[:, 0] < found[:, 1]).sum()
    assert stats.binomtest(int(first), int((interval > 0).sum())).pvalue > 1e-4


def test_clips_of_a_short_video_are_independent():
    found = starts(length=9, count=2000)
    table = np.zeros((9, 9))
    np.add.at(table, tuple(found.T), 1)
    assert stats.chisquare(table.ravel()).pvalue > 1e-4


def test_views_differ_and_are_the_same_again(dataset):
    plain = dataclasses.replace(RECIPE, jitter_probability=1.0)

    def batches(count, **options):
        stream = views.training_pairs(dataset, plain, **options)
        return [pairs for pairs, _ in stream.take(count).as_numpy_iterator()]

    first = batches(3, seed=1)  # an epoch is two batches
    pairs = first[0]
    assert pairs.shape == (4, 2, 2, 20, 20, 3) and pairs.dtype == np.float32
    assert pairs.min() >= 0 and pairs.max() <= 1
    assert (np.abs(pairs[:, 0] - pairs[:, 1]).mean((1, 2, 3, 4)) > 0.01).all()
    assert (batches(1, seed=2)[0] != pairs).any()
    # Epoch 1 alone is what follows epoch 0.
    assert (batches(1, seed=1, first_epoch=1)[0] == first[2]).all()


def test_pairs_are_not_mirrored_where_a_class_has_a_left_and_a_right(dataset):
    kind = dataclasses.replace(dataset.kind, no_flip=("turn left",))
    sided = dataclasses.replace(dataset, kind=kind)
    plain = dataclasses.replace(RECIPE, flip=False)

    def batch(data, recipe):
        return next(iter(views.training_pairs(data, recipe, seed=1)))[0].numpy()

    expected = batch(dataset, plain)
    assert (batch(sided, RECIPE) == expected).all()
    assert (batch(dataset, RECIPE) != expected).any()


def test_pairs_are_shown_and_a_broken_record_is_named(data_dir, tmp_path):
    shutil.copytree(data_dir / "tfds", tmp_path / "tfds")
    copy = datasets.load("kinetics-400", tmp_path)
    figure = show.sample_pairs(copy, RECIPE, 0, count=20)  # of few videos all
    titles = [axes.get_ylabel() for axes in figure.axes]
    assert len(titles) == 2 * copy.num_videos("train") == 20
    assert {title.rpartition(", ")[2] for title in titles} == {"view 1", "view 2"}
    [path] = map(Path, copy.splits["train"].files)
    path.write_bytes(bytes(path.stat().st_size))
    message = f"split train: not the whole JPEG that was .* a frame of train-.* {path}$"
    with pytest.raises(ValueError, match=message):
        show.sample_pairs(copy, RECIPE, 0, count=4)


# Networks.


@tiny.shallow()
def test_every_block_of_a_random_backbone_takes_part():
    _, linear = contrastive.at_scale("r3d-rs-50", "pantomime", untrained=True)
    small = dataclasses.replace(linear, width=0.125, size=16)
    backbone = parents.of_backbone("untrained", small, seed=0).weights.values
    scales = [v for path, v in backbone.items() if path.endswith("/gamma")]
    assert len(scales) > 15 and all(scale.all() for scale in scales)


def test_the_projection_head_has_the_published_parameters():
    recipe = dataclasses.replace(RECIPE, width=1.0, model="r3d-50", stem="7x7")
    recipe = dataclasses.replace(
        recipe, squeeze_excitation=0.0, self_gating="none", size=16
    )
    with keras.StatelessScope(initialize_variables=False):
        model = build(recipe)
    backbone = model.get_layer("backbone")
    assert backbone.count_params() == 31_725_248  # the released CVRL backbones'
    hidden = 3 * (2048 * 2048 + 2048 + 4 * 2048)
    assert model.count_params() - backbone.count_params() == hidden + 2048 * 128 + 128
    assert model.output_shape == (None, 2, 128)


# Runs.


def train(data_dir, folder):
    dataset = datasets.load("kinetics-400", data_dir)
    with tiny.shallow():  # in another process, too
        return pretrain(dataset, RECIPE, seed=1, folder=folder, verbose=0)


@pytest.mark.both_backends
@pytest.mark.slow  # tests/training/test_resume.py has the same of training with labels
def test_a_killed_run_ends_as_one_that_was_not(data_dir, tmp_path):
    folder = tmp_path / "killed"
    killed_at(folder / "epoch-0001.npz", train, data_dir, folder)
    assert not (folder / "epoch-0003.npz").exists()
    backbone, history = train(data_dir, folder)
    expected, expected_history = train(data_dir, tmp_path / "whole")
    assert history.metrics == expected_history.metrics
    assert history.metrics["epoch"] == [1, 2, 3]
    for one, other in zip(backbone.weights, expected.weights, strict=True):
        assert (one.numpy() == other.numpy()).all(), one.path


class Stopped(Exception):
    """Training would begin."""


@tiny.shallow(1, 1, 1, 1)
def test_the_decay_is_summed_over_devices_as_the_loss_is(dataset, monkeypatch):
    four = dataclasses.replace(devices.find(), count=4)
    received = []

    def making(recipe, *_):
        received.append(recipe.weight_decay)
        raise Stopped

    monkeypatch.setattr(devices, "find", lambda: four)
    monkeypatch.setattr(optimizers, "optimizer", making)
    for optimizer, divided in (("lars", False), ("lars", True), ("adamw", False)):
        recipe = dataclasses.replace(
            RECIPE,
            optimizer=optimizer,
            weight_decay=0.25,
            divided_by_replicas=divided,
        )
        with pytest.raises(Stopped):
            pretrain(dataset, recipe, seed=0)
    assert received == [1.0, 0.25, 0.25]
