"""How the cost of a training step grows, as `benchmarks/growth.py` measured it."""

from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import speed
from r3d_rs.report.figures import STYLE

#: Shape of a point by what is varied; backends are full and empty.
MARKERS = {"depth": "o", "frames": "s", "size": "^", "batch": "D"}
FILLS = {"TensorFlow": "full", "JAX": "none"}

#: The panels: what is on the vertical axis, its column, and what it is against.
PANELS = (
    (
        "a step, s",
        "step_seconds",
        "multiply-adds of a forward pass (10⁹)",
        "step_gmacs",
    ),
    ("memory, GB", "peak_gb", "multiply-adds of a forward pass (10⁹)", "step_gmacs"),
    ("first step, s", "first_step_seconds", "depth", "depth"),
    ("a step, s", "step_seconds", "virtual devices", "devices"),
)


def read(results: Path) -> pd.DataFrame | None:
    """Return the rows, with what is derived from them; None where there are none.

    `step_seconds` is of a whole batch, `step_gmacs` its multiply-adds in one forward
    pass, 10^9, and `peak_gb` the largest resident memory, 10^9 bytes.
    """
    rows = speed.read(results, "growth.csv")
    if rows is None:
        return None
    return rows.assign(
        step_seconds=rows["batch"] / rows["median"],
        step_gmacs=rows["batch"] * rows["gmacs"],
        peak_gb=rows["peak_mb"] * 2**20 / 1e9,
    )


def table(results: Path) -> pd.DataFrame:
    """Return what each thing that was varied costs.

    Returns:
        A row a value and backend: the seconds of a step, how often the step of the
        smallest value fits in (and how often its multiply-adds do), the seconds to the
        end of the first step, and the memory.
    """
    rows = read(results)
    if rows is None:
        return pd.DataFrame({"a step, s": {"any growth": NOT_RUN}})
    cells = []
    for (varied, side), part in rows.groupby(["varied", "side"], sort=False):
        part = part.sort_values("value")
        first = part.iloc[0]
        for row in part.to_dict("records"):
            cells.append(
                {
                    "varied": f"{varied} {row['value']}",
                    "on": side,
                    "a step, s": f"{row['step_seconds']:.3g}",
                    "times the smallest": _times(row, first, "step_seconds"),
                    "in multiply-adds": _times(row, first, "step_gmacs"),
                    "first step, s": f"{row['first_step_seconds']:.1f}",
                    "memory, GB": f"{row['peak_gb']:.2f}",
                }
            )
    return pd.DataFrame(cells).set_index("varied").rename_axis(None)


def described(results: Path) -> str:
    """Say which network was varied, or "not run"."""
    rows = read(results)
    if rows is None:
        return NOT_RUN
    base = {name: rows[name].mode().iloc[0] for name in ("depth", "frames", "size")}
    return (
        f"R3D-RS-{base['depth']} of width {rows['width'].iloc[0]:g} at"
        f" {base['frames']} × {base['size']}², batch {rows['batch'].mode().iloc[0]}"
    )


def figure(results: Path) -> Figure | None:
    """Draw time and memory against multiply-adds, depth and devices.

    Circles vary the depth, squares the frames, triangles the size, diamonds the batch;
    full is TensorFlow, empty JAX.

    Returns:
        None where growth was not measured.
    """
    rows = read(results)
    if rows is None:
        return None
    with rc_context(STYLE):
        drawn = Figure(figsize=(8, 5.8), layout="constrained")
        for axes, (label, column, against, place) in zip(
            drawn.subplots(2, 2).flat, PANELS, strict=True
        ):
            shown = MARKERS if place == "step_gmacs" else {place: "o"}
            for (varied, side), part in rows.groupby(["varied", "side"], sort=False):
                if varied not in shown:
                    continue
                part = part.sort_values(place)
                axes.plot(
                    part[place],
                    part[column],
                    color="black",
                    linewidth=0.7,
                    marker=shown[varied],
                    markersize=4,
                    fillstyle=FILLS[side],
                    linestyle="-" if FILLS[side] == "full" else ":",
                    label=f"{varied}, {side}",
                )
            axes.set(xlabel=against, ylabel=label, ylim=(0, None))
            if place != "step_gmacs":
                axes.set_xticks(sorted(rows[place].unique()))
        handles, labels = drawn.axes[0].get_legend_handles_labels()
        if handles:
            below = {"loc": "outside lower center", "ncols": 4}
            drawn.legend(handles, labels, frameon=False, **below)
    return drawn


def _times(row: dict, first: pd.Series, column: str) -> str:
    return f"{row[column] / first[column]:.2f} ×"
