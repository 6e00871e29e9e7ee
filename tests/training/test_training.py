"""The recipe, the schedule and the loss against their formulas."""

import dataclasses
import itertools
import math

import keras
import numpy as np
import pytest

from r3d_rs import paper
from r3d_rs.models import build
from r3d_rs.models.layers import BatchNorm, StochasticDepth
from r3d_rs.recipes import recipe as recipes
from r3d_rs.recipes import scales, table2
from r3d_rs.training import fit, fused, optimizers
from tests.shared import tiny


@pytest.fixture(scope="module")
def model():
    return build("r3d-rs-50", 4, 32, 5, width=0.125)


@pytest.fixture(scope="module")
def small():
    """A network of few blocks, for what depth has no part in."""
    with tiny.shallow():
        return build("r3d-rs-50", 4, 32, 5, width=0.125)


def test_the_default_recipe_is_the_papers():
    recipe = recipes.Recipe()
    assert recipe.frames == 16
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs) == (0.8, 1024, 350)
    assert recipe.temporal_views * recipe.spatial_views == 30


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


def test_weight_decay_is_on_88_tensors_of_rs50(model):
    names = [variable.path for variable in optimizers.decayed_variables(model)]
    assert len(names) == len(set(names)) == 88
    assert all(name.endswith("kernel") for name in names)
    assert not any("gate" in name or "norm" in name for name in names)


