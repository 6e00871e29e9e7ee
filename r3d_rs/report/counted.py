"""Figure 1 with all costs counted by one convention, in multiply-adds."""

import math
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from r3d_rs import paper
from r3d_rs.report import figures, peers
from r3d_rs.report.figures import Mark


def marks(results: Path) -> tuple[list[Mark], list[Mark]]:
    """Return the marks of Table 3's rows against the cost of a view, and of a video.

    Costs are multiply-adds, in 10^9 for a view and in 10^12 for a video. If a network
    cannot be counted, its cost comes from another paper and its name has a dagger.

    Raises:
        FileNotFoundError: if the exact counts are missing; it says how to make them.
    """
    table, elsewhere = paper.table(3), paper.quoted().set_index("source")
    counts = peers.build(results).query("table == 3")["counted_gmacs"]
    one, all_views = [], []
    for row, gmacs in zip(table.to_dict("records"), counts, strict=True):
        label = row["label"].partition(" [")[0].replace("-16×8", "")
        name = label if row["quoted"] else row["point"]
        if math.isnan(gmacs):
            gmacs, name = elsewhere.loc[row["source"], "elsewhere_gmacs"], f"{name}†"
        video = gmacs * row["views_temporal"] * row["views_spatial"] / 1000
        for found, cost in ((one, gmacs), (all_views, video)):
            text = f"{name}: {row['top1']} % ({row['source']}), {cost:.1f}"
            own = Mark(name, cost, row["top1"], None, text, quoted=row["quoted"])
            found.append(own)
    return one, all_views


def figure(results: Path) -> Figure:
    """Draw accuracies against multiply-adds: per view left, per video right.

    Marks are as in Figure 1. The horizontal axis on the right is logarithmic.

    Raises:
        FileNotFoundError: as in `marks`.
    """
    with rc_context(figures.STYLE):
        width, height = figures.PANEL
        size = (2 * width, 1.3 * height)
        drawn = Figure(figsize=size, layout="constrained")
        panels = list(zip(drawn.subplots(1, 2), marks(results), strict=True))
        for (axes, points), side in zip(panels, ("view", "video"), strict=True):
            figures.panel(axes, points, "", [], side)
            axes.set(title=f"one {side}", ylabel="top-1 on Kinetics-400 (%)")
        right = panels[1][0]
        right.set_xscale("log")
        right.set_xlim(0.4, 40)
        right.set_xlabel("multiply-adds of all views (10¹²)")
        ticks = (0.5, 1, 2, 5, 10, 20)
        right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        right.minorticks_off()
        drawn.draw_without_rendering()
        drawn.set_layout_engine("none")
        for axes, points in panels:
            figures.name_points(axes, points)
    return drawn


def build(results: Path) -> list[Path]:
    """Write `<results>/figures/figure1-counted.svg` and `.png`.

    Raises:
        FileNotFoundError: as in `marks`.
    """
    return figures.save(figure(results), Path(results), "figure1-counted")
