"""The datasets by name, what is fixed about each, and where they lie.

Needs no TensorFlow.
"""

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from r3d_rs.paths import study_path

#: Name of every dataset that is made of videos here, and the version of its layout.
LAYOUT, VERSION = "kinetics", "1.1.0"
#: The first of UCF-101's three splits, as TensorFlow Datasets names it.
UCF101 = "ucf101/ucf101_1"

#: File of what is fixed about a dataset of your own, in the dataset's folder.
OWN = "kind.json"

#: The environment variable that names the data directory.
VARIABLE = "R3D_RS_DATA"


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is fixed about a dataset by its name.

    Attributes:
        num_classes: classes of the complete dataset.
        evaluated: the split whose accuracy is reported.
        short_side: of the stored frames, pixels; None for the videos' own.
        source: "rendered" here, "videos" that the user has, or "download" by TFDS.
        scale: of its recipes, a name in `recipes.scales.SCALES`.
        any_classes: videos of any number of classes may be prepared under this name.
        no_flip: classes that are told apart by left and right, so that their clips are
            never mirrored.
    """

    num_classes: int
    evaluated: str
    short_side: int | None
    source: str = "videos"
    scale: str = "paper"
    any_classes: bool = False
    no_flip: tuple[str, ...] = ()


_PANTOMIME = {
    "short_side": 64,
    "source": "rendered",
    "scale": "pantomime",
    # As in `pantomime.FLIP_CHANGES`, whose import takes NumPy.
    "no_flip": ("turn left", "turn right", "step left", "step right"),
}

#: The datasets there are. The paper reports on Kinetics' validation videos. Web Video
#: Text, whose labels are the queries that found a video, is not public: the name stands
#: for any such videos, listed as Kinetics' are.
DATASETS: Mapping[str, Kind] = MappingProxyType(
    {
        "pantomime-20": Kind(20, "test", **_PANTOMIME),
        "pantomime-30": Kind(30, "test", **_PANTOMIME),
        "pantomime-web": Kind(30, "validation", **_PANTOMIME),
        "kinetics-400": Kind(400, "validation", 256),
        "kinetics-600": Kind(600, "validation", 256),
        "kinetics-700": Kind(700, "validation", 256),
        "web-video-text": Kind(700, "validation", 256, any_classes=True),
        "ucf101": Kind(101, "test", None, "download"),
    }
)

#: Shorter names.
ALIASES = {"pantomime": "pantomime-20"}


#: How a dataset of your own may be called.
OWN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def canonical_name(dataset: str, data_dir: str | os.PathLike | None = None) -> str:
    """Return a dataset's name for its name or alias.

    Args:
        dataset: a name in `DATASETS`, an alias, or the name of a dataset of your own
            that has been prepared.
        data_dir: where that is; see `data_directory`.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
    """
    name = ALIASES.get(dataset, dataset)
    if name not in DATASETS and name not in own_names(data_dir):
        allowed = [*ALIASES, *DATASETS, *own_names(data_dir)]
        example = dataset if OWN_NAME.fullmatch(dataset) else "NAME"
        raise ValueError(
            f"parameter dataset: received {dataset!r}, allowed are"
            f" {', '.join(allowed)}; or a name of your own, which"
            f" `r3d-rs data prepare {example} --videos FOLDER` prepares first"
        )
    return name


def source(dataset: str) -> str:
    """Return where a dataset's videos come from; your own are "videos"."""
    return DATASETS[dataset].source if dataset in DATASETS else "videos"


def own_names(data_dir: str | os.PathLike | None = None) -> list[str]:
    """Return the names of your own datasets, in alphabetical order."""
    found = data_directory(data_dir).glob(f"tfds/*/{OWN}")
    return sorted(path.parent.name for path in found)


def scale(dataset: str) -> str:
    """Return the scale of a dataset's recipes; that of your own is "small"."""
    return DATASETS[dataset].scale if dataset in DATASETS else "small"


def data_directory(path: str | os.PathLike | None = None) -> Path:
    """Return the data directory, which need not exist yet.

    It is `path`, else what the environment variable `R3D_RS_DATA` says, else
    `~/.cache/r3d_rs`.

    Raises:
        ValueError: as `paths.study_path` does.
    """
    if path is None or str(path) == "":
        path = os.environ.get(VARIABLE) or Path("~", ".cache", "r3d_rs")
    return study_path("data_dir", path).absolute()


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a dataset lies.

    Attributes:
        name: of the dataset.
        directory: the data directory.
    """

    name: str
    directory: Path

    @property
    def root(self) -> Path:
        """Folder of the dataset, its lock and the shards that it is made of."""
        return self.directory / "tfds" / self.name

    @property
    def own(self) -> Path:
        """File that says what is fixed about a dataset of your own."""
        return self.root / OWN

    @property
    def kind(self) -> Kind:
        """What is fixed about the dataset.

        Raises:
            FileNotFoundError, ValueError: when it is your own, and this is not there.
        """
        if self.name in DATASETS:
            return DATASETS[self.name]
        from r3d_rs.files import read_json  # NumPy takes time, and help needs none

        fields = read_json(self.own)
        fields.pop("sided", None)  # of older versions, never true
        return Kind(**fields | {"no_flip": tuple(fields["no_flip"])})

    @property
    def folder(self) -> Path:
        """Folder of its TFRecords, if they are its own."""
        if self.name in DATASETS and DATASETS[self.name].source == "download":
            # Which version it is depends on TensorFlow Datasets'.
            versions = sorted((self.root / UCF101).glob("[0-9]*"))
            return versions[-1] if versions else self.root / UCF101 / "prepared"
        return self.root / LAYOUT / VERSION

    @property
    def lock(self) -> Path:
        """File whose lock a preparation holds."""
        return self.root / ".lock"

    @property
    def partial(self) -> Path:
        """Folder of the shards of a dataset that is being prepared."""
        return self.root / "partial"

    @property
    def parts(self) -> Path:
        """File that says, while there are parts, how many and what of."""
        return self.partial / "parts.json"

    @property
    def garden(self) -> Path:
        """File that says where its Model Garden records are, if they are such."""
        return self.directory / "model-garden" / f"{self.name}.json"

    def is_prepared(self) -> bool:
        """Return whether the dataset can be loaded."""
        return self.folder.exists() or self.garden.exists()
