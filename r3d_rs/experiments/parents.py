"""Parents: the trained, official or random networks that runs start from."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import keras

from r3d_rs.data.datasets import Dataset
from r3d_rs.evaluation import networks
from r3d_rs.experiments import record, registry
from r3d_rs.experiments.run import Run
from r3d_rs.models import load_model_garden_checkpoint
from r3d_rs.paths import study_path
from r3d_rs.recipes.points import UNTRAINED
from r3d_rs.recipes.recipe import Recipe, as_dict, recipe_hash
from r3d_rs.training import transfer
from r3d_rs.training.fit import build_model, features
from r3d_rs.training.loop import History


@dataclass(frozen=True)
class Parent:
    """The network that a run starts from.

    Args:
        weights: weights of the network; None if the run starts from none.
        about: the record's `parent`; see `record.schema.json`.
        seconds_before: seconds that this run trained it in earlier processes.
    """

    weights: transfer.Weights | None
    about: dict
    seconds_before: float = 0.0

    def __bool__(self) -> bool:
        """Return whether there is a network to start from."""
        return self.weights is not None


def of(run: Run) -> Parent:
    """Return the network that a run fine-tunes; other runs get an empty parent.

    Raises:
        FileNotFoundError, ValueError: as `of_run` and `check_place` do.
    """
    if not run.parent:
        return Parent(None, {})
    parent = of_run(run.parent, run.recipe)
    check_place(run, parent)
    return parent


def check_place(run: Run, parent: Parent) -> None:
    """Check that a run does not replace the record of a run from another network.

    The folders of two networks may have the same name. The study's own experiments are
    not checked: they are run again when their pre-training is.

    Raises:
        ValueError: naming the record and both networks.
    """
    if run.experiment.name in registry.all_experiments():
        return
    try:
        before = record.read(run.target).get("parent", {})
    except (FileNotFoundError, ValueError):  # a damaged one is replaced
        return
    own = parent.about["weights_sha256"]
    found = before.get("weights_sha256", own)
    if found != own:
        raise ValueError(
            f"{run.target} is of a run from {before['name']!r}, weights {found[:8]}…,"
            f" but this one starts from {parent.about['name']!r}, weights {own[:8]}…;"
            " choose other folders of records and of checkpoints (`-p results FOLDER"
            " -p checkpoints FOLDER`, or `--results` and `--checkpoints`)"
        )


def of_run(network: str | Path, recipe: Recipe) -> Parent:
    """Return the network of a finished run, or a published network, as a parent.

    Args:
        network: as in `networks.find`.
        recipe: recipe of the run that starts from it.

    Raises:
        FileNotFoundError, ValueError: as `networks.find` and `of_model` do, or naming a
            damaged file.
    """
    one = networks.find(network)
    about = {name: one.run[name] for name in ("dataset", "recipe_hash")}
    return of_model(one.model(), one.name, recipe, about)


def of_backbone(backbone: str, recipe: Recipe, seed: int) -> Parent:
    """Return the backbone that `contrastive.ipynb` is given to evaluate.

    Args:
        backbone: "untrained", the folder of a finished run, or the prefix of an
            official checkpoint, such as one of CVRL.
        recipe: recipe of the linear evaluation. With `zero_init_last` branches start at
            zero, and random features come from the stem and the shortcuts alone.
        seed: seeds random weights.

    Raises:
        FileNotFoundError, OSError, ValueError: as `of_run` and
            `models.load_model_garden_checkpoint` do.
    """
    if backbone != UNTRAINED and study_path("backbone", backbone).exists():
        return of_run(backbone, recipe)
    keras.utils.set_random_seed(seed)
    network = features(build_model(recipe, 1, size=recipe.size))
    if backbone != UNTRAINED:
        load_model_garden_checkpoint(network, backbone, part="backbone")
    return of_model(network, Path(backbone).name, recipe)


def of_pretraining(
    backbone: keras.Model, history: History, dataset: Dataset, run: Run
) -> Parent:
    """Return the backbone that `pretrain` has trained, with its history, as a parent.

    Args:
        backbone: the trained backbone.
        history: history of its training.
        dataset: dataset that it was trained on.
        run: the run that starts from it.
    """
    about = {
        "dataset": dataset.name,
        "recipe": as_dict(run.pretraining),
        "recipe_hash": recipe_hash(run.pretraining),
        "history": history.metrics,
        "seconds": history.seconds,
    }
    name = networks.in_folder(run.pretraining_folder).name
    parent = of_model(backbone, name, run.recipe, about)
    return dataclasses.replace(parent, seconds_before=history.seconds_before)


def of_model(
    model: keras.Model, name: str, recipe: Recipe, about: dict | None = None
) -> Parent:
    """Return a network as the parent of a run.

    Args:
        model: a network from `models.build`, or its part up to the features.
        name: name of the parent.
        recipe: recipe of the run.
        about: further fields of the record's `parent`.

    Raises:
        TransferError: listing the weights that do not fit the recipe's network.
    """
    weights = transfer.weights_of(model, name)
    moved = transfer.transfer(weights, build_model(recipe, 1, size=recipe.size))
    return Parent(
        weights,
        {
            "name": name,
            "weights_sha256": weights.sha256,
            "transferred": len(moved.transferred),
            "new": list(moved.new),
        }
        | (about or {}),
    )
