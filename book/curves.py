"""Learning curves and confusions from the records of a point."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown
from links import NOTHING
from matplotlib.figure import Figure

from r3d_rs.experiments import record, registry
from r3d_rs.pantomime import SETS
from r3d_rs.pantomime.actions import ACTIONS
from r3d_rs.report import claims


def figure(
    results: Path, dataset: str, study: str, points: Sequence[str]
) -> Figure | Markdown:
    """Draw loss and accuracy on training clips, with a line a seed and a color a point.

    Without a record of any point, return the text "Not run.".
    """
    runs = [registry.records(results, dataset, f"{study}/{point}") for point in points]
    if not any(runs):
        return NOTHING
    drawn = Figure(figsize=(7.8, 2.8), layout="constrained")
    loss, accuracy = drawn.subplots(1, 2)
    for i, (point, own) in enumerate(zip(points, runs, strict=True)):
        for number, run in enumerate(own):
            label, history = (None if number else point), run["history"]
            style = {"color": f"C{i}", "linewidth": 0.8, "label": label}
            loss.plot(history["epoch"], history["loss"], **style)
            share = 100 * np.array(history["accuracy"])
            accuracy.plot(history["epoch"], share, **style)
    loss.set(xlabel="epoch", title="training loss, with weight decay")
    accuracy.set(xlabel="epoch", title="accuracy on training clips, %", ylim=(0, 100))
    loss.legend(frameon=False, loc="upper right")
    for axes in (loss, accuracy):
        axes.spines[["top", "right"]].set_visible(False)
    return drawn


def learned(results: Path | str, dataset: str, name: str) -> str:
    """Return an experiment's mean training accuracy in its last epoch, per cent."""
    runs = registry.records(results, dataset, name)
    return f"{100 * np.mean([run['history']['accuracy'][-1] for run in runs]):.0f}"


def spread(results: Path, dataset: str, name: str) -> str:
    """Return the standard deviation of top-1 over an experiment's seeds, points."""
    runs = registry.records(results, dataset, name)
    tops = [100 * run["metrics"]["video_top1"] for run in runs]
    return f"{np.std(tops, ddof=1):.1f}"


def confusion(results: Path, dataset: str, name: str) -> pd.DataFrame:
    """Return the confusion matrix of Pantomime's classes, over all seeds.

    Returns:
        Per cent of a class's videos; true classes in rows, predicted ones in columns,
        a class next to its reversal. Empty without a record.

    Raises:
        FileNotFoundError: naming scores that are missing.
    """
    runs = registry.records(results, dataset, name)
    if not runs:
        return pd.DataFrame()
    names = sorted(SETS[dataset].classes)  # a label is an index into this order
    counts = np.zeros((len(names), len(names)))
    for run in runs:
        scores = record.scores_of(results, run)
        np.add.at(counts, (scores.labels, scores.probabilities.argmax(1)), 1)
    shares = 100 * counts / counts.sum(1, keepdims=True)
    table = pd.DataFrame(shares, index=names, columns=names)
    order = list(SETS[dataset].classes)
    return table.loc[order, order]


def gains_by_class(
    results: Path, statements: Sequence[claims.Statement]
) -> pd.DataFrame:
    """Return the gains of statements on Pantomime by class.

    Args:
        results: folder of the records.
        statements: only those with a verdict for or against the paper are shown.

    Returns:
        Points of top-1 that each class gains, averaged over all seeds, with a column a
        statement. The classes that gain most in the first column come first. Empty
        without such a statement.

    Raises:
        FileNotFoundError: naming scores that are missing.
    """
    columns = {}
    for statement in statements:
        if statement.verdict in (claims.REPRODUCED, claims.NOT_REPRODUCED):
            ends = (statement.pair.before, statement.pair.after)
            right = [
                _right_by_class(results, statement.pair.dataset, name) for name in ends
            ]
            columns[statement.text] = right[1] - right[0]
    table = pd.DataFrame(columns)
    return table.sort_values([*columns][:1], ascending=False, kind="stable")


def gaining(gains: pd.Series) -> dict[str, str]:
    """Say how many classes gain, "rising", and which three gain most, "most".

    Args:
        gains: gain of each class, a column of `gains_by_class`.
    """
    first = gains.sort_values(ascending=False)[:3]
    return {
        "rising": f"{(gains > 0).sum()} of {len(gains)}",
        "most": ", ".join(f"{name} {gain:+.1f}" for name, gain in first.items()),
    }


def _right_by_class(results: Path, dataset: str, name: str) -> pd.Series:
    table = confusion(results, dataset, name)
    return pd.Series(np.diag(table), index=table.index)


def confusion_figure(table: pd.DataFrame) -> Figure | Markdown:
    """Draw a confusion matrix, with numbers in cells of half a per cent and more.

    Args:
        table: the result of `confusion`. If it is empty, return the text "Not run.".
    """
    if table.empty:
        return NOTHING
    drawn = Figure(figsize=(8, 7.4), layout="constrained")
    axes = drawn.subplots()
    axes.imshow(table, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.argwhere(table.to_numpy() >= 0.5):
        share = table.iloc[row, column]
        axes.text(
            column,
            row,
            f"{share:.0f}",
            ha="center",
            va="center",
            fontsize=9,
            # Black would become the page's text color, but cells are light anywhere.
            color="white" if share > 50 else "#010101",
        )
    places = range(len(table))
    axes.set_xticks(places, table.columns, rotation=60, ha="right")
    axes.set_yticks(places, table.index)
    axes.set(xlabel="predicted", ylabel="true")
    return drawn


def most_confused(table: pd.DataFrame, count: int = 8) -> pd.DataFrame | None:
    """Return the largest entries off the diagonal, and which of them are reversals.

    Args:
        table: the result of `confusion`. If it is empty, return None.
        count: number of entries.
    """
    if table.empty:
        return None
    pairs = {frozenset(group) for group in paired_classes(table.index)}
    shares = table.to_numpy(copy=True)
    np.fill_diagonal(shares, -1)
    rows = []
    for place in np.argsort(-shares, axis=None, kind="stable")[:count]:
        row, column = np.unravel_index(place, shares.shape)
        true, predicted = table.index[row], table.columns[column]
        rows.append(
            {
                "true": true,
                "predicted": predicted,
                "of the true class, %": f"{shares[row, column]:.1f}",
                "each other's reversal": "yes" if {true, predicted} in pairs else "no",
            }
        )
    return pd.DataFrame(rows).set_index("true").rename_axis(None)


def paired_classes(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Group classes of Pantomime: pairs of reversals, and single classes."""

    def forward(name):
        return dataclasses.replace(ACTIONS[name], reverse=False)

    return [tuple(group) for _, group in itertools.groupby(names, forward)]
