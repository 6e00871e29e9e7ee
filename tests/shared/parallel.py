"""What a process of its own computes: on virtual devices, beside another process, or on
the other backend. `tests/training/test_devices.py` starts it:

python -m tests.shared.parallel devices OUTPUT DATA_DIR [VIRTUAL_DEVICES]
python -m tests.shared.parallel steps OUTPUT
"""

import dataclasses
import math
import sys

import keras
import numpy as np

from r3d_rs.contrastive.loss import NTXent, accuracy
from r3d_rs.data import datasets
from r3d_rs.evaluation.multiview import evaluate, for_evaluation, predict_clips
from r3d_rs.models.layers import BatchNorm
from r3d_rs.recipes import scales, table2
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import devices, fit
from r3d_rs.training.averaging import Averaging
from tests.shared import tiny
from tests.shared.steps import build_and_fit

RECIPE = Recipe(
    **tiny.SMALL | {"batch_size": 8},
    model="r3d-50",
    stem="7x7",
    squeeze_excitation=0.0,
    epochs=2,
    warmup_epochs=1,
    learning_rate=0.001,
    clip_norm=1.0,
    # TensorFlow draws the same masks for each device's part, JAX draws for the whole.
    stochastic_depth=0.0,
    dropout=0.0,
    spatial_views=1,
)


def of_network(data_dir) -> dict:
    """Train a network on the tiny videos and evaluate it; return what came out."""
    dataset = datasets.load("kinetics-400", data_dir)
    with tiny.shallow(1, 1, 1, 1):
        model, history = build_and_fit(dataset, RECIPE)
        evaluation = evaluate(model, dataset, RECIPE)
        network = for_evaluation(model, RECIPE)
    shape = (5, RECIPE.frames, RECIPE.eval_size, RECIPE.eval_size, 3)
    clips = np.random.default_rng(0).random(shape, "float32")  # no device divides them
    shards = getattr(devices.divided(clips), "addressable_shards", ())
    return {
        "devices": str(devices.find()),
        "loss": history["loss"],
        "weights": np.concatenate([w.numpy().ravel() for w in model.weights]),
        "ids": evaluation.ids,
        "probabilities": evaluation.probabilities,
        "of_five": predict_clips(network, clips),
        "parts": [len(shard.data) for shard in shards],
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


def of_devices(data_dir, virtual="1") -> dict:
    """Compute on virtual devices, or with other processes."""
    if keras.backend.backend() == "tensorflow":  # on JAX a flag of XLA has done it
        import tensorflow as tf

        [cpu] = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * int(virtual)
        )
    devices.connect()
    found = devices.find()
    return {
        **({} if found.processes > 1 else of_pairs()),
        **of_network(data_dir),
        "replicas": found.strategy.num_replicas_in_sync if found.strategy else 0,
    }


def of_steps() -> dict:
    """Take a few training steps by a recipe of Pantomime's, from weights of NumPy's.

    Nothing is drawn in them: backends draw other masks. They are three: after a fourth
    the backends' weights are a thousandth of their way apart, by rounding alone.
    """
    classes, batch, steps = 5, 8, 3
    recipe = dataclasses.replace(
        scales.at_pantomime_scale(table2.of_model("r3d-rs-50")),
        width=0.125,
        span=20,
        size=16,
        stochastic_depth=0.0,
        dropout=0.0,
        zero_init_last=False,
    )
    draw = np.random.default_rng(0)
    model = fit.compiled(recipe, classes, steps)
    for variable in model.trainable_variables:
        if variable.path.endswith("kernel"):
            scale = math.sqrt(2 / math.prod(variable.shape[:-1]))
            variable.assign(draw.normal(0, scale, variable.shape))

    def weights():
        """Return all that training changes, statistics of normalization too."""
        return np.concatenate(
            [w.numpy().ravel() for w in model.weights if "seed" not in w.path]
        )

    before, losses = weights(), []
    for _ in range(steps):
        clips = draw.random((batch, recipe.frames, recipe.size, recipe.size, 3))
        labels = keras.utils.to_categorical(draw.integers(classes, size=batch), classes)
        losses.append(model.train_on_batch(clips.astype("float32"), labels)[0])
        model.reset_metrics()
    return {
        "backend": keras.backend.backend(),
        "loss": losses,
        "before": before,
        "after": weights(),
    }


def main(what, output, *arguments):
    """Write what came out."""
    compute = {"devices": of_devices, "steps": of_steps}[what]
    np.savez(output, **compute(*arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
