"""What is trained on all devices there are, in a process of its own: `test_devices.py`.

python -m tests.shared.parallel DATA_DIR OUTPUT [VIRTUAL_DEVICES]
"""

import functools
import sys

import keras
import numpy as np

from r3d_rs.contrastive.loss import NTXent, accuracy
from r3d_rs.data import datasets
from r3d_rs.evaluation.multiview import evaluate
from r3d_rs.models.layers import BatchNorm
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import devices
from r3d_rs.training.averaging import Averaging
from r3d_rs.training.fit import fit
from tests.shared import tiny

RECIPE = Recipe(
    model="r3d-50",
    stem="7x7",
    squeeze_excitation=0.0,
    width=0.125,
    span=4,
    size=16,
    eval_size=16,
    batch_size=8,
    epochs=2,
    warmup_epochs=1,
    learning_rate=0.001,
    clip_norm=1.0,
    # TensorFlow draws the same masks for each device's part, JAX draws for the whole.
    stochastic_depth=0.0,
    dropout=0.0,
    temporal_views=2,
    spatial_views=1,
    precision="float32",
)


def virtual_devices(count: int):
    """Split TensorFlow's CPU; on JAX a flag of XLA has done it."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * count
        )


def of_network(data_dir) -> dict:
    """Train a network on the tiny videos and evaluate it; return what came out."""
    dataset = datasets.load("kinetics-400", data_dir)
    with tiny.shallow(1, 1, 1, 1):
        model, history = fit(dataset, RECIPE, seed=0, verbose=0)
        evaluation = evaluate(model, dataset, RECIPE)
    return {
        "loss": history["loss"],
        "weights": np.concatenate([w.numpy().ravel() for w in model.weights]),
        "ids": evaluation.ids,
        "probabilities": evaluation.probabilities,
    }


def of_pairs() -> dict:
    """Train a linear network on vectors, without anything a device does for itself."""
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
    return {
        "pairs_kernel": model.weights[0].numpy(),
        "pairs_loss": history["loss"],
        "pairs_accuracy": history["accuracy"],
        **_statistics(computing, x[:, 0]),
    }


def _statistics(computing, x):
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


def main(data_dir, output, virtual="1"):
    """Compute on virtual devices, or with other processes, and write what came out."""
    virtual_devices(int(virtual))
    devices.connect()
    # TensorFlow's strategies of one process take each other's sums for their own.
    devices.find = functools.cache(devices.find)
    found = devices.find()
    several = {} if found.processes > 1 else of_pairs()
    np.savez(
        output,
        devices=str(found),
        replicas=found.strategy.num_replicas_in_sync if found.strategy else 0,
        **of_network(data_dir),
        **several,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
