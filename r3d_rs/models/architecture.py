"""Derive the paper's Table 1 from a network."""

from dataclasses import dataclass

import keras

from r3d_rs.models.layers import Conv3D
from r3d_rs.models.resnet3d import Bottleneck, Stage


@dataclass(frozen=True)
class StageRow:
    """One row of the paper's Table 1.

    Args:
        stage: "Input", "Stem", "Pool", "C2" to "C5" or "Head".
        output_size: size of the output, `T×H²` ("1×1²" for the head).
        operations: operations in the order they are applied, joined by " / ". A
            convolution is written as its kernel size `T×H²`, its filters, and its
            stride if that is not 1. C2 to C5 show the stride of their first block.
        blocks: number of blocks in the stage; 1 outside C2 to C5.
    """

    stage: str
    output_size: str
    operations: str
    blocks: int = 1


def table1(model: keras.Model) -> list[StageRow]:
    """Describe a network stage by stage, as the paper's Table 1 does.

    For R3D-RS, the rows differ from the printed table in two ways. They include the
    stem's third convolution, which the paper omits. They list self-gating (SG) before
    squeeze-excitation (SE), and by default only for the last block of a stage, as in
    the official implementation.

    Args:
        model: a network from `models.build`.

    Returns:
        The rows, from input to head.
    """
    layers = model.layers
    stem = [layer for layer in layers if isinstance(layer, Conv3D)]
    pool = model.get_layer("stem_pool")
    rows = [
        StageRow("Input", _size(model.input.shape), "-"),
        StageRow("Stem", _size(stem[-1].output.shape), " / ".join(map(_kernel, stem))),
        StageRow("Pool", _size(pool.output.shape), "max 1×3², stride 1×2²"),
    ]
    stages = [layer for layer in layers if isinstance(layer, Stage)]
    for number, stage in enumerate(stages, start=2):
        blocks = stage.blocks
        first = blocks[0]
        convs = (first.temporal_conv, first.spatial_conv, first.expand_conv)
        operations = [*map(_kernel, convs), *filter(None, [_gates(blocks)])]
        size = _size(stage.output.shape)
        text = " / ".join(operations)
        rows.append(StageRow(f"C{number}", size, text, len(blocks)))
    dropout, head = model.get_layer("dropout"), model.get_layer("head")
    operations = f"average pool / dropout {dropout.rate:g} / FC, {head.units}"
    rows.append(StageRow("Head", "1×1²", operations))
    return rows


def _size(shape) -> str:
    return _extent(shape[1:4])


def _extent(lengths) -> str:
    frames, height, width = lengths
    return f"{frames}×{height}²" if height == width else f"{frames}×{height}×{width}"


def _kernel(conv: Conv3D) -> str:
    text = f"{_extent(conv.kernel_size)}, {conv.filters}"
    if max(conv.strides) > 1:
        text += f", stride {_extent(conv.strides)}"
    return text


def _gates(blocks: list[Bottleneck]) -> str:
    present = {
        "SG": [block.self_gating is not None for block in blocks],
        "SE": [block.squeeze_excitation is not None for block in blocks],
        "SD": [block.stochastic_depth.rate > 0 for block in blocks],
    }
    names = []
    for name, where in present.items():
        if all(where):
            names.append(name)
        elif any(where):
            names.append(f"{name} (last block)")
    return "-".join(names)
