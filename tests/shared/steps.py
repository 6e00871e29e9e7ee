"""The steps of a run's notebook at the tiny scale, on the tiny videos."""

from dataclasses import dataclass
from pathlib import Path

import keras

from r3d_rs.contrastive.pretrain import pretrain
from r3d_rs.data.datasets import Dataset
from r3d_rs.evaluation.multiview import Evaluation, evaluate
from r3d_rs.experiments import parents
from r3d_rs.experiments.run import Run, check, load_data, setup, write_record
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training.averaging import network_of
from r3d_rs.training.fit import build, fit
from r3d_rs.training.loop import History


@dataclass(frozen=True)
class Finished:
    """What the steps of a notebook have left."""

    run: Run
    data: Dataset
    model: keras.Model
    history: History
    evaluation: Evaluation
    path: Path
    parent: parents.Parent
    pretraining: History | None = None


def ask(notebook: str, folder: Path, data_dir: Path, **received) -> Run:
    """Check a notebook's parameters and set the process up, as its first cell does.

    Records and checkpoints go into the folder; the dataset is the tiny Kinetics-400.
    """
    given = {
        "dataset": "kinetics-400",
        "scale": "tiny",
        "results": str(folder / "results"),
        "checkpoints": str(folder / "checkpoints"),
        "data_dir": str(data_dir),
    }
    return setup(check(notebook, given | received))


def build_and_fit(dataset: Dataset, recipe: Recipe, *, seed: int = 0, **options):
    """Build and train a network; return it and its metrics by epoch."""
    model = build(recipe, dataset, seed=seed)
    history = fit(model, dataset, recipe, seed=seed, **{"verbose": 0} | options)
    return network_of(model), history.metrics


def finish(run: Run, backbone: str = "") -> Finished:
    """Take a notebook's other steps."""
    data = load_data(run)
    pretraining, seed = None, run.seed
    if run.pretraining:
        folder = run.pretraining_folder
        network, pretraining = pretrain(
            data, run.pretraining, seed=seed, folder=folder, verbose=0
        )
        parent = parents.of_pretraining(network, pretraining, data, run)
    elif backbone:
        parent = parents.of_backbone(backbone, run.recipe, seed)
    else:
        parent = parents.of(run)
    start = parent.weights
    model = build(run.recipe, data, seed=seed, start=start)
    history = fit(
        *(model, data, run.recipe),
        seed=seed,
        start=start,
        folder=run.folder,
        verbose=0,
        tensorboard=run.options.tensorboard,
    )
    evaluation = evaluate(model, data, run.recipe, progress=True)
    path = write_record(run, history, evaluation, parent)
    return Finished(*(run, data, model, history, evaluation, path, parent, pretraining))
