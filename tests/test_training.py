"""The recipe, the schedule and the loss against their formulas."""

import dataclasses
import math

import keras
import numpy as np
import pytest

from r3d_rs.models import build
from r3d_rs.training import optimizers
from r3d_rs.training import recipe as recipes


@pytest.fixture(scope="module")
def model():
    return build("r3d-rs-50", 4, 32, 5, width=0.125)


def test_the_default_recipe_is_the_papers():
    recipe = recipes.Recipe()
    assert recipe.frames == 16
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs) == (0.8, 1024, 350)
    assert recipe.temporal_views * recipe.spatial_views == 30


def test_warmup_is_linear_and_meets_the_cosine():
    warmup, steps = 1050, 73682  # the published YAML's numbers
    rate = optimizers.WarmupCosine(0.8, warmup, steps)

    def cosine(step):
        return 0.4 * (1 + math.cos(math.pi * step / steps))

    assert float(rate(0)) == 0
    assert float(rate(warmup // 2)) == pytest.approx(cosine(warmup) / 2, rel=1e-5)
    assert float(rate(warmup)) == pytest.approx(cosine(warmup), rel=1e-5)
    assert float(rate(steps // 2)) == pytest.approx(0.4, rel=1e-5)
    assert float(rate(steps)) == pytest.approx(0, abs=1e-6)


def test_weight_decay_is_on_88_tensors_of_rs50(model):
    names = [variable.path for variable in optimizers.decayed_variables(model)]
    assert len(names) == len(set(names)) == 88
    assert all(name.endswith("kernel") for name in names)
    assert not any("gate" in name or "norm" in name for name in names)


def test_weight_decay_is_half_the_rate_times_the_squared_norm(model):
    optimizers.add_weight_decay(model, 4e-5)
    kernels = [v.numpy().astype("float64") for v in optimizers.decayed_variables(model)]
    expected = 2e-5 * sum((kernel**2).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    optimizers.add_weight_decay(model, 0.0)
    assert not model.losses


def test_label_smoothing_is_spread_over_all_classes():
    logits = np.array([[2.0, 0.0, -1.0]], "float32")
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    log_softmax = logits - np.log(np.exp(logits).sum())
    target = np.array([[0.9, 0.0, 0.0]]) + 0.1 / 3
    expected = -(target * log_softmax).sum()
    assert float(loss(np.eye(3)[[0]], logits)) == pytest.approx(expected, rel=1e-5)


def test_the_pantomime_scale_changes_only_what_it_states():
    paper = recipes.Recipe()
    changed = recipes.difference(paper, recipes.at_pantomime_scale(paper))
    stated = {*recipes.PANTOMIME, "span", "size", "eval_size", "epochs", "area_range"}
    assert set(changed) == stated
    assert changed["span"] == (32, 24)
    assert recipes.at_pantomime_scale(paper).frames == 8
    assert changed["size"] == (224, 32)
    assert changed["eval_size"] == (256, 32)
    assert changed["epochs"] == (350, 50)


def test_a_hash_names_a_recipe():
    recipe = recipes.Recipe()
    other = dataclasses.replace(recipe, label_smoothing=0.0)
    assert recipes.recipe_hash(recipe) == recipes.recipe_hash(recipes.Recipe())
    assert recipes.recipe_hash(recipe) != recipes.recipe_hash(other)


def test_an_unknown_optimizer_is_named():
    recipe = dataclasses.replace(recipes.Recipe(), optimizer="sdg")
    with pytest.raises(ValueError, match="'sdg'; allowed are sgd, adam"):
        optimizers.optimizer(recipe, 10)
