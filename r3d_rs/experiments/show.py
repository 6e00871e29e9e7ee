"""Tables and figures of a run's notebook."""

import dataclasses
import itertools

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.data.inspect import film_strips, first_batch, first_clips
from r3d_rs.evaluation.multiview import Evaluation
from r3d_rs.evaluation.trained import Trained
from r3d_rs.experiments.parents import Parent
from r3d_rs.recipes import recipe as recipes
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training.fit import build_model
from r3d_rs.training.loop import History
from r3d_rs.training.transfer import transfer


def recipe_table(paper: Recipe, recipe: Recipe) -> pd.DataFrame:
    """Compare every field of a run's recipe with the paper's."""
    changed = recipes.difference(paper, recipe)
    rows = {
        name: (value, getattr(recipe, name), "changed" if name in changed else "")
        for name, value in dataclasses.asdict(paper).items()
    }
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["paper", "this run", ""]
    )


def transfer_table(parent: Parent) -> pd.DataFrame:
    """Show how many variables a run takes from its parent, and list the new ones."""
    if not parent:
        return pd.DataFrame({"variables": {"new, random": "all"}})
    rows = {
        f"from {parent.about['name']}": str(parent.about["transferred"]),
        "new, random": ", ".join(parent.about["new"]),
    }
    return pd.DataFrame({"variables": rows})


def sample_clips(dataset: Dataset, recipe: Recipe, seed: int, count: int = 6) -> Figure:
    """Draw the first training clips of a run, cropped and mirrored as in training."""
    return film_strips(*first_clips(dataset, recipe, seed=seed, count=count))


def learning_curves(history: History) -> Figure:
    """Draw loss, accuracy on the training clips and learning rate over the epochs."""
    metrics = history.table()
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    for i, name in enumerate(("loss", "accuracy", "learning_rate"), start=1):
        axes = figure.add_subplot(1, 3, i)
        axes.plot(metrics.index, metrics[name], "o-", color="black", markersize=3)
        axes.set(xlabel="epoch", title=name.replace("_", " "))
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def accuracies(evaluation: Evaluation, chance: bool = False) -> pd.DataFrame:
    """Show the accuracies in per cent, with top-1's 95 % interval over videos.

    With `chance`, add the share of the most frequent class.
    """
    metrics = evaluation.metrics()
    low, high = metrics["video_top1_interval"]
    rows = [
        (
            "video top-1 (%)",
            metrics["video_top1"],
            f"{100 * low:.1f} to {100 * high:.1f}",
        ),
        ("video top-5 (%)", metrics["video_top5"], ""),
        ("clip top-1 (%)", metrics["clip_top1"], ""),
    ]
    if chance:
        share = np.bincount(evaluation.labels).max() / len(evaluation.labels)
        rows.append(("chance (%)", share, ""))
    return pd.DataFrame(
        [(name, f"{100 * value:.1f}", interval) for name, value, interval in rows],
        columns=["", "accuracy", "95 % interval"],
    ).set_index("")


