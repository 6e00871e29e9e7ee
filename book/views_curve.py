"""Accuracy by the number of views, as a table and a figure."""

import numpy as np
import pandas as pd
from IPython.display import Markdown
from links import NOTHING
from matplotlib import colormaps
from matplotlib.figure import Figure

from r3d_rs.evaluation import interval
from r3d_rs.recipes import points


def table(rows: pd.DataFrame) -> pd.DataFrame | None:
    """Return top-1 by the number of views, and the gain of all views over one.

    Args:
        rows: result of `r3d_rs.experiments.views_curve.read`.

    Returns:
        One row a network, and a column for each number of views, `clips × crops`, with
        the mean over seeds in per cent. The last column has the gain of the most views
        over one in points, seed by seed, with its 95 % interval (Student's t over
        seeds). None without rows.
    """
    if rows.empty:
        return None
    shown = {}
    for point, own in _by_point(rows):
        by_views = own.pivot_table(
            index=["clips", "crops"], columns="seed", values="top1"
        )
        by_views.index = [f"{clips} × {crops}" for clips, crops in by_views.index]
        one, most = by_views.index[[0, -1]]
        gains = (by_views.loc[most] - by_views.loc[one]).to_numpy()
        means = 100 * by_views.mean(axis="columns")
        shown[point] = {
            **means.map("{:.1f}".format),
            f"{most} over {one}": _gain(gains),
        }
    return pd.DataFrame.from_dict(shown, orient="index")


def figure(rows: pd.DataFrame) -> Figure | Markdown:
    """Draw top-1 by the number of clips: a line a network, a panel a number of crops.

    Networks with more than one seed have 95 % intervals over seeds. Without rows,
    return the text "Not run.".
    """
    if rows.empty:
        return NOTHING
    drawn = Figure(figsize=(7, 3.6), layout="constrained")
    numbers = sorted(rows["crops"].unique().tolist())
    panels = drawn.subplots(1, len(numbers), sharey=True, squeeze=False)[0]
    points = [point for point, _ in _by_point(rows)]
    colors = colormaps["viridis"](np.linspace(0, 0.85, len(points)))
    for axes, crops in zip(panels, numbers, strict=True):
        for i, (point, own) in enumerate(_by_point(rows[rows["crops"] == crops])):
            by_clips = own.groupby("clips")["top1"]
            means, halves = 100 * by_clips.mean(), 100 * by_clips.agg(_half)
            ends = [np.minimum(halves, means), np.minimum(halves, 100 - means)]
            axes.errorbar(
                means.index + 0.05 * (i - (len(points) - 1) / 2),
                means,
                yerr=ends if halves.any() else None,
                fmt=f"{'osD^vP*X'[i % 8]}-",
                color=colors[i],
                capsize=2,
                markersize=4,
                linewidth=1,
                label=point,
            )
        axes.tick_params(labelleft=True)  # a page shows each panel as a picture
        axes.set(
            xlabel="clips of a video",
            ylabel="video top-1 (%)",
            title=f"{crops} crop{'s' * (crops > 1)}",
            xticks=sorted(rows["clips"].unique()),
        )
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.25))
    return drawn


def _by_point(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each network, in the order of the study."""
    return [
        (point, own)
        for point in points.scaling()
        if len(own := rows[rows["point"] == point])
    ]


def _gain(shares: np.ndarray) -> str:
    mean, half = 100 * float(np.mean(shares)), 100 * _half(shares)
    if len(shares) == 1:
        return f"{mean:+z.1f} (1 seed)"
    return interval.described(mean, mean - half, mean + half, len(shares), "+")


def _half(shares) -> float:
    """Return half of the 95 % interval over seeds, or 0 for a single seed."""
    if len(shares) < 2:
        return 0.0
    return interval.half_width(shares)
