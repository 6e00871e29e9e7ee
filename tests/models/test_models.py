"""The networks: their layers in each form, round trips, gradients, precision."""

import keras
import numpy as np
import pytest
from keras import ops

from r3d_rs.models import build, layers
from tests.shared.tiny import shallow

CLIP = np.random.default_rng(0).uniform(0, 1, (2, 4, 32, 32, 3)).astype("float32")


def tiny(name="r3d-rs-50", **overrides):
    return build(name, 4, 32, 5, width=0.125, **overrides)


@pytest.mark.both_backends
@pytest.mark.parametrize(
    ("kernel", "strides", "shape"),
    [
        ((5, 3, 3), (2, 2, 2), (2, 9, 15, 15, 3)),
        ((5, 7, 7), (2, 2, 2), (1, 8, 16, 16, 3)),
        ((1, 3, 3), (1, 1, 1), (2, 3, 8, 8, 4)),
        ((1, 3, 3), (1, 2, 2), (2, 3, 8, 9, 4)),
        ((3, 1, 1), (1, 1, 1), (2, 5, 4, 4, 8)),
        ((1, 1, 1), (1, 1, 1), (2, 3, 7, 8, 4)),
        ((1, 1, 1), (1, 2, 2), (2, 3, 7, 8, 4)),
        ((1, 3, 3), (1, 1, 1), (2, 3, 2, 2, 4)),
        ((1, 3, 3), (1, 2, 2), (2, 3, 2, 2, 4)),
        ((1, 3, 3), (1, 1, 1), (2, 3, 1, 2, 4)),
        ((1, 3, 3), (1, 2, 2), (2, 3, 2, 1, 4)),
        ((1, 3, 3), (1, 2, 2), (2, 3, 1, 1, 4)),
        ((5, 3, 3), (2, 2, 2), (2, 1, 6, 6, 3)),
    ],
)
def test_a_convolution_in_each_form_equals_the_3d_one(kernel, strides, shape):
    rng = np.random.default_rng(1)
    x = ops.convert_to_tensor(rng.normal(size=shape).astype("float32"))
    weights = rng.normal(size=(*kernel, shape[-1], 6)).astype("float32")
    weights = ops.convert_to_tensor(weights)
    expected = ops.conv(x, weights, strides, "same", "channels_last")
    got = layers.conv3d(x, weights, strides)
    assert got.shape == expected.shape
    error = ops.max(ops.abs(got - expected)) / ops.max(ops.abs(expected))
    assert float(error) < 1e-5
    declared = layers.Conv3D(6, kernel, strides).compute_output_shape(shape)
    assert tuple(expected.shape) == declared


def gradient(function, x):
    """Return the gradient of a sum of what a function returns."""
    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(lambda x: function(x).sum())(x))
    import tensorflow as tf

    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = ops.sum(function(x))
    return tape.gradient(value, x).numpy()


@pytest.mark.both_backends
@pytest.mark.parametrize("shape", [(2, 3, 8, 8, 5), (2, 3, 7, 9, 5), (1, 1, 1, 2, 3)])
def test_max_pooling_is_keras_own_and_its_gradient_goes_to_the_first_of_equals(shape):
    rng = np.random.default_rng(4)
    x = rng.integers(-3, 3, size=shape).astype("float32")  # many are equal
    pool = layers.MaxPool()
    images = layers.fold_frames(x)
    expected = ops.max_pool(images, 3, 2, "same", "channels_last")
    got = pool(x)
    assert got.shape == pool.compute_output_shape(shape)
    assert np.array_equal(layers.fold_frames(got), expected)
    weights = rng.normal(size=got.shape).astype("float32")
    found = gradient(lambda x: pool(x) * weights, x)
    own = gradient(
        lambda x: ops.max_pool(x, 3, 2, "same", "channels_last")
        * layers.fold_frames(weights),
        images,
    )
    np.testing.assert_allclose(layers.fold_frames(found), own, rtol=1e-5, atol=1e-5)


