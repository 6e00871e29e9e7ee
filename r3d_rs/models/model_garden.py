"""Import weights from checkpoints of the official implementation.

TensorFlow Model Garden (tf-models-official) writes TF2 object-based checkpoints. Their
keys are paths through the saved objects: `backbone/layer_with_weights-6/_norm1/gamma`.
Layers with weights are numbered in order; a bottleneck block counts as one layer.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras

from r3d_rs.models.layers import BatchNorm, Conv3D
from r3d_rs.models.resnet3d import Bottleneck, Stage

PARTS = ("model", "backbone")

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_SLOT = "/.OPTIMIZER_SLOT/"


class CheckpointMismatch(ValueError):
    """Checkpoint and network have different variables, which the message lists."""


@dataclass(frozen=True)
class CheckpointReport:
    """Result of `load_model_garden_checkpoint`.

    Args:
        prefix: the checkpoint's prefix.
        loaded: number of variables set.
        averaged: number of these that were set to their exponential moving average.
    """

    prefix: str
    loaded: int
    averaged: int


@dataclass(frozen=True)
class _Weight:
    """Variable of the network, with its key and shape in a checkpoint."""

    key: str
    variable: keras.Variable
    shape: tuple[int, ...]


def load_model_garden_checkpoint(
    model: keras.Model, prefix: str | Path, *, part: str = "model"
) -> CheckpointReport:
    """Set a network's weights from a checkpoint of the official implementation.

    The checkpoint may be from a trainer (with both backbone and model), from a model
    alone, or from a backbone alone, such as CVRL's. If the checkpoint has a variable's
    exponential moving average, the average is loaded, because the official
    implementation evaluates with it. All variables are checked before any is set.

    Args:
        model: a network from `models.build` with the checkpoint's architecture and any
            `frames` and `size`.
        prefix: path of the checkpoint without `.index` or `.data-…`.
        part: "model", or "backbone" for everything except the head.

    Returns:
        The number of variables set, and how many of them are averages.

    Raises:
        ValueError: if `part` is not allowed.
        FileNotFoundError: if there is no checkpoint with this prefix.
        OSError: if the checkpoint's data are damaged; the network is unchanged.
        CheckpointMismatch: if variables are missing from the checkpoint, missing from
            the network, or have different shapes. The message lists them, and the
            network is unchanged.

    Example:
        ```python
        model = r3d_rs.models.build("r3d-50", self_gating="none")
        load_model_garden_checkpoint(model, "r3d_1x_k400_backbone-1", part="backbone")
        ```
    """
    if part not in PARTS:
        raise ValueError(f"part is {part!r}; allowed are {', '.join(PARTS)}")
    reader, found = _open(str(prefix))
    shapes = {
        key.removesuffix(_VALUE): tuple(shape)
        for key, shape in found.items()
        if key.endswith(_VALUE)
    }
    saved = {key: shape for key, shape in shapes.items() if _SLOT not in key}
    averages = {
        key.partition(_SLOT)[0]: key
        for key in shapes
        if _SLOT in key and key.endswith("/average")
    }
    root = _backbone_root(saved, prefix)
    weights = [
        _Weight(root + weight.key, weight.variable, weight.shape)
        for weight in _backbone(model)
    ]
    roots = [root]
    if part == "model":
        weights += _dense("model/layer_with_weights-1", model.get_layer("head"))
        roots.append("model/")
    ours = {key for key in saved if key.startswith(tuple(roots))}
    _check(weights, ours, shapes, averages, prefix)

    sources = [averages.get(weight.key, weight.key) for weight in weights]
    # Read everything before the first assignment, so a damaged file changes nothing.
    with _naming_damage(prefix):
        values = [reader.get_tensor(key + _VALUE) for key in sources]
    for weight, value in zip(weights, values, strict=True):
        weight.variable.assign(value.reshape(weight.variable.shape))
    averaged = sum(weight.key in averages for weight in weights)
    return CheckpointReport(str(prefix), len(weights), averaged)


def _open(prefix: str):
    import tensorflow as tf

    if not tf.io.gfile.exists(f"{prefix}.index"):
        raise FileNotFoundError(
            f"no checkpoint {prefix!r}: there is no file {prefix + '.index'!r} (give "
            "the path without '.index' or '.data-00000-of-00001')"
        )
    with _naming_damage(prefix):
        reader = tf.train.load_checkpoint(prefix)
        return reader, reader.get_variable_to_shape_map()


@contextlib.contextmanager
def _naming_damage(prefix: str | Path) -> Iterator[None]:
    """Turn TensorFlow's errors about damaged data into an OSError with the prefix."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, IndexError) as error:
        raise OSError(f"checkpoint '{prefix}' cannot be read: {error}") from error


