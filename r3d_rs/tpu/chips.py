"""Google's chips and slices of them, with their published memory and peaks."""

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
    """What Google publishes of a chip; one row of `chips.csv`.

    Args:
        name: of the generation, such as "v5e".
        devices: of JAX in a chip; each has its equal part of what follows.
        memory: of the chip (HBM), bytes.
        flops: bfloat16 peak of the chip, operations a second, two a multiply-add.
        bandwidth: of the chip's memory, bytes a second.
        dimensions: of its slices, such as 2 in "v5e:2x2".
        megacore: whether its two cores are one device only by a setting, as they are on
            Google's machines.
        kind: what JAX calls the device.
        source: of the numbers.
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
    """Return the generations by name."""
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
        name: as it was written.
        chip: its generation.
        shape: chips along each dimension.
    """

    name: str
    chip: Chip
    shape: tuple[int, ...]

    @property
    def chips(self) -> int:
        """How many there are."""
        return math.prod(self.shape)

    @property
    def devices(self) -> int:
        """How many of JAX's devices they are."""
        return self.chips * self.chip.devices


def topology(name: str) -> Topology:
    """Read a slice's name, "<generation>:<chips>x<chips>".

    Raises:
        ValueError: naming what was received, and what is allowed.
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
