"""Checkpoints in the official implementation's format."""

import zlib

import numpy as np
import tensorflow as tf

from r3d_rs.models import build

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
HEAD = "model/layer_with_weights-1"


def value(key, shape):
    """Draw a weight from its own name (see fixtures/README.md)."""
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    match key.rpartition("/")[2]:
        case "kernel":
            drawn = rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        case "gamma":
            drawn = rng.uniform(0.8, 1.4, shape) * (0.3 if "_norm3" in key else 1)
        case "moving_variance":
            drawn = rng.uniform(0.5, 1.5, shape)
        case _:
            drawn = rng.normal(0, 0.1, shape)
    return drawn.astype("float32")


def official_shapes(depths, *, stem=(5, 7, 7), classes=None):
    """Name the variables of an official R3D without gates, 1/8 as wide."""

    def norm(root, channels):
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        return {f"{root}/{name}": (channels,) for name in names}

    shapes = {"backbone/layer_with_weights-0/kernel": (*stem, 3, 8)}
    shapes |= norm("backbone/layer_with_weights-1", 8)
    number, channels = 2, 8
    for blocks, filters, taps in zip(
        depths, (8, 16, 32, 64), (1, 1, 3, 3), strict=True
    ):
        for block in range(blocks):
            root = f"backbone/layer_with_weights-{number}"
            number += 1
            convolutions = {
                "temporal": ((taps, 1, 1), channels, filters),
                "spatial": ((1, 3, 3), filters, filters),
                "expand": ((1, 1, 1), filters, 4 * filters),
            }
            if block == 0:
                shapes |= norm(f"{root}/_norm0", 4 * filters)
                convolutions["shortcut"] = ((1, 1, 1), channels, 4 * filters)
            for name, (size, inputs, outputs) in convolutions.items():
                shapes[f"{root}/_{name}_conv/kernel"] = (*size, inputs, outputs)
            for i, width in ((1, filters), (2, filters), (3, 4 * filters)):
                shapes |= norm(f"{root}/_norm{i}", width)
            channels = 4 * filters
    if classes:
        shapes |= {f"{HEAD}/kernel": (256, classes), f"{HEAD}/bias": (classes,)}
    return shapes


def official_values(depths=(3, 4, 6, 3), **options):
    """Return a tiny official network's variables by their names."""
    shapes = official_shapes(depths, **options)
    return {key: value(key, shape) for key, shape in shapes.items()}


def write_objects(path, values):
    """Save nested objects whose paths are the keys."""

    def objects(items):
        children = {}
        for path, leaf in items:
            children.setdefault(path[0], []).append((path[1:], leaf))
        return {
            name: tf.Variable(below[0][1])
            if below[0][0] == ()
            else tf.train.Checkpoint(**objects(below))
            for name, below in children.items()
        }

    tree = objects([(tuple(key.split("/")), leaf) for key, leaf in values.items()])
    return tf.train.Checkpoint(**tree).save(str(path))


def write_keys(path, values):
    """Save the same file format key by key."""
    tf.raw_ops.SaveV2(
        prefix=str(path),
        tensor_names=[key + SUFFIX for key in values],
        shape_and_slices=[""] * len(values),
        tensors=list(values.values()),
    )
    return str(path)


def baseline(frames=4, size=32, num_classes=10, **options):
    """Build the network that such a checkpoint fits."""
    options = {"width": 0.125, "self_gating": "none"} | options
    return build("r3d-50", frames, size, num_classes, **options)
