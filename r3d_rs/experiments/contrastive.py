"""Contrastive pre-training and linear evaluation (Table 6), step by step."""

import dataclasses
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.data.inspect import film_strips, first_batch
from r3d_rs.experiments import parameters, parents, record, run
from r3d_rs.recipes import contrastive, points
from r3d_rs.recipes import recipe as recipes
from r3d_rs.recipes.points import TABLE_6, UNTRAINED
from r3d_rs.training import checkpoints as states


def checked(
    *,
    point: str,
    dataset: str,
    seed: int,
    backbone: str = "",
    checkpoints: str = "build/checkpoints",
    epochs: int = 0,
    linear_epochs: int = 0,
    rematerialize: bool = False,
    **options,
) -> "Contrastive":
    """Check the parameters of a run of Table 6.

    Args:
        point: one of `points.TABLE_6`.
        dataset: a name in `datasets.DATASETS`.
        seed: of everything random, from 0.
        backbone: "" to pre-train one; or the folder of a finished run, the prefix of an
            official checkpoint, or "untrained", to evaluate that.
        checkpoints: folder of the runs' states and trained networks.
        epochs: of pre-training; 0 for the recipe's.
        linear_epochs: of linear evaluation; 0 for the recipe's.
        rematerialize: keep nothing of a block but its input. (`micro_batches` are
            linear evaluation's: pairs of views are not divided.)
        **options: as `run.checked` has them.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed, or
            listing what of a backbone does not fit.
        FileNotFoundError: naming a file of the backbone that is not there.
    """
    from r3d_rs.tpu import plan
    from r3d_rs.training import devices

    parameters.check("point", point, str, allowed=TABLE_6)
    parameters.check("backbone", backbone, str)
    parameters.check("epochs", epochs, int, minimum=0)
    parameters.check("linear_epochs", linear_epochs, int, minimum=0)
    model = points.point(point).model
    name = f"{point}+{_name(backbone)}" if backbone else point
    linear = run.checked(
        "linear-evaluation" if backbone else "contrastive",
        name,
        dataset,
        seed,
        lambda dataset: contrastive.at_scale(model, dataset, backbone == UNTRAINED)[1],
        checkpoints=checkpoints,
        epochs=linear_epochs,
        rematerialize=rematerialize,
        **options,
    )
    recipe, _ = contrastive.at_scale(model, linear.dataset_name)
    if epochs:
        recipe = recipes.with_epochs(recipe, epochs)
    if backbone == UNTRAINED:
        linear.parent = parents.untrained(linear.recipe, seed)
    elif backbone and Path(backbone).is_dir():
        linear.parent = parents.of_run(backbone, linear.recipe)
    elif backbone:
        linear.parent = parents.of_checkpoint(backbone, linear.recipe)
    recipe = plan.divided(recipe, *devices.accelerators(), 0, rematerialize)
    own = (linear.dataset_name, points.PRETRAINING, point)
    return Contrastive(
        linear,
        contrastive.at_scale(model, "kinetics-400")[0],
        recipe,
        record.place(checkpoints, *own, seed),
    )


def _name(backbone: str) -> str:
    """Return the name of a backbone: that of its file, or all that tells a run.

    A record's name has no other characters.
    """
    path = Path(backbone)
    if (path / "run.json").exists():
        path = Path("-".join(path.resolve().parts[-4:]))
    return re.sub(r"[^A-Za-z0-9@+._-]+", "-", path.name).strip("-")