def test_weight_decay_is_half_the_rate_times_the_squared_norm(model):
    decayed = optimizers.decayed_variables(model)
    optimizers.add_weight_decay(decayed, 4e-5)
    kernels = [v.numpy().astype("float64") for v in decayed]
    expected = 2e-5 * sum((kernel**2).sum() for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    optimizers.add_weight_decay(decayed, 0.0)
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
    changed = recipes.difference(paper, scales.at_pantomime_scale(paper))
    stated = {*scales.PANTOMIME, "span", "size", "eval_size", "epochs", "area_range"}
    assert set(changed) == stated
    assert changed["span"] == (32, 24)
    assert scales.at_pantomime_scale(paper).frames == 8
    assert changed["size"] == (224, 32)
    assert changed["eval_size"] == (256, 32)
    assert changed["epochs"] == (350, 50)


def test_a_hash_names_a_recipe():
    recipe = recipes.Recipe()
    other = dataclasses.replace(recipe, label_smoothing=0.0)
    assert recipes.recipe_hash(recipe) == recipes.recipe_hash(recipes.Recipe())
    assert recipes.recipe_hash(recipe) != recipes.recipe_hash(other)


def test_fields_that_are_defaults_do_not_change_a_hash():
    plain = recipes.as_dict(recipes.Recipe())
    again = recipes.from_dict(plain | {"span": 32})
    assert again == recipes.Recipe()
    assert recipes.recipe_hash(again) == recipes.recipe_hash(recipes.Recipe())
    with pytest.raises(TypeError, match="'spam'"):
        recipes.from_dict({"spam": 1})
    with pytest.raises(TypeError, match="a recipe is '709'; allowed is an object"):
        recipes.from_dict("709")


# Table 2.

FIELDS = {
    "LS": "label_smoothing",
    "SD": "stochastic_depth",
    "WD": "weight_decay",
    "350-EP": "epochs",
    "SJ": "area_range",
    "SE": "squeeze_excitation",
    "D-stem": "stem",
    "RA": "randaugment_layers",
}
ROWS = ["baseline", *table2.TABLE_2]


def test_the_rows_are_those_of_table_2():
    assert paper.table(2)["row"].to_list() == ROWS


@pytest.mark.parametrize(("above", "name"), list(itertools.pairwise(ROWS)))
def test_a_row_differs_from_the_one_above_in_what_the_paper_names(above, name):
    changed = recipes.difference(table2.row(above), table2.row(name))
    if name == "RS-200@f48":
        assert set(changed) == {"model", "span"}
    else:
        assert set(changed) == {FIELDS[name]}
    small = recipes.difference(
        *(scales.at_pantomime_scale(table2.row(row)) for row in (above, name))
    )
    assert set(small) == set(changed)


def test_the_rows_have_the_papers_values():
    settings = paper.settings()["scratch"]
    last = table2.row("RA")
    for name in ("label_smoothing", "stochastic_depth", "weight_decay", "epochs"):
        assert getattr(last, name) == settings[name]["value"]
    assert last.span == settings["scaled_span"]["value"]
    assert table2.row("baseline").epochs == 200


def test_the_row_with_the_stem_is_r3d_rs_50():
    row, named = table2.row("D-stem"), table2.of_model("r3d-rs-50")
    assert set(recipes.difference(row, named)) == {"model"}
    narrow = [dataclasses.replace(recipe, width=0.125) for recipe in (row, named)]
    networks = [fit.build_model(recipe, 5, size=32) for recipe in narrow]
    shapes = [[(w.path, w.shape) for w in network.weights] for network in networks]
    assert shapes[0] == shapes[1]


def test_toggles_are_changes_of_the_baseline():
    some = table2.toggled("SE", "LS")
    changed = recipes.difference(table2.row("baseline"), some)
    assert set(changed) == {"squeeze_excitation", "label_smoothing"}
    for function, argument in ((table2.row, "SX"), (table2.toggled, "SX")):
        with pytest.raises(ValueError, match=r"received 'SX', allowed are .*LS, SD"):
            function(argument)


def test_the_published_recipe_feeds_32_frames():
    published = recipes.Recipe(**recipes.PUBLISHED)
    assert published.frames == 32 and published.temporal_stride == 2
    assert (published.stochastic_depth, published.ema_decay) == (0.1, 0.9999)


def test_the_rate_of_sgd_goes_with_the_batch():
    small = recipes.with_batch_size(recipes.Recipe(), 64)
    assert (small.batch_size, small.learning_rate) == (64, pytest.approx(0.05))
    adam = recipes.Recipe(optimizer="adamw", learning_rate=0.01)
    assert recipes.with_batch_size(adam, 64).learning_rate == 0.01


# The network that is trained.


@pytest.mark.both_backends
def test_precision_and_momentum_are_the_recipes():
    recipe = recipes.Recipe(width=0.125, span=4, bn_momentum=0.5)
    network = fit.build_model(recipe, 5, size=16)
    for one in (network, keras.models.clone_model(network)):  # by its configuration
        layers = list(one._flatten_layers(include_self=False))
        norms = [layer for layer in layers if isinstance(layer, BatchNorm)]
        assert {norm.momentum for norm in norms} == {0.5}
    block = network.get_layer("stage2").blocks[0]
    assert block.spatial_conv.compute_dtype == "bfloat16"
    assert all(weight.dtype == "float32" for weight in network.weights)
    assert network.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_stochastic_depth_is_a_mask_a_clip():
    layer = StochasticDepth(0.25)
    x = np.random.default_rng(0).normal(size=(4000, 2, 1, 1, 3)).astype("float32")
    y = keras.ops.convert_to_numpy(layer(x, training=True))
    kept = (y != 0).all(axis=(1, 2, 3, 4))
    assert ((y == 0).all(axis=(1, 2, 3, 4)) | kept).all()
    np.testing.assert_allclose(y[kept], x[kept] / 0.75, rtol=1e-6)
    assert kept.mean() == pytest.approx(0.75, abs=0.03)
    assert (keras.ops.convert_to_numpy(layer(x)) == x).all()


def test_adamw_takes_from_the_decayed_kernels_what_sgd_would(small):
    recipe = recipes.Recipe(optimizer="adamw", learning_rate=0.002, warmup_epochs=0)
    made = optimizers.optimizer(recipe, 10, small)
    assert not small.losses
    made.build(small.trainable_variables)
    before = [variable.numpy() for variable in small.trainable_variables]
    made.apply([keras.ops.zeros(v.shape) for v in small.trainable_variables])
    decayed = {id(variable) for variable in optimizers.decayed_variables(small)}
    share = recipe.weight_decay * 0.8
    for variable, old in zip(small.trainable_variables, before, strict=True):
        expected = old * (1 - share) if id(variable) in decayed else old
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6)
        variable.assign(old)
    assert 0 < len(decayed) < len(small.trainable_variables)


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


def test_sgd_has_the_decay_in_the_loss(small):
    optimizers.optimizer(recipes.Recipe(), 10, small)
    decayed = optimizers.decayed_variables(small)
    assert len(small.losses) == len(decayed) > 0
    optimizers.add_weight_decay(decayed, 0.0)


def test_an_unknown_optimizer_is_named(model):
    recipe = dataclasses.replace(recipes.Recipe(), optimizer="sdg")
    with pytest.raises(ValueError, match="'sdg'; allowed are sgd, lars, adamw"):
        optimizers.optimizer(recipe, 10, model)
