"""Steps of our networks, for `worker.stepping`.

On the backend that `KERAS_BACKEND` names. Training is Keras' own loop over a model of
`fit.compiled`, as a run has it; the same batch of clips is at hand for every step.
"""

import contextlib
import dataclasses
import importlib
import itertools
import sys
from importlib.metadata import version

import keras
import numpy as np
import tensorflow as tf
import worker

from r3d_rs.models import complexity
from r3d_rs.recipes import recipe as recipes
from r3d_rs.training import devices, fit, loop

#: Of the learning rate's schedule; far more than a benchmark does.
STEPS_PER_EPOCH = 1000


def build(settings: dict):
    """Return what there is to say, and a function that does so many steps.

    Settings: `recipe` (of `recipes.as_dict`), `classes`, `task` ("training" or
    "inference"), `plain` (whether in the plain form), `devices` (virtual ones, on
    TensorFlow; on JAX `XLA_FLAGS` makes them) and `platform` ("cpu" or "gpu").
    """
    count, jax_backend = settings.get("devices", 1), backend() == "jax"
    if jax_backend:
        _set_flags()
    if count > 1 and not jax_backend:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0],
            [tf.config.LogicalDeviceConfiguration()] * count,
        )
    if settings.get("plain"):
        import plain_form

        plain_form.use()
    recipe = recipes.from_dict(settings["recipe"])
    computing = devices.find()
    found = (computing.kind, computing.count)
    wanted = (settings.get("platform", "cpu"), count)
    if found != wanted:
        sys.exit(f"devices: found {found} on {backend()}; wanted {wanted}")
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    shape = (recipe.batch_size, recipe.frames, recipe.size, recipe.size, 3)
    clips = random.random(shape, "float32")
    classes = random.integers(settings["classes"], size=recipe.batch_size)
    labels = np.eye(settings["classes"], dtype="float32")[classes]
    prepare = _training if settings["task"] == "training" else _inference
    with computing.scope():
        model, run = prepare(recipe, clips, labels)
    return about(model), run, _device_peak


def _set_flags() -> None:
    """Set XLA's flags as a run does; versions before there were any have none."""
    with contextlib.suppress(ModuleNotFoundError):
        importlib.import_module("r3d_rs.training.compiled").set_flags()


def backend() -> str:
    """Return Keras' backend."""
    return keras.backend.backend()


def _training(recipe, clips, labels):
    schedule = dataclasses.replace(recipe, warmup_epochs=0.0)
    model = fit.compiled(schedule, labels.shape[1], STEPS_PER_EPOCH)
    if backend() == "jax":
        import jax

        batch = (jax.device_put(clips), jax.device_put(labels))

        def batches():  # Keras takes a generator's arrays as they are
            yield from itertools.repeat(batch)
    else:
        options = tf.data.Options()
        options.autotune.enabled = False  # as in r3d_rs/data/pipeline.py
        dataset = tf.data.Dataset.from_tensors((clips, labels)).repeat()
        dataset = dataset.with_options(options)

        def batches():
            return dataset

    def run(steps):
        history = model.fit(
            batches(), steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0
        )
        return float(history.history["loss"][-1])

    return model, run


def _inference(recipe, clips, labels):
    network = fit.build_model(recipe, labels.shape[1], size=recipe.size)
    network.compile(jit_compile=loop.jit_compile())

    def run(steps):
        return sum(float(network.predict_on_batch(clips).sum()) for _ in range(steps))

    return network, run


def _device_peak() -> int | None:
    if backend() != "jax":
        return None
    import jax

    return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")


def about(model) -> dict:
    """Return what there is to say about the side."""
    counted = complexity(model)
    packages = {"tensorflow": "tensorflow-cpu", "jax": "jax"}[backend()]
    return {
        "parameters": counted.params,
        "macs": counted.macs,
        "versions": f"keras {version('keras')}, {packages} {version(packages)}",
    }


if __name__ == "__main__":
    worker.serve(worker.stepping(build))
