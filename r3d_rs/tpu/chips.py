"""Google's TPU chips and their slices, with published memory and peak rates."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from pathlib import Path

import pandas as pd

GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Chip:
    """Published properties of a chip; one row of `chips.csv`.

    Args:
        name: name of the generation, such as "v5e".
        devices: number of JAX devices per chip. They share its memory, peak rate and
            bandwidth equally.
        memory: memory of the chip (HBM), bytes.
        flops: peak rate of the chip in bfloat16, operations per second. A multiply-add
            is two operations.
        bandwidth: memory bandwidth of the chip, bytes per second.
        dimensions: number of dimensions of a slice, such as 2 in "v5e:2x2".
        megacore: whether the compiler needs a setting to treat the two cores as one
            device, like Google's machines do.
        kind: JAX's name for the device.
        source: source of the numbers.
    """

    name: str
    devices: int
    memory: float
    flops: float
    bandwidth: float
    dimensions: int
    megacore: bool
    kind: str
    source: str


@functools.cache
def chips() -> dict[str, Chip]:
    """Return the chips by name of their generation."""
    rows = pd.read_csv(Path(__file__).parent / "chips.csv")
    return {
        row.name: Chip(
            row.name,
            int(row.devices),
            row.memory_gib * GIB,
            row.bf16_tflops * 1e12,
            row.bandwidth_gb_s * 1e9,
            int(row.dimensions),
            bool(row.megacore),
            row.kind,
            row.source,
        )
        for row in rows.itertuples(index=False)
    }


@dataclasses.dataclass(frozen=True)
class Topology:
    """A slice of chips, such as "v5e:2x2".

    Args:
        name: name of the slice.
        chip: chip of its generation.
        shape: number of chips along each dimension.
    """

    name: str
    chip: Chip
    shape: tuple[int, ...]

    @property
    def chips(self) -> int:
        """Number of chips."""
        return math.prod(self.shape)

    @property
    def devices(self) -> int:
        """Number of JAX devices."""
        return self.chips * self.chip.devices


def topology(name: str) -> Topology:
    """Parse a slice's name, "<generation>:<chips>x<chips>".

    Raises:
        ValueError: if the generation is unknown, or the numbers of chips do not fit it.
    """
    generation, _, text = name.partition(":")
    if generation not in chips():
        raise ValueError(
            f"topology: received {name!r}, allowed generations are {', '.join(chips())}"
        )
    chip = chips()[generation]
    example = f"{generation}:{'2x2x1' if chip.dimensions == 3 else '2x2'}"
    if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", text) or (
        text.count("x") + 1 != chip.dimensions
    ):
        raise ValueError(
            f"topology: received {name!r}, allowed are {chip.dimensions} numbers of"
            f" chips, such as {example!r}"
        )
    return Topology(name, chip, tuple(int(part) for part in text.split("x")))
