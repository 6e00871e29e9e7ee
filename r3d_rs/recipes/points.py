"""The networks of the paper's experiments by name: Fig. 2's points, Table 6's."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from r3d_rs import paper


@dataclass(frozen=True)
class Point:
    """One network at one input size.

    Args:
        name: as in Fig. 2, such as `RS-200@f48`.
        model: a name of `models.build`.
        span: frames that a clip spans, the paper's "32×224²"; with temporal stride 2
            the network sees half of them.
        size: height and width of a training crop, pixels.
        eval_size: height and width of an inference crop, pixels.
        paper_top1: on Kinetics-400, per cent; None where the text gives none.
        source: of `paper_top1` in the paper.
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


#: Networks that are pre-trained: Table 5's, and one of which there is time for seeds.
TABLE_5 = ("RS-50", "RS-200@f48")

#: Networks of Table 6, and the plain R3D-50 of CVRL.
TABLE_6 = ("R3D-50", "RS-50", "RS-101", "RS-152", "RS-200", "RS-270")

#: Where the states and backbones of their pre-training are among the checkpoints.
PRETRAINING = "contrastive-pretraining"

#: The backbone with random weights, to compare those of Table 6 with.
UNTRAINED = "untrained"


def point(name: str) -> Point:
    """Return a point of the scaling study.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
    """
    if name not in scaling():
        raise ValueError(
            f"parameter point: received {name!r}, allowed are {', '.join(scaling())}"
        )
    return scaling()[name]
