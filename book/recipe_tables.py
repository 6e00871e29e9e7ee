"""The book's tables and figures of the recipe: fields, rows of Table 2, schedule."""

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown
from links import NOTHING
from matplotlib.figure import Figure

from r3d_rs.experiments import record
from r3d_rs.recipes import contrastive, scales, table2
from r3d_rs.recipes import recipe as recipes

#: Plain words for fields with unclear names.
WORDS = {
    "area_range": "share of the area in a crop",
    "model": "network",
    "span": "frames",
    "randaugment_layers": "operations of RandAugment on a clip",
    "squeeze_excitation": "channels in squeeze-excitation, share",
}


def table2_changes() -> pd.DataFrame:
    """Return the field that each row of Table 2 changes, with both values."""
    names = ["baseline", *table2.TABLE_2]
    rows = {}
    for above, name in itertools.pairwise(names):
        changed = recipes.difference(table2.row(above), table2.row(name))
        rows[name] = {
            "what": ", ".join(WORDS.get(f, f.replace("_", " ")) for f in changed),
            "from": ", ".join(_text(old) for old, _ in changed.values()),
            "to": ", ".join(_text(new) for _, new in changed.values()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def fields() -> pd.DataFrame:
    """Return all fields of the recipe: the paper's, as published and on Pantomime."""
    paper = recipes.Recipe()
    columns = {
        "published configuration": recipes.Recipe(**recipes.PUBLISHED),
        "pantomime scale": scales.at_pantomime_scale(paper),
    }
    table = {"paper or published code": _texts(paper)}
    table |= {title: _changes(paper, recipe) for title, recipe in columns.items()}
    return pd.DataFrame(table)


def rate(recipe: recipes.Recipe, epoch: float) -> float:
    """Return the learning rate at an epoch: `optimizers.WarmupCosine` without Keras."""

    def cosine(at):
        return recipe.learning_rate * (1 + math.cos(math.pi * at / recipe.epochs)) / 2

    if epoch >= recipe.warmup_epochs:
        return cosine(epoch)
    return cosine(recipe.warmup_epochs) * epoch / recipe.warmup_epochs


def schedule_figure() -> Figure:
    """Draw the paper's learning rate over its epochs."""
    recipe = recipes.Recipe()
    epochs = range(recipe.epochs + 1)
    figure = Figure(figsize=(3.9, 2.4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(epochs, [rate(recipe, epoch) for epoch in epochs], color="black")
    axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None), xlim=(0, None))
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def contrastive_fields() -> pd.DataFrame:
    """Return the fields of contrastive pre-training, at the paper's and our scale.

    A dash means the same value at the pantomime scale.
    """
    paper, _ = contrastive.at_scale("r3d-rs-50", "paper")
    small, _ = contrastive.at_scale("r3d-rs-50", "pantomime")
    columns = {
        "paper or published code": _texts(paper),
        "pantomime scale": _changes(paper, small),
    }
    return pd.DataFrame(columns)


def contrastive_curves(
    results: Path, dataset: str = "pantomime-20"
) -> Figure | Markdown:
    """Draw loss and accuracy of every record's pre-training, with a line a run.

    Without a record, return the text "Not run.".
    """
    runs = record.find(results, dataset, "contrastive")
    if not runs:
        return NOTHING
    figure = Figure(figsize=(7.8, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for run in runs:
        experiment, history = run["experiment"], run["parent"]["history"]
        for axes, name in zip(panels, ("loss", "accuracy"), strict=True):
            axes.plot(
                history["epoch"],
                history[name],
                linewidth=1,
                label=f"{experiment['point']}, seed {experiment['seed']}",
            )
    for axes, name in zip(panels, ("loss", "accuracy"), strict=True):
        axes.set(xlabel="epoch", title=name, xlim=(0, None), ylim=(0, None))
        axes.spines[["top", "right"]].set_visible(False)
    panels[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.25))
    return figure


def _texts(recipe) -> dict[str, str]:
    """Return every field of a recipe as text."""
    return {name: _text(value) for name, value in dataclasses.asdict(recipe).items()}


def _changes(recipe, other) -> dict[str, str]:
    """Return the fields of another recipe as text, with a dash for equal ones."""
    changed = recipes.difference(recipe, other)
    return dict.fromkeys(_texts(recipe), "-") | {
        name: _text(new) for name, (_, new) in changed.items()
    }


def _text(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " to ".join(f"{part:g}" for part in value)
    if isinstance(value, str):
        return value
    return np.format_float_positional(value, trim="-")
