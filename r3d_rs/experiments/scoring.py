"""What `evaluation.ipynb` asks for: a trained network, a dataset, a split."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from r3d_rs.data import names
from r3d_rs.experiments import executed, parameters
from r3d_rs.paths import local_path, study_path
from r3d_rs.recipes import points, scales
from r3d_rs.videos.listing import SPLITS


@dataclasses.dataclass(frozen=True)
class Request:
    """A network to evaluate, and on what.

    Args:
        network: name of a published network, or folder of a finished run.
        official: prefix of an official checkpoint, used instead.
        point: of Fig. 2, the network of `official`.
        dataset: a name in `names.DATASETS`; "" for the network's own, which an official
            checkpoint does not tell.
        split: "" for the one whose accuracy is reported.
        scores: file to write.
        data_dir: folder of the datasets; "" for the default.
    """

    network: str
    official: str = ""
    point: str = "RS-50"
    dataset: str = ""
    split: str = ""
    scores: str = "build/scores.npz"
    data_dir: str = ""

    def __post_init__(self):
        """Raise a ValueError that names a wrong value and those allowed."""
        for name, value in dataclasses.asdict(self).items():
            parameters.check(name, value, str)
            local_path(name, value)
            if name in ("official", "scores", "data_dir"):
                where = str(study_path(name, value)) if value else ""
                object.__setattr__(self, name, where)
        names.data_directory(self.data_dir)
        points.point(self.point)
        if self.dataset:
            names.canonical_name(self.dataset, self.data_dir)
        elif self.official:
            raise ValueError(
                "parameter dataset: received '', but an official checkpoint needs one:"
                f" allowed are {', '.join(names.DATASETS)}"
            )
        if self.split:
            parameters.check("split", self.split, str, allowed=SPLITS)


def check(received: Mapping[str, object]) -> Request:
    """Check the notebook's parameters, given as its `globals()`; nothing else happens.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
    """
    allowed = [field.name for field in dataclasses.fields(Request)]
    parameters.reject_unknown(received, allowed)
    return Request(**{name: received[name] for name in allowed if name in received})


def load(request: Request):
    """Load the network, its dataset and the name of the split.

    Raises:
        FileNotFoundError: naming a network or a dataset that is not there.
        ValueError: naming a checkpoint that is damaged or does not fit.
    """
    executed.quiet()
    from r3d_rs.data import datasets
    from r3d_rs.evaluation import trained

    data_dir = request.data_dir or None
    if request.official:
        data = datasets.load(request.dataset, data_dir)
        recipe = scales.of_point(points.point(request.point), "paper")
        recipe = dataclasses.replace(recipe, precision="float32")
        network = trained.load_official(Path(request.official), recipe, data)
    else:
        network = trained.load(request.network)
        data = network.load_data(data_dir, request.dataset)
    split = request.split or data.evaluated
    data.check_reported(split)
    return network, data, split