def _backbone_root(saved, prefix) -> str:
    """Return the prefix of the backbone's keys, which depends on what was saved."""
    for root in ("backbone/", "model/layer_with_weights-0/"):
        if any(key.startswith(f"{root}layer_with_weights-") for key in saved):
            return root
    found = ", ".join(sorted(saved)[:5]) or "none"
    raise CheckpointMismatch(
        f"checkpoint '{prefix}' has no variables below 'backbone/layer_with_weights-…' "
        f"or 'model/layer_with_weights-0/layer_with_weights-…'; the first are: {found}"
    )


def _backbone(model: keras.Model) -> Iterator[_Weight]:
    layers = []
    for layer in model.layers:
        if isinstance(layer, Stage):
            layers += layer.blocks
        elif isinstance(layer, Conv3D | BatchNorm):
            layers.append(layer)
    for number, layer in enumerate(layers):
        root = f"layer_with_weights-{number}"
        if isinstance(layer, Conv3D):
            yield from _conv(root, layer)
        elif isinstance(layer, BatchNorm):
            yield from _norm(root, layer)
        else:
            yield from _bottleneck(root, layer)


def _bottleneck(root: str, block: Bottleneck) -> Iterator[_Weight]:
    if block.shortcut_conv is not None:
        yield from _conv(f"{root}/_shortcut_conv", block.shortcut_conv)
        yield from _norm(f"{root}/_norm0", block.shortcut_norm)
    yield from _conv(f"{root}/_temporal_conv", block.temporal_conv)
    yield from _norm(f"{root}/_norm1", block.norm1)
    yield from _conv(f"{root}/_spatial_conv", block.spatial_conv)
    yield from _norm(f"{root}/_norm2", block.norm2)
    yield from _conv(f"{root}/_expand_conv", block.expand_conv)
    yield from _norm(f"{root}/_norm3", block.norm3)
    # The file stores gates as 2-D or 3-D convolutions over a single pooled position.
    if block.squeeze_excitation is not None:
        excitation = f"{root}/_squeeze_excitation"
        yield from _dense(
            f"{excitation}/_se_reduce", block.squeeze_excitation.reduce, (1, 1)
        )
        yield from _dense(
            f"{excitation}/_se_expand", block.squeeze_excitation.expand, (1, 1)
        )
    if block.self_gating is not None:
        yield from _dense(
            f"{root}/_self_gating/_transformer_w", block.self_gating.gate, (1, 1, 1)
        )


def _conv(root: str, conv: Conv3D) -> Iterator[_Weight]:
    yield _Weight(f"{root}/kernel", conv.kernel, tuple(conv.kernel.shape))


def _norm(root: str, norm: BatchNorm) -> Iterator[_Weight]:
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        variable = getattr(norm, name)
        yield _Weight(f"{root}/{name}", variable, tuple(variable.shape))


def _dense(root: str, dense: keras.layers.Dense, positions=()) -> Iterator[_Weight]:
    shape = (*positions, *dense.kernel.shape)
    yield _Weight(f"{root}/kernel", dense.kernel, shape)
    yield _Weight(f"{root}/bias", dense.bias, tuple(dense.bias.shape))


def _check(weights, saved, shapes, averages, prefix) -> None:
    """Raise one error that lists every mismatch."""
    expected = {weight.key for weight in weights}
    missing = [weight.key for weight in weights if weight.key not in saved]
    surplus = sorted(saved - expected)
    misshapen = [
        f"{key}: {shapes[key]} in the checkpoint, {weight.shape} in the model"
        for weight in weights
        for key in (weight.key, averages.get(weight.key))
        if key in shapes and shapes[key] != weight.shape
    ]
    lines = []
    for title, found in (
        ("missing from the checkpoint", missing),
        ("not in the model", surplus),
        ("of another shape", misshapen),
    ):
        if found:
            lines += [f"{len(found)} {title}:", *(f"  {line}" for line in found)]
    if not lines:
        return
    head = weights[-1]  # the head's bias, if the whole model is loaded
    if head.key == "model/layer_with_weights-1/bias":
        classes = shapes.get(head.key, head.shape)
        if classes != head.shape:
            lines.append(
                f"The checkpoint has {classes[0]} classes, the model {head.shape[0]}: "
                f"build it with num_classes={classes[0]}, or load part='backbone'."
            )
        elif head.key in missing:
            lines.append("The file has no head: load part='backbone'.")
    raise CheckpointMismatch(
        f"checkpoint '{prefix}' does not fit the model; nothing was loaded.\n"
        + "\n".join(lines)
    )
