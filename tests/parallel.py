"""A process that trains a tiny network on all devices there are: `test_devices.py`.

python -m tests.parallel DATA_DIR OUTPUT BATCH_SIZE [VIRTUAL_DEVICES]
"""

import dataclasses
import sys

import keras
import numpy as np

from r3d_rs.data import datasets
from r3d_rs.evaluation.multiview import evaluate
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import devices
from r3d_rs.training.fit import fit
from tests import tiny

RECIPE = Recipe(
    model="r3d-50",
    stem="7x7",
    squeeze_excitation=0.0,
    width=0.125,
    span=4,
    size=16,
    eval_size=16,
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


def main(data_dir, output, batch_size, virtual="1"):
    """Train, evaluate, and write what came out."""
    virtual_devices(int(virtual))
    devices.connect()
    recipe = dataclasses.replace(RECIPE, batch_size=int(batch_size))
    dataset = datasets.load("kinetics-400", data_dir)
    with tiny.shallow():
        model, history = fit(dataset, recipe, seed=0, verbose=0)
        evaluation = evaluate(model, dataset, recipe)
    found = devices.find()
    np.savez(
        output,
        devices=str(found),
        replicas=found.strategy.num_replicas_in_sync if found.strategy else 0,
        loss=history["loss"],
        weights=np.concatenate([w.numpy().ravel() for w in model.weights]),
        ids=evaluation.ids,
        probabilities=evaluation.probabilities,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
