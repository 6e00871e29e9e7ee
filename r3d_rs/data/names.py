"""Names of the datasets, their fixed properties and their folders.

This module does not import TensorFlow.
"""

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from r3d_rs.paths import study_path

#: TensorFlow Datasets' name of every dataset made here, and the layout's version.
LAYOUT, VERSION = "kinetics", "1.1.0"
#: The first of UCF-101's three splits, as TensorFlow Datasets names it.
UCF101 = "ucf101/ucf101_1"

#: File with the fixed properties of a dataset of your own, in the dataset's folder.
OWN = "kind.json"

#: The environment variable that names the data directory.
VARIABLE = "R3D_RS_DATA"


@dataclasses.dataclass(frozen=True)
class Kind:
    """Properties of a dataset that its name fixes.

    Attributes:
        num_classes: number of classes in the complete dataset.
        evaluated: the split on which accuracy is reported.
        short_side: shorter side of the stored frames, pixels; None keeps the videos'
            own size.
        source: "rendered" here, "videos" from the user, or "download" by TensorFlow
            Datasets.
        scale: scale of its recipes, a name in `recipes.scales.SCALES`.
        any_classes: whether videos of any number of classes may be prepared under this
            name.
        no_flip: classes that differ only in left and right. Their clips are never
            mirrored.
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
    # The same as `pantomime.FLIP_CHANGES`, which would import NumPy.
    "no_flip": ("turn left", "turn right", "step left", "step right"),
}

#: The study's datasets. The paper reports on Kinetics' validation videos. Web Video
#: Text is not public; its labels are the search queries that found each video. The name
#: stands for any such videos, listed in CSV files like Kinetics'.
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

#: Short names of datasets.
ALIASES = {"pantomime": "pantomime-20"}


#: Pattern of the names allowed for a dataset of your own.
OWN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def canonical_name(dataset: str, data_dir: str | os.PathLike | None = None) -> str:
    """Return the name of a dataset, given its name or alias.

    Args:
        dataset: a name in `DATASETS`, an alias, or the name of a prepared dataset of
            your own.
        data_dir: folder of the datasets; see `data_directory`.

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
    """Return the source of a dataset's videos (see `Kind`); "videos" for your own."""
    return DATASETS[dataset].source if dataset in DATASETS else "videos"


def own_names(data_dir: str | os.PathLike | None = None) -> list[str]:
    """Return the names of your own datasets, sorted."""
    found = data_directory(data_dir).glob(f"tfds/*/{OWN}")
    return sorted(path.parent.name for path in found)


def scale(dataset: str) -> str:
    """Return the scale of a dataset's recipes; "small" for your own."""
    return DATASETS[dataset].scale if dataset in DATASETS else "small"


def data_directory(path: str | os.PathLike | None = None) -> Path:
    """Return the data directory, which need not exist yet.

    It is `path`, or else the environment variable `R3D_RS_DATA`, or else
    `~/.cache/r3d_rs`.

    Raises:
        ValueError: as in `paths.study_path`.
    """
    if path is None or str(path) == "":
        path = os.environ.get(VARIABLE) or Path("~", ".cache", "r3d_rs")
    return study_path("data_dir", path).absolute()


@dataclasses.dataclass(frozen=True)
class Place:
    """Paths of a dataset's files and folders.

    Attributes:
        name: name of the dataset.
        directory: the data directory.
    """

    name: str
    directory: Path

    @property
    def root(self) -> Path:
        """Folder of the dataset, its lock and its unfinished shards."""
        return self.directory / "tfds" / self.name

    @property
    def own(self) -> Path:
        """File with the fixed properties of a dataset of your own."""
        return self.root / OWN

    @property
    def kind(self) -> Kind:
        """The dataset's fixed properties.

        Raises:
            FileNotFoundError, ValueError: if it is your own and the file `own` is
                missing or damaged.
        """
        if self.name in DATASETS:
            return DATASETS[self.name]
        from r3d_rs.files import read_json  # late: help does not need NumPy

        fields = read_json(self.own)
        fields.pop("sided", None)  # from older versions, never true
        return Kind(**fields | {"no_flip": tuple(fields["no_flip"])})

    @property
    def folder(self) -> Path:
        """Folder of its TFRecords, unless they are Model Garden's."""
        if self.name in DATASETS and DATASETS[self.name].source == "download":
            # The version depends on the version of TensorFlow Datasets.
            versions = sorted((self.root / UCF101).glob("[0-9]*"))
            return versions[-1] if versions else self.root / UCF101 / "prepared"
        return self.root / LAYOUT / VERSION

    @property
    def lock(self) -> Path:
        """File that a preparation locks."""
        return self.root / ".lock"

    @property
    def partial(self) -> Path:
        """Folder of the shards while the dataset is being prepared."""
        return self.root / "partial"

    @property
    def parts(self) -> Path:
        """File with the number of parts and their options, if prepared in parts."""
        return self.partial / "parts.json"

    @property
    def garden(self) -> Path:
        """Index of its Model Garden records, if it has such records."""
        return self.directory / "model-garden" / f"{self.name}.json"

    def is_prepared(self) -> bool:
        """Return whether the dataset can be loaded."""
        return self.folder.exists() or self.garden.exists()
