"""What the paper says about scaling, step by step, beside what the records say."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from r3d_rs.study import comparison, experiments, record


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
        One row a step, in points of top-1 accuracy; ours is the mean difference with
        its 95 % interval over seeds and videos.
    """

    def runs(point):
        return record.find(results, dataset, "scaling", point)

    rows = [
        {
            "step": step.text,
            "from": step.before,
            "to": step.after,
            "paper, Kinetics-400": _paper(step),
            f"ours, {dataset}": comparison.described(
                results, runs(step.before), runs(step.after)
            ),
        }
        for step in SCALING
    ]
    return pd.DataFrame(rows).set_index("step").rename_axis(None)


def _paper(step: Step) -> str:
    """Return the paper's difference, or say that it gives none."""
    pair = [experiments.point(name).paper_top1 for name in (step.before, step.after)]
    return "not given" if None in pair else f"{pair[1] - pair[0]:+.1f}"
