"""What the paper says about scaling, step by step, beside what the records say."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from r3d_rs.study import experiments, record


@dataclass(frozen=True)
class Step:
    """A change of top-1 accuracy that the paper reports.

    Args:
        text: what changes, with the section.
        before: the point it starts from, a name in `experiments.SCALING`.
        after: the point it leads to.
    """

    text: str
    before: str
    after: str


SCALING = (
    Step("training methods and architecture (§4.2)", "R3D-50", "RS-50"),
    Step("depth, 50 to 200 layers (§4.4)", "RS-50", "RS-200"),
    Step("depth, 200 to 270 layers (§4.4)", "RS-200", "RS-270"),
    Step("depth, 200 to 300 layers (§4.4)", "RS-200", "RS-300"),
    Step("32 to 48 frames (§4.4)", "RS-200", "RS-200@f48"),
)


def scaling_steps(results: Path, dataset: str = "pantomime-20") -> pd.DataFrame:
    """Compare the paper's steps of scaling with ours.

    Args:
        results: folder of the records.
        dataset: whose records are ours.

    Returns:
        One row a step, in points of top-1 accuracy; ours is the difference of the means
        over seeds with its 95 % interval.
    """
    top1 = {}
    for run in record.find(results):
        experiment = run["experiment"]
        if (experiment["dataset"], experiment["study"]) == (dataset, "scaling"):
            values = top1.setdefault(experiment["point"], [])
            values.append(100 * run["metrics"]["video_top1"])
    rows = [
        {
            "step": step.text,
            "from": step.before,
            "to": step.after,
            "paper, Kinetics-400": _paper(step),
            f"ours, {dataset}": ours(top1.get(step.before), top1.get(step.after)),
        }
        for step in SCALING
    ]
    return pd.DataFrame(rows).set_index("step").rename_axis(None)


def _paper(step: Step) -> str:
    """Return the paper's difference, or say that it gives none."""
    pair = [experiments.point(name).paper_top1 for name in (step.before, step.after)]
    return "not given" if None in pair else f"{pair[1] - pair[0]:+.1f}"


def ours(before: list[float] | None, after: list[float] | None) -> str:
    """Describe a difference of means with its 95 % interval (Welch's t, over seeds).

    Args:
        before: accuracies of one point, one a seed, per cent; None if it is not run.
        after: those of the other.
    """
    if not before or not after:
        return "not run"
    seeds = f"{len(before)} and {len(after)} seeds"
    difference = np.mean(after) - np.mean(before)
    if min(len(before), len(after)) < 2:
        return f"{difference:+.1f}, no interval ({seeds})"
    if np.ptp(before) == np.ptp(after) == 0:
        low = high = difference
    else:
        low, high = stats.ttest_ind(
            after, before, equal_var=False
        ).confidence_interval()
    return f"{difference:+.1f}, {low:+.1f} to {high:+.1f} ({seeds})"
