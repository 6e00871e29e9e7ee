"""Evaluating a checkpoint, step by step, for `notebooks/evaluation.ipynb`."""

import dataclasses
from pathlib import Path

import pandas as pd

from r3d_rs.data import datasets
from r3d_rs.data.listing import SPLITS
from r3d_rs.experiments import executed, parameters, record
from r3d_rs.recipes import points, scales


def checked(
    *,
    checkpoint: str,
    official: str = "",
    point: str = "RS-50",
    dataset: str = "",
    split: str = "",
    data_dir: str = "",
    scores: str = "build/scores.npz",
) -> "Scoring":
    """Check the parameters, and load the network and the dataset.

    Args:
        checkpoint: folder of a finished run.
        official: prefix of an official checkpoint, used instead.
        point: of Fig. 2, the network of `official`.
        dataset: a name in `datasets.DATASETS`; "" for the network's own, which an
            official checkpoint does not tell.
        split: "" for the one whose accuracy is reported.
        data_dir: folder of the datasets; "" for the default.
        scores: file to write.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed, or
            a checkpoint that is damaged or does not fit.
        FileNotFoundError: naming a checkpoint or a dataset that is not there.
    """
    executed.quiet()
    received = {
        "checkpoint": checkpoint,
        "official": official,
        "dataset": dataset,
        "data_dir": data_dir,
        "scores": scores,
    }
    for name, value in received.items():
        parameters.check(name, value, str)
    chosen = points.point(point)
    if split:
        parameters.check("split", split, str, allowed=SPLITS)

    from r3d_rs.evaluation import trained

    if not official:
        network = trained.load(checkpoint)
        data = network.load_data(data_dir or None, dataset)
    else:
        if not dataset:
            raise ValueError(
                "parameter dataset: received '', but an official checkpoint needs one:"
                f" allowed are {', '.join(datasets.DATASETS)}"
            )
        data = datasets.load(dataset, data_dir or None)
        recipe = dataclasses.replace(
            scales.of_point(chosen, "kinetics-400"), precision="float32"
        )
        network = trained.load_official(official, recipe, data)
    data.check_reported(split or data.evaluated)
    return Scoring(network, data, split or data.evaluated, Path(scores))


@dataclasses.dataclass
class Scoring:
    """An evaluation in progress; each method is one step of the notebook.

    Attributes:
        network: a `trained.Trained`.
        data: the dataset.
        split: that is evaluated.
        scores: file of every video's scores.
    """

    network: object
    data: datasets.Dataset
    split: str
    scores: Path

    def describe(self) -> pd.Series:
        """Return what is evaluated on what."""
        recipe = self.network.recipe
        return pd.Series(
            {
                "network": recipe.model,
                "parameters": f"{self.network.model.count_params():,}",
                "trained on": self.network.dataset,
                "evaluated on": f"{self.data.name}, split {self.split}",
                "videos": f"{self.data.num_videos(self.split):,}",
                "clips": f"{recipe.temporal_views} of {recipe.frames} frames, stride"
                f" {recipe.temporal_stride}",
                "crops": f"{recipe.spatial_views} of {recipe.eval_size} pixels",
            }
        )

    def curve(self) -> pd.DataFrame:
        """Return the accuracies over more and more views, in per cent."""
        from r3d_rs.evaluation.multiview import evaluate_over_views

        evaluations = evaluate_over_views(
            self.network.model, self.data, self.network.recipe, split=self.split
        )
        *_, self._all_views = evaluations.values()
        names = ("video_top1", "video_top5", "clip_top1")
        rows = {
            views: {name: round(100 * found.metrics()[name], 2) for name in names}
            for views, found in evaluations.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("clips × crops")

    def write_scores(self) -> Path:
        """Write the scores of every video over all views, once `curve` has them."""
        found = self._all_views
        record.save_scores(self.scores, found.ids, found.labels, found.probabilities)
        return self.scores
