"""Sides of this library and of TensorFlow, on the backend in `KERAS_BACKEND`."""

import atexit
import dataclasses
import itertools
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import keras
import numpy as np
import tensorflow as tf
import worker

from r3d_rs.data import datasets, model_garden, pipeline
from r3d_rs.evaluation import multiview
from r3d_rs.models import complexity
from r3d_rs.recipes import recipe as recipes
from r3d_rs.training import devices, fit, loop

#: Steps per epoch of the learning rate's schedule, far more than a benchmark takes.
STEPS_PER_EPOCH = 1000


def multiply(settings: dict):
    """Multiply float32 matrices of `size` squared; the amount is 10^9 operations."""
    size = settings["size"]
    a, b = (tf.random.normal((size, size)) for _ in range(2))

    def run(times):
        for _ in range(times):
            value = float(tf.linalg.matmul(a, b)[0, 0])
        return {"value": value}

    return {"amount": 2e-9 * size**3, "counts": {}, "versions": versions()}, run


def copy(settings: dict):
    """Copy `size` bytes with one thread per core; the amount is 10^9 bytes moved."""
    size, threads = settings["size"], worker.cores()
    a, b = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    parts = [np.array_split(array, threads) for array in (b, a)]
    pool = ThreadPoolExecutor(threads)

    def run(times):
        for _ in range(times):
            list(pool.map(np.copyto, *parts))
        return {"value": float(b[-1])}

    about = {"amount": 2e-9 * size, "counts": {}}
    return {**about, "versions": f"numpy {version('numpy')}"}, run


def step(settings: dict):
    """Train on the same batch, or predict it; the amount counts clips.

    Training is Keras' own loop over a model of `fit.compiled`, as in a run.
    """
    recipe = recipes.from_dict(settings["recipe"])
    computing, kind = devices.find(), settings.get("platform", "cpu")
    if (computing.kind, computing.count) != (kind, 1):
        sys.exit(f"found {computing.count} {computing.kind}; wanted 1 {kind}")
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    shape = (recipe.batch_size, recipe.frames, recipe.size, recipe.size, 3)
    clips = random.random(shape, "float32")
    classes = random.integers(settings["classes"], size=recipe.batch_size)
    labels = np.eye(settings["classes"], dtype="float32")[classes]
    prepare = _training if settings["task"] == "training" else _inference
    model, run = prepare(recipe, clips, labels)
    told = {"amount": recipe.batch_size, **about(model)}
    if kind == "gpu":
        import jax

        told["card"] = jax.devices()[0].device_kind
    return told, run


def _training(recipe, clips, labels):
    schedule = dataclasses.replace(recipe, warmup_epochs=0.0)
    model = fit.compiled(schedule, labels.shape[1], STEPS_PER_EPOCH)
    model.optimizer.build(model.trainable_variables)  # as in r3d_rs/training/loop.py
    if keras.backend.backend() == "jax":
        import jax

        batch = (jax.device_put(clips), jax.device_put(labels))

        def batches():  # Keras uses a generator's arrays as they are
            yield from itertools.repeat(batch)
    else:
        options = tf.data.Options()
        options.autotune.enabled = False  # as in r3d_rs/data/pipeline.py
        dataset = tf.data.Dataset.from_tensors((clips, labels)).repeat()
        dataset = dataset.with_options(options)

        def batches():
            return dataset

    def run(times):
        history = model.fit(
            batches(), steps_per_epoch=times, epochs=1, shuffle=False, verbose=0
        )
        return {"value": history.history["loss"][-1], "device_peak": _device_peak()}

    return model, run


def _inference(recipe, clips, labels):
    model = fit.build_model(recipe, labels.shape[1], size=recipe.size)
    model.compile(jit_compile=loop.jit_compile())

    def run(times):
        for _ in range(times):
            value = float(model.predict_on_batch(clips).sum())
        return {"value": value}

    return model, run


def _device_peak() -> int | None:
    if keras.backend.backend() != "jax":
        return None
    import jax

    return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")


def evaluation(settings: dict):
    """Evaluate the only video of `records` from its file; the amount counts views.

    Views, network, prediction and average are as in `multiview.evaluate`.
    """
    recipe = recipes.from_dict(settings["recipe"])
    stream = pipeline.evaluation_views(
        dataset_of(settings["records"]), recipe, split="train"
    )
    keras.utils.set_random_seed(0)
    model = fit.build_model(recipe, settings["classes"], size=recipe.size)
    network = multiview.for_evaluation(model, recipe)
    [video] = stream.as_numpy_iterator()
    told, views = about(network), video["views"]
    told["counts"]["views_shape"] = list(views.shape)

    def run(times):
        for _ in range(times):
            [(_, softmax)] = multiview.predict_videos(
                network, stream.as_numpy_iterator()
            )
        return {"value": float(softmax.mean(0).sum())}

    return {"amount": len(views), "views_mean": float(views.mean()), **told}, run


def clips(settings: dict):
    """Draw batches from the training pipeline; the amount counts clips."""
    recipe = recipes.Recipe(
        batch_size=settings["batch_size"],
        span=settings["frames"] * settings["temporal_stride"],
        temporal_stride=settings["temporal_stride"],
        size=settings["size"],
        area_range=(0.08, 1.0),
        flip=True,
    )
    dataset = dataset_of(settings["records"])
    batches = iter(pipeline.training_clips(dataset, recipe, seed=0))

    def run(times):
        for _ in range(times):
            batch, _ = next(batches)
        return {"value": float(np.mean(batch[0, 0]))}

    counts = {"clips_shape": list(next(batches)[0].shape)}
    own = f"r3d-rs {version('r3d-rs')}, {versions()}"
    return {"amount": recipe.batch_size, "counts": counts, "versions": own}, run


def dataset_of(records: str) -> datasets.Dataset:
    """Return the records of a folder as a dataset."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    model_garden.use_records("kinetics-400", records, folder, progress=False)
    return datasets.load("kinetics-400", folder)


def about(model) -> dict:
    """Return a network's counts and the versions of the packages."""
    counted = complexity(model)
    counts = {"parameters": counted.params, "macs": counted.macs}
    return {"counts": counts, "versions": f"keras {version('keras')}, {versions()}"}


def versions() -> str:
    """Return the version of the backend."""
    package = {"tensorflow": "tensorflow-cpu", "jax": "jax"}[keras.backend.backend()]
    return f"{package} {version(package)}"


WORK = {
    function.__name__: function
    for function in (multiply, copy, step, evaluation, clips)
}

if __name__ == "__main__":
    worker.serve(lambda settings: WORK[settings["work"]](settings))
