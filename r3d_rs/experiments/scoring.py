"""Inputs of `evaluation.ipynb`: a trained network, a dataset and a split."""

from collections.abc import Mapping

from r3d_rs.data import names
from r3d_rs.experiments import executed, parameters
from r3d_rs.paths import local_path, study_path
from r3d_rs.recipes import points, scales
from r3d_rs.videos.listing import SPLITS

#: The notebook's parameters. `official` is the prefix of an official checkpoint to use
#: instead of `network`; `point` is its network in Fig. 2. By default the dataset is the
#: network's own, and the split is the one whose accuracy is reported.
PARAMETERS = ("network", "official", "point", "dataset", "split", "scores", "data_dir")


def load(received: Mapping[str, object]):
    """Load the network, its dataset and the name of the split.

    Args:
        received: the notebook's parameters by name, or its `globals()`. They are
            checked before anything is loaded.

    Raises:
        FileNotFoundError: naming a network or a dataset that is missing.
        ValueError: naming a parameter, the value received and the values allowed, or a
            checkpoint that is damaged or does not fit.
    """
    parameters.reject_unknown(received, PARAMETERS)
    given = {name: received.get(name, "") for name in PARAMETERS}
    for name, value in given.items():
        parameters.check(name, value, str)
        local_path(name, value)
    data_dir, dataset = given["data_dir"] or None, given["dataset"]
    names.data_directory(data_dir)
    point = points.point(given["point"] or "RS-50")
    if dataset:
        names.canonical_name(dataset, data_dir)
    elif given["official"]:
        raise ValueError(
            "parameter dataset: received '', but an official checkpoint needs one:"
            f" allowed are {', '.join(names.DATASETS)}"
        )
    if given["split"]:
        parameters.check("split", given["split"], str, allowed=SPLITS)

    executed.quiet()
    from r3d_rs.data import datasets
    from r3d_rs.evaluation import trained

    if given["official"]:
        data = datasets.load(dataset, data_dir)
        prefix, recipe = given["official"], scales.of_official(point)
        network = trained.load_official(study_path("official", prefix), recipe, data)
    else:
        network = trained.load(given["network"])
        data = network.load_data(data_dir, dataset)
    split = given["split"] or data.evaluated
    data.check_reported(split)
    return network, data, split
