"""What a run's notebook shows: sample clips, learning curves, example predictions."""

import itertools

from matplotlib.figure import Figure

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.data.inspect import film_strips, first_clips
from r3d_rs.recipes.recipe import Recipe


def sample_clips(dataset: Dataset, recipe: Recipe, seed: int, count: int = 6) -> Figure:
    """Draw the first training clips of a run, cropped and mirrored as trained on."""
    return film_strips(*first_clips(dataset, recipe, seed=seed, count=count))


def learning_curves(history) -> Figure:
    """Draw loss, accuracy on the training clips and learning rate over the epochs."""
    figure = Figure(figsize=(8, 2.4), layout="constrained")
    for i, name in enumerate(("loss", "accuracy", "learning_rate"), start=1):
        axes = figure.add_subplot(1, 3, i)
        axes.plot(history.index, history[name], "o-", color="black", markersize=3)
        axes.set(xlabel="epoch", title=name.replace("_", " "))
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def example_predictions(
    dataset: Dataset, recipe: Recipe, evaluation, count: int = 8
) -> Figure:
    """Draw the first test videos: true class, the class predicted, its probability.

    A wrong prediction is marked with a cross and set in red.
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
