"""Probes of motion: how much accuracy depends on the order of frames, or on motion.

Four measurements on the evaluated split: a network on clips; the same network on
reversed and on shuffled clips; a network trained and evaluated on single frames; and
ridge regression on frame differences.
"""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from r3d_rs import files
from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.evaluation.multiview import evaluate
from r3d_rs.recipes import recipe as recipes
from r3d_rs.training.fit import build, fit

#: Cells along height and along width for frame differences, and the ridge penalty.
GRID, PENALTY = 8, 1e-2


def reverse(views):
    """Play clips `(view, time, height, width, channel)` backwards."""
    return views[:, ::-1]


def shuffle(views):
    """Put the frames of every clip in one fixed random order."""
    order = np.random.default_rng(0).permutation(views.shape[1])
    return views[:, order]


def freeze(views):
    """Repeat the middle frame of every clip."""
    middle = views.shape[1] // 2
    return tf.repeat(views[:, middle : middle + 1], views.shape[1], axis=1)


def difference_features(clip) -> np.ndarray:
    """Average the absolute differences of three frames over `GRID` by `GRID` cells.

    Args:
        clip: `(time, height, width, channel)`.

    Returns:
        `(2 * GRID * GRID,)`.
    """
    frames = clip[[0, len(clip) // 2, -1]].mean(-1)
    size = frames.shape[1] // GRID * GRID
    cells = np.abs(np.diff(frames[:, :size, :size], axis=0))
    cells = cells.reshape(2, GRID, size // GRID, GRID, size // GRID).mean((2, 4))
    return cells.ravel()


def ridge_accuracy(dataset: Dataset, recipe: recipes.Recipe) -> float:
    """Return the top-1 of ridge regression on the frame differences of centre clips."""
    centre = dataclasses.replace(recipe, temporal_views=1, spatial_views=1)

    def features(split):
        videos = pipeline.evaluation_views(dataset, centre, split=split)
        rows = [
            (difference_features(video["views"][0]), video["label"])
            for video in videos.as_numpy_iterator()
        ]
        return np.stack([x for x, _ in rows]), np.array([y for _, y in rows])

    x, y = features("train")
    mean, deviation = x.mean(0), x.std(0) + 1e-6

    def scaled(x):
        return np.hstack([(x - mean) / deviation, np.ones((len(x), 1))])

    x, targets = scaled(x), np.eye(len(dataset.classes))[y]
    gram = x.T @ x + PENALTY * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ targets)
    x, y = features(dataset.evaluated)
    return float(((scaled(x) @ weights).argmax(1) == y).mean())


def write(
    dataset: Dataset,
    recipe: recipes.Recipe,
    results: Path,
    *,
    seed: int = 0,
    model: keras.Model | None = None,
) -> Path:
    """Measure all probes and write `<results>/<dataset>/probes.json`.

    Args:
        dataset: dataset to train and evaluate on.
        recipe: recipe that trains both networks from random weights.
        results: folder of the records.
        seed: seeds weights, order and crops.
        model: a network trained with the recipe; None trains one.

    Returns:
        The file.
    """

    def trained(transform=None):
        model = build(recipe, dataset, seed=seed)
        fit(model, dataset, recipe, seed=seed, transform=transform)
        return model

    def top1(network, transform=None):
        return evaluate(network, dataset, recipe, transform=transform).metrics()

    model, single = model or trained(), trained(freeze)
    measured = {
        "dataset": dataset.name,
        "recipe": recipes.as_dict(recipe),
        "seed": seed,
        "chance": 1 / len(dataset.classes),
        "clips": top1(model),
        "reversed": top1(model, reverse),
        "shuffled": top1(model, shuffle),
        "trained_on_single_frames": top1(single, lambda x: np.asarray(freeze(x))),
        "ridge_on_frame_differences": {"video_top1": ridge_accuracy(dataset, recipe)},
    }
    path = results / dataset.name / "probes.json"
    files.write_json(path, measured)
    return path
