"""The datasets by name, and what is fixed about each. Needs no TensorFlow."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is fixed about a dataset by its name.

    Attributes:
        num_classes: that it has when it is complete.
        evaluated: the split whose accuracy is reported.
        short_side: of the stored frames, pixels; None for the videos' own.
        source: "rendered" here, "videos" that the user has, or "download" by TFDS.
        scale: of its recipes, a name in `recipes.scales.SCALES`.
        any_classes: videos of any number of classes may be prepared under this name.
    """

    num_classes: int
    evaluated: str
    short_side: int | None
    source: str = "videos"
    scale: str = "paper"
    any_classes: bool = False


#: The datasets there are. The paper reports on Kinetics' validation videos. Web Video
#: Text, whose labels are the queries that found a video, is not public: it stands for
#: any such videos, listed as Kinetics' are.
DATASETS: Mapping[str, Kind] = MappingProxyType(
    {
        "pantomime-20": Kind(20, "test", 48, "rendered", "pantomime"),
        "pantomime-30": Kind(30, "test", 48, "rendered", "pantomime"),
        "pantomime-web": Kind(30, "validation", 48, "rendered", "pantomime"),
        "kinetics-400": Kind(400, "validation", 256),
        "kinetics-600": Kind(600, "validation", 256),
        "kinetics-700": Kind(700, "validation", 256),
        "web-video-text": Kind(700, "validation", 256, any_classes=True),
        "ucf101": Kind(101, "test", None, "download"),
    }
)

#: Shorter names.
ALIASES = {"pantomime": "pantomime-20"}


def canonical_name(dataset: str) -> str:
    """Return a dataset's name for its name or alias.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
    """
    name = ALIASES.get(dataset, dataset)
    if name not in DATASETS:
        raise ValueError(
            f"parameter dataset: received {dataset!r}, allowed are"
            f" {', '.join([*ALIASES, *DATASETS])}"
        )
    return name
