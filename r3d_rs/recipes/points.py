"""The networks of the paper's experiments, by name: points of Fig. 2, and Table 6."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from r3d_rs import paper


@dataclass(frozen=True)
class Point:
    """One network at one input size.

    Args:
        name: name as in Fig. 2, such as `RS-200@f48`.
        model: name of the network in `models.build`.
        span: number of frames that a clip spans, 32 in the paper's "32×224²". With
            temporal stride 2, the network sees half of them.
        size: height and width of a training crop, in pixels.
        eval_size: height and width of an inference crop, in pixels.
        paper_top1: top-1 on Kinetics-400 in per cent; None if the text gives none.
        source: place of `paper_top1` in the paper.
    """

    name: str
    model: str
    span: int
    size: int
    eval_size: int
    paper_top1: float | None
    source: str


@functools.cache
def scaling() -> Mapping[str, Point]:
    """Return the baseline and the ten points of Fig. 2, by name."""
    settings = paper.settings()
    sizes = {
        "size": settings["scratch"]["size"]["value"],
        "eval_size": settings["inference"]["size"]["value"],
    }
    baseline = [row | sizes for row in paper.rows("table3") if row["point"] == "R3D-50"]
    found = {
        row["point"]: Point(
            name=row["point"],
            model=row["model"],
            span=int(row["frames_span"]),
            size=int(row["size"]),
            eval_size=int(row["eval_size"]),
            paper_top1=float(row["top1"]) if row["top1"] else None,
            source=row["source"],
        )
        for row in baseline + paper.rows("figure2")
    }
    return MappingProxyType(found)


#: Pre-trained networks: RS-200@f48 of Table 5, and one small enough for several seeds.
TABLE_5 = ("RS-50", "RS-200@f48")

#: Networks of Table 6, and CVRL's plain R3D-50.
TABLE_6 = ("R3D-50", "RS-50", "RS-101", "RS-152", "RS-200", "RS-270")

#: Folder of their pre-training's states and backbones among the checkpoints.
PRETRAINING = "contrastive-pretraining"

#: The backbone with random weights, which Table 6's backbones are compared with.
UNTRAINED = "untrained"


def point(name: str) -> Point:
    """Return a point of the scaling study.

    Raises:
        ValueError: if the name is unknown, naming the parameter and the values allowed.
    """
    if name not in scaling():
        raise ValueError(
            f"parameter point: received {name!r}, allowed are {', '.join(scaling())}"
        )
    return scaling()[name]
