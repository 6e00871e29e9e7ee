"""A process that trains on vectors on all devices: `test_devices.py`.

python -m tests.parallel_pairs OUTPUT VIRTUAL_DEVICES
"""

import sys

import keras
import numpy as np

from r3d_rs.contrastive.loss import NTXent, accuracy
from r3d_rs.models.layers import BatchNorm
from r3d_rs.training import devices
from r3d_rs.training.averaging import Averaging
from tests.parallel import virtual_devices


def main(output, virtual):
    """Train a linear network, without anything a device does for itself."""
    virtual_devices(int(virtual))
    computing = devices.find()
    keras.utils.set_random_seed(0)
    with computing.scope():
        pairs = keras.Input((2, 6))
        model = keras.Model(pairs, keras.layers.Dense(5)(pairs))
        model.compile(
            keras.optimizers.SGD(0.1),
            NTXent(0.1),
            metrics=[keras.metrics.MeanMetricWrapper(accuracy, name="accuracy")],
        )
    x = np.random.default_rng(0).normal(size=(8, 2, 6)).astype("float32")
    history = model.fit(
        x, np.zeros(8), batch_size=8, epochs=3, shuffle=False, verbose=0
    ).history
    np.savez(
        output,
        devices=computing.count,
        kernel=model.weights[0].numpy(),
        **history,
        **statistics(computing, x[:, 0]),
    )


def statistics(computing, x):
    """Return the means that normalization has of a batch, and their averages."""
    with computing.scope():
        inputs = keras.Input((1, 1, 1, 6))
        network = keras.Model(inputs, BatchNorm(momentum=0.0, name="norm")(inputs))
        averaging = Averaging(network, 0.5)
        averaging.compile("sgd", "mse")
    clips = x[:, None, None, None]
    averaging.fit(clips, clips, batch_size=len(x), epochs=1, verbose=0)
    means = network.get_layer("norm").moving_mean.numpy()
    averaged = averaging.averaged().get_layer("norm").moving_mean.numpy()
    return {"of_batch": x.mean(0), "moving_mean": means, "averaged_mean": averaged}


if __name__ == "__main__":
    main(*sys.argv[1:])
