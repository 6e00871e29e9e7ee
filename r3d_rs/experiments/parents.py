"""The networks that runs start from: another run's, an official one, a random one."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from r3d_rs.paths import study_path
from r3d_rs.recipes.points import UNTRAINED
from r3d_rs.recipes.recipe import Recipe, as_dict, recipe_hash
from r3d_rs.training import transfer


@dataclass(frozen=True)
class Parent:
    """What a run starts from.

    Args:
        weights: of the network.
        about: what the record says of it; see `parent` in `record.schema.json`.
        seconds_before: of its training in this run, in processes before this one.
    """

    weights: transfer.Weights | None
    about: dict
    seconds_before: float = 0.0

    def __bool__(self) -> bool:
        """Return whether there is a network to start from."""
        return self.weights is not None


#: What a run with random weights starts from.
NOTHING = Parent(None, {})


def of(run) -> Parent:
    """Return the network that a run starts from.

    Args:
        run: a `run.Run`; fine-tuning alone has a parent.

    Raises:
        FileNotFoundError, ValueError: as `of_run` does.
    """
    return of_run(run.parent, run.recipe) if run.parent else NOTHING


def of_run(folder: str | Path, recipe: Recipe) -> Parent:
    """Return the network that a finished run has left, or a published one.

    Args:
        folder: of the run, or the network's name.
        recipe: of the network that starts from it.

    Raises:
        FileNotFoundError, ValueError: as `trained.read` does, or listing the weights
            that do not fit the recipe's network.
    """
    from r3d_rs.evaluation import trained

    model, run = trained.read(folder)
    name = "/".join(Path(folder).resolve().parts[-4:])
    if not study_path("network", folder).exists():
        name = str(folder)
    about = {"dataset": run["dataset"], "recipe_hash": run["recipe_hash"]}
    return of_model(model, name, recipe, about)


def of_backbone(backbone: str, recipe: Recipe, seed: int) -> Parent:
    """Return the network that `contrastive.ipynb` was given to evaluate.

    Args:
        backbone: "untrained", the folder of a finished run, or the prefix of an
            official checkpoint.
        recipe: of the linear evaluation.
        seed: of random weights.

    Raises:
        FileNotFoundError, OSError, ValueError: as `of_run` and `of_checkpoint` do.
    """
    if backbone == UNTRAINED:
        return untrained(recipe, seed)
    if study_path("backbone", backbone).is_dir():
        return of_run(backbone, recipe)
    return of_checkpoint(backbone, recipe)


def of_pretraining(backbone, history, dataset, run) -> Parent:
    """Return the backbone that a run of Table 6 has pre-trained.

    Args:
        backbone: of `pretrain`.
        history: of `pretrain`.
        dataset: that it was trained on.
        run: a `run.Run` with a recipe of pre-training.
    """
    about = {
        "dataset": dataset.name,
        "recipe": as_dict(run.pretraining),
        "recipe_hash": recipe_hash(run.pretraining),
        "history": history.metrics,
        "seconds": history.seconds,
    }
    name = "/".join(run.pretraining_folder.resolve().parts[-4:])
    parent = of_model(backbone, name, run.recipe, about)
    return dataclasses.replace(parent, seconds_before=history.seconds_before)


def of_checkpoint(prefix: str | Path, recipe: Recipe) -> Parent:
    """Return an official checkpoint's backbone, such as one of CVRL.

    Args:
        prefix: of the checkpoint.
        recipe: of its network.

    Raises:
        FileNotFoundError, OSError, CheckpointMismatch: as
            `models.load_model_garden_checkpoint` does.
    """
    from r3d_rs.models import load_model_garden_checkpoint
    from r3d_rs.training.fit import build_model, features

    backbone = features(build_model(recipe, 1, size=recipe.size))
    load_model_garden_checkpoint(backbone, prefix, part="backbone")
    return of_model(backbone, Path(prefix).name, recipe)


def untrained(recipe: Recipe, seed: int) -> Parent:
    """Return a network with random weights.

    Args:
        recipe: of the network. Where its branches start at zero (`zero_init_last`),
            the features are those of the stem and the shortcuts alone.
        seed: of the weights.
    """
    import keras

    from r3d_rs.training.fit import build_model, features

    keras.utils.set_random_seed(seed)
    backbone = features(build_model(recipe, 1, size=recipe.size))
    return of_model(backbone, "untrained", recipe)


def of_model(model, name: str, recipe: Recipe, about: dict | None = None) -> Parent:
    """Return a network as the parent of a run.

    Args:
        model: a network of `models.build`, or its part up to the features.
        name: of the parent.
        recipe: of the run.
        about: what else the record says of it.

    Raises:
        TransferError: listing the weights that do not fit the recipe's network.
    """
    from r3d_rs.training.fit import build_model

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
