"""Count a network's parameters and multiply-adds from its layers."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import keras

from r3d_rs.models.layers import BatchNorm, Conv3D
from r3d_rs.models.resnet3d import Bottleneck, Stage


@dataclass(frozen=True)
class Complexity:
    """Size and cost of a network, as counted by `complexity`.

    Args:
        params: number of weights, including the moving statistics of batch
            normalization, as in the paper's "Params" columns.
        trainable_params: number of trainable weights.
        macs: multiply-adds for one clip at the network's input size.
        elementwise: operations of residual sums, gating and averages over time and
            space, one per element.
    """

    params: int
    trainable_params: int
    macs: int
    elementwise: int

    @property
    def gmacs(self) -> float:
        """Multiply-adds in units of 10^9."""
        return self.macs / 1e9

    @property
    def profiler_gflops(self) -> float:
        """Half of what TensorFlow's profiler counts, in units of 10^9.

        The paper's FLOPs columns are this number, rounded up. Only Table 3's 204 for
        R3D-RS-200 is rounded down; Table 4 prints the same network as 205.
        """
        return (self.macs + self.elementwise / 2) / 1e9


def complexity(model: keras.Model) -> Complexity:
    """Count a network's parameters and the multiply-adds for one clip.

    Multiply-adds are counted for convolutions and dense layers (squeeze-excitation,
    self-gating and head). Taps on padding count, as in TensorFlow's profiler. Biases,
    normalization, activations and max-pooling do not count.

    The counts do not depend on the weights' values. To count a large network quickly,
    build it under `keras.StatelessScope(initialize_variables=False)`.

    Args:
        model: a functional model with a known input size, such as from `models.build`.

    Returns:
        The counts, as exact integers.

    Raises:
        TypeError: if a layer with weights cannot be counted, naming the layer.
        ValueError: if a layer's input size is unknown.
    """
    layers = list(_flatten(model))
    return Complexity(
        # `weights` excludes the states of random generators (dropout).
        params=_size(model.weights),
        trainable_params=_size(model.trainable_weights),
        macs=sum(_macs(layer, layer.input.shape) for layer in layers if layer.weights),
        elementwise=sum(map(_elementwise, layers)),
    )


def _size(variables) -> int:
    return sum(math.prod(v.shape) for v in variables)


def _flatten(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _flatten(layer)
        else:
            yield layer


def _macs(layer: keras.layers.Layer, shape) -> int:
    if isinstance(layer, BatchNorm | keras.layers.BatchNormalization):
        return 0
    if None in shape[1:]:
        raise ValueError(
            f"layer {layer.name!r} sees an input of shape {tuple(shape)}; to count "
            "multiply-adds, every size except the batch's must be known"
        )
    if isinstance(layer, Stage):
        macs = 0
        for block in layer.blocks:
            macs += _bottleneck_macs(block, shape)
            shape = block.compute_output_shape(shape)
        return macs
    if isinstance(layer, Conv3D):
        positions = math.prod(layer.compute_output_shape(shape)[1:4])
    elif isinstance(layer, keras.layers.Dense):
        positions = math.prod(shape[1:-1])
    else:
        raise TypeError(
            f"layer {layer.name!r} is a {type(layer).__name__}; multiply-adds are "
            "counted for Conv3D, Stage, Dense and batch normalization"
        )
    return positions * math.prod(layer.kernel.shape)


def _bottleneck_macs(block: Bottleneck, shape) -> int:
    macs = 0
    if block.shortcut_conv is not None:
        macs += _macs(block.shortcut_conv, shape)
    for conv in (block.temporal_conv, block.spatial_conv, block.expand_conv):
        macs += _macs(conv, shape)
        shape = conv.compute_output_shape(shape)
    gates = []
    if block.self_gating is not None:
        gates.append(block.self_gating.gate)
    if block.squeeze_excitation is not None:
        gates += [block.squeeze_excitation.reduce, block.squeeze_excitation.expand]
    # The gates see one pooled vector per clip, so each weight is used once.
    return macs + sum(math.prod(gate.kernel.shape) for gate in gates)


def _elementwise(layer: keras.layers.Layer) -> int:
    if isinstance(layer, keras.layers.GlobalAveragePooling3D):
        return math.prod(layer.input.shape[1:])
    if not isinstance(layer, Stage):
        return 0
    gates = [
        gate
        for block in layer.blocks
        for gate in (block.self_gating, block.squeeze_excitation)
        if gate is not None
    ]
    # One residual sum per block; one average and one product per gate.
    passes = len(layer.blocks) + 2 * len(gates)
    return passes * math.prod(layer.output.shape[1:])
