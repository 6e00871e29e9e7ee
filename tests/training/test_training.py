"""Schedule, loss, optimizers and network of a training, against their formulas."""

import dataclasses
import math

import keras
import numpy as np
import pytest

from r3d_rs.data import pipeline
from r3d_rs.models import build
from r3d_rs.models.layers import BatchNorm
from r3d_rs.recipes import table2
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import fit, fused, loop, optimizers
from tests.shared import tiny
from tests.shared.steps import build_and_fit

RECIPE = Recipe(**tiny.SMALL)


@pytest.fixture(scope="module")
def network():
    with tiny.shallow():
        return build("r3d-rs-50", 4, 32, 5, width=0.125)


@pytest.mark.both_backends
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


def test_the_schedule_counts_steps_and_not_their_parts():
    whole = optimizers.WarmupCosine(0.8, 3, 10)
    parts = optimizers.WarmupCosine(0.8, 3, 10, 4)
    for step in range(10):
        for part in range(4):
            assert float(parts(4 * step + part)) == float(whole(step))


def test_label_smoothing_is_spread_over_all_classes():
    logits = np.array([[2.0, 0.0, -1.0]], "float32")
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    log_softmax = logits - np.log(np.exp(logits).sum())
    target = np.array([[0.9, 0.0, 0.0]]) + 0.1 / 3
    expected = -(target * log_softmax).sum()
    assert float(loss(np.eye(3)[[0]], logits)) == pytest.approx(expected, rel=1e-5)


# Weight decay.


def test_weight_decay_is_on_88_tensors_of_rs50():
    with keras.StatelessScope(initialize_variables=False):
        model = build("r3d-rs-50", 4, 32, 5, width=0.125)
    names = [variable.path for variable in optimizers.decayed_variables(model)]
    assert len(names) == len(set(names)) == 88
    assert all(name.endswith("kernel") for name in names)
    assert not any("gate" in name or "norm" in name for name in names)


def test_weight_decay_of_sgd_is_half_the_rate_times_the_squared_norm(network):
    decayed = optimizers.decayed_variables(network)
    optimizers.optimizer(dataclasses.replace(RECIPE, weight_decay=4e-5), 10, network)
    assert len(network.losses) == len(decayed) > 0
    kernels = [v.numpy().astype("float64") for v in decayed]
    expected = 2e-5 * sum((kernel**2).sum() for kernel in kernels)
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-4)
    optimizers.add_weight_decay(decayed, 0.0)
    assert not network.losses


def test_adamw_takes_from_the_decayed_kernels_what_sgd_would(network):
    recipe = Recipe(optimizer="adamw", learning_rate=0.002, warmup_epochs=0)
    made = optimizers.optimizer(recipe, 10, network)
    assert not network.losses
    made.build(network.trainable_variables)
    before = [variable.numpy() for variable in network.trainable_variables]
    made.apply([keras.ops.zeros(v.shape) for v in network.trainable_variables])
    decayed = {id(variable) for variable in optimizers.decayed_variables(network)}
    share = recipe.weight_decay * 0.8
    for variable, old in zip(network.trainable_variables, before, strict=True):
        expected = old * (1 - share) if id(variable) in decayed else old
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)
        variable.assign(old)
    assert 0 < len(decayed) < len(network.trainable_variables)


def test_an_unknown_optimizer_is_named(network):
    recipe = dataclasses.replace(RECIPE, optimizer="sdg")
    with pytest.raises(ValueError, match="'sdg'; allowed are sgd, lars, adamw"):
        optimizers.optimizer(recipe, 10, network)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
        (keras.optimizers.AdamW, {"weight_decay": 0.1}),
        (keras.optimizers.AdamW, {"gradient_accumulation_steps": 2}),
    ],
)
def test_variables_updated_together_end_as_those_updated_alone(kind, options):
    rng = np.random.default_rng(0)
    shapes = [(3,), (fused.SMALL // 16, 16), (2, 3), (1, 5), (4,)]
    steps = [[rng.normal(size=shape) for shape in shapes] for _ in range(5)]
    ends, states = [], []
    for one in (kind, fused.fused(kind)):
        made = one(0.1, global_clipnorm=1.0, **options)
        variables = [keras.Variable(value, dtype="float32") for value in steps[0]]
        made.exclude_from_weight_decay([variables[0], variables[4]])
        made.build(variables)
        for gradients in steps[1:]:
            made.apply([keras.ops.convert_to_tensor(g, "float32") for g in gradients])
        ends.append(variables)
        states.append(sum(np.prod(v.shape) for v in made.variables))
    assert states[0] == states[1]
    # The large one is alone, and the four others are in two vectors.
    assert len(made._trainable_variables) == 3
    for alone, together, start in zip(*ends, steps[0], strict=True):
        np.testing.assert_allclose(together, alone, rtol=1e-6, atol=1e-7)
        assert (np.abs(together - start) > 1e-3).any()


# What a recipe decides acts: in the network, its loss, its optimizer and its clips.


@pytest.mark.both_backends
@tiny.shallow()
def test_a_model_is_compiled_as_the_recipe_says():
    recipe = dataclasses.replace(
        RECIPE,
        label_smoothing=0.3,
        stochastic_depth=0.5,
        zero_init_last=True,
        bn_momentum=0.5,
        precision="mixed_bfloat16",
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
    network = fit.build_model(recipe, 3, size=recipe.size)
    for one in (model, keras.models.clone_model(network)):  # by its configuration
        layers = list(one._flatten_layers(include_self=False))
        norms = [layer for layer in layers if isinstance(layer, BatchNorm)]
        assert {norm.momentum for norm in norms} == {0.5}
    assert block.spatial_conv.compute_dtype == "bfloat16"
    assert all(weight.dtype == "float32" for weight in model.weights)
    assert model.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"  # as before


@tiny.shallow()
def test_the_row_with_the_stem_is_r3d_rs_50():
    shapes = []
    for recipe in (table2.row("D-stem"), table2.of_model("r3d-rs-50")):
        narrow = dataclasses.replace(recipe, width=0.125)
        network = fit.build_model(narrow, 5, size=32)
        shapes.append([(w.path, w.shape) for w in network.weights])
    assert shapes[0] == shapes[1]


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
@tiny.shallow(1, 1, 1, 1)
def test_another_seed_has_other_initial_weights(dataset):
    def weights(seed):
        model = fit.build(RECIPE, dataset, seed=seed)
        return keras.ops.convert_to_numpy(model.trainable_variables[0])

    first = weights(1)
    np.testing.assert_array_equal(first, weights(1))
    assert (first != weights(2)).all()


@tiny.shallow(1, 1, 1, 1)
def test_a_loss_that_is_no_number_ends_the_run(dataset):
    wild = dataclasses.replace(RECIPE, learning_rate=1e30, warmup_epochs=0.0, epochs=2)
    with pytest.raises(loop.NotFiniteError, match=r"epoch 1 is .*lower the"):
        build_and_fit(dataset, wild)
