"""What makes a step smaller does not change it."""

import contextlib
import dataclasses

import keras
import numpy as np
import pytest

from r3d_rs.contrastive.pretrain import pretrain
from r3d_rs.data import pipeline
from r3d_rs.evaluation import multiview
from r3d_rs.models import layers, resnet3d
from r3d_rs.models.layers import BatchNorm
from r3d_rs.models.platform import compiling_for_tpu
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import fit, loop
from r3d_rs.training.devices import Devices
from tests.shared import tiny
from tests.shared.steps import build_and_fit

RECIPE = Recipe(
    **tiny.SMALL | {"batch_size": 8},
    learning_rate=0.1,
    warmup_epochs=0,
    weight_decay=0.1,
    clip_norm=0.5,
    epochs=2,
    stochastic_depth=0.5,
)
STEPS = 2

random = np.random.default_rng(0)
CLIPS = random.normal(size=(8 * STEPS, 2, 16, 16, 3)).astype("float32")
LABELS = np.eye(3, dtype="float32")[random.integers(3, size=8 * STEPS)]


def trained(recipe, normalizes=True):
    """Return the state after some steps: weights, statistics, seeds, momentum."""
    keras.utils.set_random_seed(0)
    model = fit.compiled(recipe, 3, STEPS)
    for layer in model._flatten_layers():
        if isinstance(layer, BatchNorm):
            layer.trainable = normalizes
    history = model.fit(
        CLIPS,
        LABELS,
        batch_size=recipe.batch_size // recipe.micro_batches,
        epochs=1,
        shuffle=False,
        verbose=0,
    )
    return model, history.history["loss"][0]


def values(variables):
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


JAX = keras.backend.backend() == "jax"


@pytest.mark.both_backends
@pytest.mark.slow
@tiny.shallow(1, 4, 1, 1)  # with blocks that are alike
@pytest.mark.skipif(not JAX, reason="blocks have one form on TensorFlow")
@pytest.mark.parametrize(
    ("rematerialize", "for_tpu", "precision", "looped"),
    [
        (True, False, "float32", 2),
        (True, False, "mixed_bfloat16", 2),
        (False, True, "float32", 2),
        (False, True, "float32", 3),
    ],
)
def test_blocks_in_each_form_give_the_same_step(
    rematerialize, for_tpu, precision, looped, monkeypatch
):
    monkeypatch.setattr(resnet3d, "LOOPED", looped)
    # Rounding in another form of the convolutions would be seen after two steps.
    monkeypatch.setattr(layers, "for_tpu", lambda: False)
    recipe = dataclasses.replace(RECIPE, precision=precision)
    one, loss = trained(recipe)
    with compiling_for_tpu() if for_tpu else contextlib.nullcontext():
        other, again = trained(dataclasses.replace(recipe, rematerialize=rematerialize))
    # Half of the residuals are dropped: other draws would be another loss.
    tolerance = 1e-5 if precision == "float32" else 1e-2
    assert again == pytest.approx(loss, rel=tolerance)
    own = [*one.variables, *one.optimizer.variables]
    others = [*other.variables, *other.optimizer.variables]
    for a, b, v in zip(values(own), values(others), own, strict=True):
        if np.issubdtype(a.dtype, np.integer):  # counts, and states of the generators
            assert (a == b).all(), v.path
        else:
            np.testing.assert_allclose(b, a, atol=tolerance, err_msg=v.path)
    moved = [v.numpy() for v in one.non_trainable_variables if "moving_mean" in v.path]
    assert all((mean != 0).any() for mean in moved)


@pytest.mark.skipif(JAX, reason="for TensorFlow")
def test_tensorflow_says_what_it_does_not_do():
    two = Devices("gpu", 2)
    for change, name in (
        ({"rematerialize": True}, "rematerialize"),
        ({"micro_batches": 2}, "micro_batches on several devices"),
    ):
        recipe = dataclasses.replace(RECIPE, **change)
        with pytest.raises(NotImplementedError, match=f"{name}: Keras is on 'tensor"):
            loop.train(None, None, None, recipe, two, seed=0)


