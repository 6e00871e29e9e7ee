"""A small experiment on real videos: does pre-training on rendered videos help?

EgoGestAR shows signs that a hand draws in the air, seen by the person who draws.
Three divisions split its recording sessions into training and test. Each division is a
dataset.
"""

import os
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from r3d_rs import files
from r3d_rs.evaluation import interval
from r3d_rs.experiments import record
from r3d_rs.experiments.record import NOT_RUN

#: Datasets, one per division of the sessions.
DATASETS = ("egogestar-0", "egogestar-1", "egogestar-2")
#: Share of the sessions that a division holds out for testing.
ASIDE = 0.3
#: The three networks, first the baseline without the paper's changes.
BASELINE, SCRATCH = "R3D-50", "RS-50"
TUNED = "from-pantomime-web-RS-50"
NETWORKS = {
    BASELINE: "R3D-50, random weights",
    SCRATCH: "R3D-RS-50, random weights",
    TUNED: "R3D-RS-50, pre-trained on Pantomime-web",
}
CHANCE = "always the most frequent sign"
#: Gains to show.
GAINS = {
    "R3D-RS-50 over R3D-50": (BASELINE, SCRATCH),
    "pre-training on Pantomime-web": (SCRATCH, TUNED),
}

#: Titles of the probes in the book.
PROBES = {
    "clips": "clips",
    "reversed": "the same network, clips reversed",
    "shuffled": "the same network, frames shuffled",
    "trained_on_single_frames": "trained and tested on single frames",
    "ridge_on_frame_differences": "ridge regression on frame differences",
}


def build(results: Path) -> pd.DataFrame:
    """Return the content of `<results>/tables/real-videos.csv`, one row per run.

    Accuracies are in per cent. `chance` is the accuracy of always predicting the most
    frequent class.
    """
    rows = []
    for dataset in DATASETS:
        for network in NETWORKS:
            runs = record.find(results, dataset, "finetune", network)
            record.summarize(runs)  # refuses recipes that differ
            for run in runs:
                labels = record.scores_of(results, run).labels
                rows.append(
                    {
                        "network": network,
                        "dataset": dataset,
                        "seed": run["experiment"]["seed"],
                        "videos": len(labels),
                        "chance": 100 * np.bincount(labels).max() / len(labels),
                        "top1": 100 * run["metrics"]["video_top1"],
                        "minutes": run["wall_seconds"]["total"] / 60,
                    }
                )
    columns = ("network", "dataset", "seed", "videos", "chance", "top1", "minutes")
    return pd.DataFrame(rows, columns=columns).round(2)


def shown(results: Path) -> pd.DataFrame:
    """Return the book's table, one row per network: accuracy by division and overall.

    A division's accuracy is the mean over its seeds. The standard deviation is over the
    seeds of a division. The last row is the accuracy of always predicting the most
    frequent sign.
    """
    runs = pd.read_csv(Path(results) / "tables" / "real-videos.csv")
    table = {}
    for network, title in NETWORKS.items():
        own = runs[runs["network"] == network]
        divided = own.groupby("dataset")["top1"]
        top1 = divided.mean().reindex(DATASETS)
        spread = np.sqrt(divided.var().mean())
        numbers = [*top1, top1.mean(skipna=False), spread, own["minutes"].mean()]
        table[title] = [_shown(value) for value in numbers]
    chance = runs.groupby("dataset")["chance"].mean().reindex(DATASETS)
    numbers = [*chance, chance.mean(skipna=False)]
    table[CHANCE] = [*map(_shown, numbers), "-", "-"]
    columns = [f"division {number + 1}, %" for number in range(len(DATASETS))]
    columns += ["mean, %", "s.d. of seeds", "minutes"]
    return pd.DataFrame.from_dict(table, orient="index", columns=columns)


def figure(results: Path) -> Figure | None:
    """Draw each network's accuracy, one dot per division; None if there are no runs."""
    runs = pd.read_csv(Path(results) / "tables" / "real-videos.csv")
    if runs.empty:
        return None
    drawn = Figure(figsize=(3.9, 2.2), layout="constrained")
    axes = drawn.add_subplot()
    for row, network in enumerate(NETWORKS):
        top1 = runs[runs["network"] == network].groupby("dataset")["top1"].mean()
        axes.plot(top1, [row] * len(top1), "o", color="black", markersize=5)
    axes.axvline(runs["chance"].mean(), color="0.6", linewidth=1)
    names = [name.replace(", ", ",\n") for name in NETWORKS.values()]
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="top-1 of a division (%)", xlim=(0, 100))
    axes.margins(y=0.3)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    return drawn


def gains(results: Path) -> pd.DataFrame:
    """Return the gains in points, as text, with 95 % intervals over divisions.

    Divisions share most of their videos, so Student's interval would be too narrow. The
    variance of the mean is corrected as in Nadeau and Bengio (2003): the ratio of test
    to training sessions is added to one over the number of divisions.
    """
    runs = pd.read_csv(Path(results) / "tables" / "real-videos.csv")
    top1 = runs.pivot_table("top1", "network", "dataset")
    top1 = top1.reindex(index=list(NETWORKS), columns=list(DATASETS))
    seeds = runs.groupby(["network", "dataset"]).size()
    sessions = {network: _sessions(results, network) for network in NETWORKS}
    rows = {}
    for title, (before, after) in GAINS.items():
        values = (top1.loc[after] - top1.loc[before]).to_numpy()
        if np.isnan(values).any():
            rows[title] = [NOT_RUN, *"-----"]
            continue
        mean, number = values.mean(), len(values)
        shared = np.sqrt(1 + number * ASIDE / (1 - ASIDE))
        half = interval.half_width(values) * shared
        low, high = mean - half, mean + half
        verdict = "helps" if low > 0 else "hurts" if high < 0 else "inconclusive"
        own = seeds[[before, after]]
        first, second = sessions[before], sessions[after]
        gained = sum(second[session] > first[session] for session in first)
        rows[title] = [
            f"{mean:+z.1f}",
            ", ".join(f"{value:+z.1f}" for value in values),
            f"{low:+z.1f} to {high:+z.1f}",
            f"{gained} of {len(first)}",
            " to ".join(str(n) for n in sorted({own.min(), own.max()})),
            verdict,
        ]
    columns = ["ours", "each division", "95 % interval", "sessions that gain"]
    columns += ["seeds of a division", "verdict"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _sessions(results: Path, network: str) -> dict[str, float]:
    """Return a network's accuracy in each recording session, over all its runs."""
    right = defaultdict(list)
    for dataset in DATASETS:
        for run in record.find(results, dataset, "finetune", network):
            scores = record.scores_of(results, run)
            found = scores.probabilities.argmax(1) == scores.labels
            for ident, own in zip(scores.ids.tolist(), found, strict=True):
                name = os.path.splitext(ident)[0]
                right[re.search("[0-9]*$", name)[0]].append(own)
    return {session: float(np.mean(own)) for session, own in right.items()}


def probes(results: Path) -> pd.DataFrame:
    """Return R3D-RS-50's accuracy in each probe of `evaluation.probes`, as text.

    Rows are probes, columns are divisions of the sessions.
    """
    table = {}
    for number, dataset in enumerate(DATASETS):
        path = Path(results) / dataset / "probes.json"
        found = files.read_json(path) if path.exists() else {}
        table[f"division {number + 1}, %"] = {
            title: _shown(100 * found[key]["video_top1"]) if found else NOT_RUN
            for key, title in PROBES.items()
        }
    return pd.DataFrame(table)


def _shown(value: float) -> str:
    return NOT_RUN if np.isnan(value) else f"{value:.1f}"