@dataclasses.dataclass
class Contrastive:
    """A run in progress; each method is one step of the notebook.

    Attributes:
        linear: the linear evaluation, whose steps follow; its parent is the backbone.
        paper: the recipe of pre-training on Kinetics.
        recipe: every choice of pre-training.
        folder: of the pre-training's checkpoints and the backbone.
    """

    linear: run.Run
    paper: contrastive.ContrastiveRecipe
    recipe: contrastive.ContrastiveRecipe
    folder: Path

    def recipe_table(self) -> pd.DataFrame:
        """Compare the recipe of pre-training with the paper's."""
        return run.recipe_table(self.paper, self.recipe)

    def sample_pairs(self, dataset: Dataset, count: int = 4):
        """Draw the two views of some training videos, one below the other."""
        from r3d_rs.contrastive.views import training_pairs

        def batches(few):
            return training_pairs(dataset, few, seed=self.linear.seed)

        raw = dataclasses.replace(self.recipe, standardize=False)
        pairs, names = first_batch(dataset, raw, batches, split="train", count=count)
        clips = pairs.reshape(-1, *pairs.shape[2:])
        titles = [f"{name}, view {view}" for name in names for view in (1, 2)]
        return film_strips(clips, titles)

    def pretrain(self, dataset: Dataset) -> pd.DataFrame | None:
        """Pre-train the backbone and return the history, one row an epoch.

        With a backbone that was given there is nothing to do, and no history. A run
        that was stopped goes on after its last epoch.
        """
        from r3d_rs.contrastive.pretrain import pretrain

        if self.linear.parent:
            return None
        start = time.perf_counter() - self.linear.seconds_before(self.folder)
        logs = self.linear.tensorboard
        backbone, history = pretrain(
            dataset,
            self.recipe,
            seed=self.linear.seed,
            folder=self.folder,
            tensorboard=logs and Path(logs) / "pre-training",
        )
        run.keep_network(backbone, self.folder)
        self.linear.parent = parents.of_model(
            backbone,
            "/".join(self.folder.resolve().parts[-4:]),
            self.linear.recipe,
            {
                "dataset": dataset.name,
                "recipe": recipes.as_dict(self.recipe),
                "recipe_hash": recipes.recipe_hash(self.recipe),
                "history": history,
                "seconds": time.perf_counter() - start,
            },
        )
        return pd.DataFrame(history).set_index("epoch")

    def curves(self, history: pd.DataFrame | None):
        """Draw loss, accuracy and learning rate over the epochs of pre-training."""
        return None if history is None else self.linear.curves(history)

    def neighbors(self, dataset: Dataset, queries: int = 4, nearest: int = 3):
        """Draw some videos, each with those whose features are most like its own.

        The videos are of the evaluated split; a neighbor of another class is set in
        red.
        """
        videos = self._middle_clips(dataset)
        labels, features = self._features(videos)
        similar = features @ features.T
        np.fill_diagonal(similar, -np.inf)
        shown, titles, colors = [], [], []
        for query in range(queries):
            order = np.argsort(-similar[query], kind="stable")[:nearest]
            shown += [query, *order]
            titles.append(f"query: {dataset.classes[labels[query]]}")
            titles += [
                f"{dataset.classes[labels[i]]}, {similar[query, i]:.2f}" for i in order
            ]
            colors.append("black")
            colors += [
                "black" if labels[i] == labels[query] else "firebrick" for i in order
            ]
        clips = {
            i: video["views"][0]
            for i, video in enumerate(videos.as_numpy_iterator())
            if i in shown
        }
        return film_strips([clips[i] for i in shown], titles, colors)

    def _middle_clips(self, dataset: Dataset, limit: int = 400):
        """Return evaluated videos by the one view in their middle."""
        recipe = dataclasses.replace(
            self.linear.recipe, temporal_views=1, spatial_views=1
        )
        return pipeline.evaluation_views(
            dataset, recipe, split=dataset.evaluated, limit=limit
        )

    def _features(self, videos):
        """Return the labels of videos, and features of length 1 of their only views.

        Some videos at a time: a clip of Kinetics is 25 MB.
        """
        import keras

        from r3d_rs.training.fit import build_model
        from r3d_rs.training.transfer import transfer

        recipe = self.linear.recipe
        network = build_model(recipe, 1, size=recipe.eval_size)
        transfer(self.linear.parent.weights, network)
        unit = keras.Model(network.input, network.get_layer("unit").output)
        labels, features = [], []
        for batch in videos.batch(32).as_numpy_iterator():
            labels.append(batch["label"])
            features.append(unit.predict_on_batch(batch["views"][:, 0]))
        return np.concatenate(labels), np.concatenate(features)

    def write_record(self, evaluation) -> Path:
        """Write the record of the linear evaluation, with its backbone's.

        The states of the pre-training go then, if it was this run's.
        """
        from r3d_rs.training import devices

        path = self.linear.write_record(evaluation)
        if "history" in self.linear.parent.about and devices.is_first():
            states.remove(self.folder)
        return path
