"""A process that trains on pairs of vectors on all devices: `test_devices.py`.

python -m tests.parallel_pairs OUTPUT VIRTUAL_DEVICES
"""

import sys

import keras
import numpy as np

from r3d_rs.contrastive.loss import NTXent, accuracy
from r3d_rs.training import devices
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
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