@pytest.mark.both_backends
@tiny.shallow(1, 1, 1, 1)
def test_a_rematerialized_network_is_used_on_either_backend(tmp_path):
    again = dataclasses.replace(RECIPE, rematerialize=True)
    keras.utils.set_random_seed(0)
    fit.build_model(again, 3, size=16).save(tmp_path / "again.keras")
    keras.utils.set_random_seed(0)
    plain = fit.build_model(RECIPE, 3, size=16)
    loaded = keras.saving.load_model(tmp_path / "again.keras")
    np.testing.assert_array_equal(
        loaded.predict_on_batch(CLIPS), plain.predict_on_batch(CLIPS)
    )


@pytest.mark.both_backends
@pytest.mark.parametrize("ema_decay", [0.0, pytest.param(0.5, marks=pytest.mark.slow)])
@tiny.shallow(1, 1, 1, 1)
def test_micro_batches_give_the_whole_batchs_update(ema_decay):
    # Without what a clip has from others, and without draws, which come once a part.
    recipe = dataclasses.replace(
        RECIPE, stochastic_depth=0.0, dropout=0.0, ema_decay=ema_decay
    )
    whole, loss = trained(recipe, normalizes=False)
    parts, again = trained(dataclasses.replace(recipe, micro_batches=4), False)
    assert again == pytest.approx(loss, rel=1e-5)
    for a, b in zip(values(whole.variables), values(parts.variables), strict=True):
        if a.dtype.kind == "f":
            np.testing.assert_allclose(b, a, atol=1e-5)
    assert float(parts.optimizer.learning_rate) == pytest.approx(
        float(whole.optimizer.learning_rate)
    )


def test_parts_of_a_batch_hold_its_clips_in_order(dataset):
    def clips(number, count, **options):
        recipe = dataclasses.replace(RECIPE, micro_batches=number)
        stream = pipeline.training_clips(dataset, recipe, seed=0, **options)
        return [x for x, _ in stream.take(count).as_numpy_iterator()]

    whole, parts = clips(1, 2), clips(4, 8)
    assert [len(part) for part in parts] == [2] * 8
    assert (np.concatenate(whole) == np.concatenate(parts)).all()
    # Of two processes each has half of a batch, in the same number of parts.
    second = clips(4, 4, part=(1, 2))
    assert (np.concatenate(second) == whole[0][4:]).all()


@tiny.shallow(1, 1, 1, 1)
def test_a_run_in_micro_batches_has_as_many_steps(dataset):
    recipe = dataclasses.replace(RECIPE, batch_size=4, micro_batches=2, steps=5)
    model, history = build_and_fit(dataset, recipe)
    # Of epochs of two steps the last is cut off.
    assert history["epoch"] == [1, 2, 3]
    assert int(model.optimizer.iterations) == 5
    assert history["learning_rate"][-1] == pytest.approx(0, abs=1e-8)


def test_what_cannot_be_divided_is_named():
    for batch, parts, message in (
        (9, 1, "batch_size is 9, but there are 4 tpu devices"),
        (16, 3, "and 3 micro-batches: allowed are multiples"),
    ):
        with pytest.raises(ValueError, match=message):
            Devices("tpu", 4).check(batch, parts)
    with pytest.raises(ValueError, match="micro_batches is 2; allowed is 1 on pairs"):
        pretrain(None, ContrastiveRecipe(micro_batches=2), seed=0)


@pytest.mark.both_backends
@tiny.shallow(1, 1, 1, 1)
def test_a_step_that_takes_more_memory_than_there_is_is_named(dataset, monkeypatch):
    found = []

    def too_large(*_, **__):
        """Raise the backend's own error, for which TensorFlow tries ten seconds."""
        if not found:
            try:
                return keras.ops.zeros((2**20, 2**20, 2**10))
            except Exception as error:
                found.append(error)
        raise found[0]

    recipe = dataclasses.replace(RECIPE, micro_batches=2)
    model = fit.build_model(recipe, len(dataset.classes), size=16)
    monkeypatch.setattr(multiview, "predict_clips", too_large)
    views = recipe.temporal_views * recipe.spatial_views
    with pytest.raises(MemoryError, match=f"predicting {views} views .* batch_clips$"):
        multiview.evaluate(model, dataset, recipe, batch_clips=1)
    monkeypatch.setattr(keras.Model, "fit", too_large)
    message = "on batches of 8, in parts of 4, took more .*: set the parameter remat"
    if not JAX:  # where nothing is rematerialized
        message = "parts of 4, took more .* the run again with more micro_batches"
    with pytest.raises(MemoryError, match=message):
        build_and_fit(dataset, recipe)