def confusion(dataset: Dataset, evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix: each row is the shares of one class's videos."""
    classes = len(dataset.classes)
    counts = np.zeros((classes, classes))
    best = evaluation.probabilities.argmax(1)
    np.add.at(counts, (evaluation.labels, best), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = min(2 + 0.3 * classes, 12)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="class")
    if classes <= 40:
        axes.set_xticks(range(classes), dataset.classes, rotation=90)
        axes.set_yticks(range(classes), dataset.classes)
        for row, column in zip(*counts.nonzero(), strict=True):
            color = "white" if shares[row, column] > 0.5 else "black"
            text = f"{counts[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=color, size=7)
    return figure


def example_predictions(
    dataset: Dataset, recipe: Recipe, evaluation: Evaluation, count: int = 8
) -> Figure:
    """Draw the first evaluated videos: true class, predicted class and its probability.

    Wrong predictions have a cross and a red title.
    """
    split = dataset.evaluated
    views = pipeline.evaluation_views(dataset, recipe, split=split)
    clips, titles, colors = [], [], []
    for i, video in enumerate(itertools.islice(views.as_numpy_iterator(), count)):
        best = int(evaluation.probabilities[i].argmax())
        right = best == video["label"]
        clips.append(video["views"][len(video["views"]) // 2])
        titles.append(
            f"{dataset.classes[video['label']]}\n{'✓' if right else '✗'}"
            f" {dataset.classes[best]} {evaluation.probabilities[i, best]:.0%}"
        )
        colors.append("black" if right else "firebrick")
    return film_strips(clips, titles, colors)


def sample_pairs(
    dataset: Dataset, recipe: ContrastiveRecipe, seed: int, count: int = 4
) -> Figure:
    """Draw both views of some training videos, one below the other."""
    from r3d_rs.contrastive.views import training_pairs

    def batches(few):
        return training_pairs(dataset, few, seed=seed)

    raw = dataclasses.replace(recipe, standardize=False)
    pairs, names = first_batch(dataset, raw, batches, split="train", count=count)
    clips = pairs.reshape(-1, *pairs.shape[2:])
    titles = [f"{name}, view {view}" for name in names for view in (1, 2)]
    return film_strips(clips, titles)


def neighbors(
    dataset: Dataset, recipe: Recipe, parent: Parent, queries: int = 4, nearest: int = 3
) -> Figure:
    """Draw some videos, each followed by its nearest neighbors in feature space.

    The videos are the first 400 of the evaluated split, each with its central view. A
    neighbor of another class has a red title.

    Args:
        dataset: a prepared dataset.
        recipe: recipe of the linear evaluation.
        parent: the backbone.
        queries: number of videos to draw with their neighbors.
        nearest: number of neighbors of each.
    """
    videos = pipeline.evaluation_views(
        dataset,
        dataclasses.replace(recipe, temporal_views=1, spatial_views=1),
        split=dataset.evaluated,
        limit=400,
    )
    labels, features = _features(videos, recipe, parent)
    similar = features @ features.T
    np.fill_diagonal(similar, -np.inf)
    shown, titles, colors = [], [], []
    for query in range(min(queries, len(labels))):
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


def _features(videos, recipe: Recipe, parent: Parent) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of videos, and unit-length features of their only views.

    Videos are read in batches, as a clip of Kinetics takes 25 MB.
    """
    network = build_model(recipe, 1, size=recipe.eval_size)
    transfer(parent.weights, network)
    unit = keras.Model(network.input, network.get_layer("unit").output)
    labels, features = [], []
    for batch in videos.batch(32).as_numpy_iterator():
        labels.append(batch["label"])
        features.append(unit.predict_on_batch(batch["views"][:, 0]))
    return np.concatenate(labels), np.concatenate(features)


def network(trained: Trained, data: Dataset, split: str) -> pd.Series:
    """Describe the network, the videos and the views of an evaluation."""
    recipe = trained.recipe
    return pd.Series(
        {
            "network": recipe.model,
            "parameters": f"{trained.model.count_params():,}",
            "trained on": trained.dataset,
            "evaluated on": f"{data.name}, split {split}",
            "videos": f"{data.num_videos(split):,}",
            "clips": f"{recipe.temporal_views} of {recipe.frames} frames, stride"
            f" {recipe.temporal_stride}",
            "crops": f"{recipe.spatial_views} of {recipe.eval_size} pixels",
        }
    )


def against_record(
    trained: Trained, evaluations: dict[tuple[int, int], Evaluation], split: str
) -> pd.DataFrame:
    """Compare a network's accuracy with the accuracy that it was published with.

    Args:
        trained: the network; the table has one row if it is not published.
        evaluations: from `multiview.evaluate_over_views`, all views last.
        split: split that was evaluated.
    """
    *_, own = evaluations.values()
    rows = {"here": 100 * own.metrics()["video_top1"]}
    if trained.published and split == trained.published.about["split"]:
        both = {"published network": trained.published.about}
        both["record of its run"] = trained.published.record
        for name, one in both.items():
            rows[name] = 100 * one["metrics"]["video_top1"]
    return pd.DataFrame({"top-1, %": {name: f"{x:.2f}" for name, x in rows.items()}})


def over_views(evaluations: dict[tuple[int, int], Evaluation]) -> pd.DataFrame:
    """Show the accuracies for each number of views, in per cent."""
    names = ("video_top1", "video_top5", "clip_top1")
    rows = {
        f"{clips}×{crops}": {
            name: round(100 * found.metrics()[name], 2) for name in names
        }
        for (clips, crops), found in evaluations.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("clips × crops")