@pytest.mark.both_backends
@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="TensorFlow's own pooling hides a NaN"
)
def test_max_pooling_hides_no_nan():
    x = np.zeros((1, 1, 4, 4, 1), "float32")
    x[0, 0, 2, 2] = np.nan
    assert np.isnan(np.asarray(layers.MaxPool()(x))).any()


@pytest.mark.both_backends
@pytest.mark.parametrize("training", [False, True])
def test_batch_normalization_is_keras_own_in_its_numbers(training):
    x = np.random.default_rng(2).normal(3, 2, (2, 3, 4, 4, 5)).astype("float32")
    ours = layers.BatchNorm(momentum=0.9, epsilon=1e-5)
    keras_own = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    for _ in range(3):
        got, expected = ours(x, training=training), keras_own(x, training=training)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_allclose(
            getattr(ours, name).numpy(), getattr(keras_own, name).numpy(), rtol=1e-4
        )


@pytest.mark.both_backends
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX's form alone")
@pytest.mark.parametrize("training", [False, True])
def test_gates_joined_to_normalization_are_those_after_it(training):
    import jax

    rng = np.random.default_rng(6)
    x, weights = rng.normal(3, 2, (2, 4, 3, 5, 5, 8)).astype("float32")
    norm = layers.BatchNorm(momentum=0.9)
    own = keras.layers.BatchNormalization(epsilon=1e-5, momentum=0.9)
    gates = [layers.SelfGating(), layers.SqueezeExcitation(0.5)]
    for layer in (norm, own, *gates):
        layer.build(x.shape)
    start = [rng.uniform(1, 2, 8).astype("float32") for _ in range(4)]

    def joined(x):
        return layers.gated_norm(norm, gates, x, training)

    def apart(x):
        x = own(x, training=training)
        for gate in gates:
            x = gate(x)
        return x

    found = []
    for function, layer in ((joined, norm), (apart, own)):
        layer.set_weights(start)
        trained = [v for part in (layer, *gates) for v in part.trainable_variables]

        def loss(x, values, function=function, trained=trained):
            given = list(zip(trained, values, strict=True))
            with keras.StatelessScope(state_mapping=given):
                return (function(x) * weights).sum()

        values = [v.value for v in trained]
        found.append(jax.tree.leaves(jax.grad(loss, (0, 1))(x, values)))
        found[-1].append(function(x))
        found[-1] += [v.value for v in layer.non_trainable_variables]
    for got, expected in zip(*found, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * scale)


@pytest.mark.both_backends
def test_a_variance_far_below_the_mean_is_found_once_the_moving_mean_is_near():
    x = np.random.default_rng(7).normal(1000, 1, (2, 3, 4, 4, 5)).astype("float32")
    norm = layers.BatchNorm(momentum=0.0)
    for _ in range(2):
        norm(x, training=True)
    expected = x.astype("float64").var((0, 1, 2, 3))
    np.testing.assert_allclose(norm.moving_variance.numpy(), expected, rtol=1e-4)


@pytest.mark.both_backends
def test_stochastic_depth_drops_whole_clips_and_keeps_the_mean():
    keras.utils.set_random_seed(0)
    layer = layers.StochasticDepth(0.25)
    x = np.random.default_rng(0).normal(size=(4000, 2, 1, 1, 3)).astype("float32")
    y = ops.convert_to_numpy(layer(x, training=True))
    kept = (y != 0).all(axis=(1, 2, 3, 4))
    assert ((y == 0).all(axis=(1, 2, 3, 4)) | kept).all()
    np.testing.assert_allclose(y[kept], x[kept] / 0.75, rtol=1e-6)
    assert kept.mean() == pytest.approx(0.75, abs=0.03)  # four standard errors
    assert (ops.convert_to_numpy(layer(x)) == x).all()


