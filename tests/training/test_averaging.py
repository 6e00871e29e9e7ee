"""Averages of weights and statistics, against a few lines of NumPy."""

import keras
import numpy as np
import pytest

from r3d_rs.training.averaging import Averaging

pytestmark = pytest.mark.both_backends


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    x = keras.layers.Dense(4)(inputs)
    x = keras.layers.BatchNormalization(momentum=0.0)(x)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


@pytest.mark.parametrize("decay", [0.9999, 0.3])
def test_averages_are_of_weights_and_of_statistics(network, decay):
    model = Averaging(network, decay)
    model.compile(keras.optimizers.SGD(0.5), "mse")
    seen = [[weight.numpy() for weight in network.weights]]
    after_step = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: seen.append([w.numpy() for w in network.weights])
    )
    random = np.random.default_rng(0)
    x, y = random.normal(size=(8, 5)), random.normal(size=(8, 3))
    # A step an epoch, at whose end Keras gives variables their values on every backend.
    model.fit(x, y, batch_size=8, epochs=12, verbose=0, callbacks=[after_step])

    averages = seen[0]
    for step, weights in enumerate(seen[1:], start=1):
        d = min(decay, (1 + step) / (10 + step))
        averages = [d * a + (1 - d) * w for a, w in zip(averages, weights, strict=True)]
    assert len(averages) == 8  # two kernels, two biases, and four of normalization
    assert not np.allclose(averages[0], seen[-1][0], rtol=1e-3)
    averaged = model.averaged()
    for found, expected in zip(averaged.weights, averages, strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert averaged is network


def test_averages_are_not_trained(network):
    model = Averaging(network, 0.9)
    assert len(model.trainable_variables) == len(network.trainable_variables)
    assert not any(average.trainable for average in model.averages)
    x = np.ones((2, 5), "float32")
    assert np.allclose(model(x), network(x))
