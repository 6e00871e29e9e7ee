"""What a recipe decides acts: in the network, its loss, its optimizer and its clips."""

import dataclasses

import keras
import numpy as np
import pytest

from r3d_rs.data import datasets, pipeline
from r3d_rs.evaluation import multiview
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import fit, loop
from tests.shared.tiny import CLASSES, SMALL

pytestmark = pytest.mark.usefixtures("shallow")

RECIPE = Recipe(**SMALL)


def test_accuracies_are_of_the_splits_that_the_book_names():
    """The paper's are of validation videos; our 20 and 30 actions have test videos."""
    test = {"pantomime-20", "pantomime-30", "ucf101"}
    assert {name: kind.evaluated for name, kind in datasets.DATASETS.items()} == {
        name: "test" if name in test else "validation" for name in datasets.DATASETS
    }


@pytest.mark.both_backends
def test_a_model_is_compiled_as_the_recipe_says():
    recipe = dataclasses.replace(
        RECIPE,
        label_smoothing=0.3,
        stochastic_depth=0.5,
        zero_init_last=True,
        clip_norm=0.7,
        momentum=0.8,
        warmup_epochs=2.0,
        epochs=10,
    )
    model = fit.compiled(recipe, num_classes=3, steps_per_epoch=5)
    assert model.loss.label_smoothing == 0.3
    block = model.get_layer("stage5").blocks[0]
    assert block.stochastic_depth.rate == 0.5  # that of the last stage
    assert (block.norm2.zero_scale, block.norm3.zero_scale) == (False, True)
    made = model.optimizer
    assert (made.momentum, made.nesterov, made.global_clipnorm) == (0.8, True, 0.7)
    schedule = made._learning_rate
    assert (schedule.warmup_steps, schedule.steps) == (10, 50)


def clips_and_views(dataset, **changes):
    """Return the first batch and the first video's views by a recipe."""
    recipe = dataclasses.replace(RECIPE, flip=False, **changes)
    clips = pipeline.training_clips(dataset, recipe, seed=0)
    views = pipeline.evaluation_views(dataset, recipe, split="validation")
    return (
        next(clips.as_numpy_iterator())[0],
        next(views.as_numpy_iterator())["views"],
    )


def test_clips_are_cut_and_changed_as_the_recipe_says(dataset):
    plain, _ = clips_and_views(dataset)
    changed, _ = clips_and_views(dataset, randaugment_layers=2)
    assert (changed != plain).any()
    for clips in clips_and_views(dataset, standardize=True):
        assert np.abs(clips.mean((1, 2, 3, 4))).max() < 1e-4
        assert clips.std((1, 2, 3, 4)) == pytest.approx(1, abs=1e-3)
    # A crop of nearly all of a video that is 4 wide and 3 high has its whole ramp.
    whole, _ = clips_and_views(dataset, area_range=(0.98, 1.0), aspect_range=(1.3, 1.4))
    ramp = whole[..., 1].mean((1, 2))
    assert (ramp[:, -1] - ramp[:, 0] > 0.65).all()


@pytest.mark.both_backends
def test_another_seed_has_other_initial_weights(dataset, monkeypatch):
    monkeypatch.setattr(loop, "train", lambda *args, **options: {})

    def weights(seed):
        model, _ = fit.fit(dataset, RECIPE, seed=seed)
        return keras.ops.convert_to_numpy(model.trainable_variables[0])

    first = weights(1)
    np.testing.assert_array_equal(first, weights(1))
    assert (first != weights(2)).all()


def test_a_loss_that_is_no_number_ends_the_run(dataset):
    wild = dataclasses.replace(RECIPE, learning_rate=1e30, warmup_epochs=0.0, epochs=2)
    with pytest.raises(loop.NotFiniteError, match=r"epoch 1 is .*lower the"):
        fit.fit(dataset, wild, seed=0, verbose=0)


def test_predictions_that_are_no_numbers_are_not_reported(dataset, monkeypatch):
    model = fit.build_model(RECIPE, len(CLASSES), size=RECIPE.size)
    monkeypatch.setattr(
        multiview,
        "predict_clips",
        lambda network, clips: np.full((len(clips), len(CLASSES)), np.nan),
    )
    with pytest.raises(ValueError, match="not all finite"):
        multiview.evaluate(model, dataset, RECIPE)