def test_self_gating_and_stochastic_depth_sit_where_they_are_asked_for():
    for self_gating, gated in (("last", 4), ("all", 16), ("none", 0)):
        with keras.StatelessScope(initialize_variables=False):
            model = tiny(self_gating=self_gating, stochastic_depth=0.2)
        stages = [model.get_layer(f"stage{stage}").blocks for stage in (2, 3, 4, 5)]
        assert [len(blocks) for blocks in stages] == [3, 4, 6, 3]
        found = [[b.self_gating is not None for b in blocks] for blocks in stages]
        assert sum(map(sum, found)) == gated
        assert all(blocks[-1] == (gated > 0) for blocks in found)
    rates = [blocks[0].stochastic_depth.rate for blocks in stages]
    assert rates == pytest.approx([0.08, 0.12, 0.16, 0.20])  # grows by stage


@pytest.mark.both_backends
@shallow()
def test_a_model_saves_and_loads_and_its_weights_fit_another_clip_size(tmp_path):
    model = tiny(stochastic_depth=0.2, self_gating="all")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict_on_batch(CLIP), loaded.predict_on_batch(CLIP)
    )
    large = build("r3d-rs-50", 6, 40, 5, width=0.125, self_gating="all")
    large.set_weights(model.get_weights())


@pytest.mark.both_backends
@shallow()
def test_mixed_precision_ends_in_float32_logits():
    policy = keras.config.dtype_policy()
    logits = {}
    try:
        for name in ("float32", "mixed_bfloat16"):
            keras.config.set_dtype_policy(name)
            keras.utils.set_random_seed(0)
            model = tiny()
            logits[name] = model.predict_on_batch(CLIP)
            assert logits[name].dtype == "float32"
    finally:
        keras.config.set_dtype_policy(policy)
    block = model.get_layer("stage4").blocks[0]
    assert block.spatial_conv.compute_dtype == "bfloat16"
    assert block.norm1.moving_mean.dtype == "float32"
    exact, rounded = logits.values()
    assert np.abs(rounded - exact).max() < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize(
    "name", ["r3d-50", pytest.param("r3d-rs-50", marks=pytest.mark.both_backends)]
)
@shallow()
def test_every_parameter_learns(name):
    keras.utils.set_random_seed(0)
    model = tiny(name, dropout=0.0)
    before = [v.numpy().copy() for v in model.trainable_variables]
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    assert np.isfinite(model.train_on_batch(CLIP, np.array([1, 2])))
    still = [
        v.path
        for v, old in zip(model.trainable_variables, before, strict=True)
        if (v.numpy() == old).all()
    ]
    assert not still


@pytest.mark.slow
def test_the_deepest_model_builds_saves_and_loads(tmp_path):
    model = build("r3d-rs-350", 4, 32, 5, width=0.125)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(CLIP), loaded(CLIP))


@shallow()
def test_a_wrong_argument_is_named_with_what_is_allowed():
    with pytest.raises(ValueError, match=r"'r3d-rs-999'.*r3d-rs-50"):
        build("r3d-rs-999")
    for argument, value in {
        "frames": 0,
        "size": 2.5,
        "num_classes": -1,
        "width": 0,
        "stem": "9x9",
        "squeeze_excitation": 2,
        "self_gating": "first",
        "stochastic_depth": 1.0,
        "dropout": -0.1,
        "bn_momentum": 1.5,
    }.items():
        for wrong in (value, None if argument == "dropout" else "0.5", float("inf")):
            with pytest.raises(ValueError, match=rf"{argument} is .*; allowed"):
                build("r3d-rs-50", **{argument: wrong})
    with pytest.raises(ValueError, match="zero_init_last is 'no'; allowed are True, F"):
        build("r3d-rs-50", zero_init_last="no")
    assert build("r3d-rs-50", np.int64(2), np.int64(32), 5, width=0.125)
