"""Figure 2: the paper's accuracies and ours against multiply-adds."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from r3d_rs import paper
from r3d_rs.study import exact, record
from r3d_rs.whole import whole_file

#: Shape and place of the label (points right and up) by what is scaled. Shapes, not
#: colours, so that the figure reads in grey.
MARKERS = {"": "o", "f": "s", "i": "^"}

#: Where a label stands when right of its point it would meet another.
LABELS = {
    "RS-50": (6, -3, "left"),
    "RS-270": (-6, -3, "right"),
    "RS-300": (0, -12, "center"),
    "RS-200": (-6, 2, "right"),
    "RS-200@i256": (-6, 2, "right"),
    "RS-200@i288": (-6, -9, "right"),
}

#: With the salt the same figure gives the same SVG, byte for byte.
STYLE = {
    "svg.hashsalt": "r3d-rs",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def figure2(results: Path, dataset: str = "pantomime-20") -> Figure:
    """Draw the points of Fig. 2, the paper's left and ours right.

    Left is top-1 on Kinetics-400 as the paper's text gives it, against the multiply-
    adds of one view that we count. Right is the mean video top-1 of the scaling study's
    records with its 95 % interval (t over seeds; over videos for a single seed),
    against the multiply-adds of one view at that dataset's scale. Circles are depths,
    joined by a line; squares scale the frames, triangles the resolution. Points without
    a value are named below.
    """
    counts = exact.read(results)["gmacs"]
    published, missing = {}, []
    ours, absent = {}, []
    for row in paper.figure(2).itertuples():
        key = (row.model, row.frames_span // 2, row.eval_size, 400)
        if row.top1 == row.top1:  # a number: NaN differs from itself
            published[row.point] = (counts[key], row.top1, None)
        else:
            missing.append(row.point)
        records = record.find(results, dataset, "scaling", row.point)
        summary = record.summarize(records)
        if summary is None:
            absent.append(row.point)
        else:
            mean, low, high = (
                100 * share for share in (summary.mean, summary.low, summary.high)
            )
            ours[row.point] = (
                records[0]["gmacs"],
                mean,
                [[mean - low], [high - mean]],
            )
    with rc_context(STYLE):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw(left, published, "not given", missing)
        left.set(title="paper, Kinetics-400", ylabel="top-1 (%)")
        _draw(right, ours, "not run", absent)
        right.set(title=f"ours, {dataset}", ylabel="video top-1 (%)")
    return figure


def build(results: Path) -> list[Path]:
    """Write `<results>/figures/figure2.svg` and `.png`, the same bytes every time.

    Raises:
        FileNotFoundError: when the exact counts are missing, saying how to make them.
        ValueError: naming a record that is not valid, or recipes that differ.
    """
    figure = figure2(results)
    folder = Path(results) / "figures"
    paths = []
    for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        path = folder / f"figure2.{kind}"
        with whole_file(path) as part, rc_context(STYLE):
            figure.savefig(part, format=kind, dpi=200, metadata=metadata)
        paths.append(path)
    return paths


def _draw(axes: Axes, points: dict, reason: str, absent: list[str]) -> None:
    """Draw points of (multiply-adds, accuracy, error) by name, and name the absent."""
    depths = sorted(points[name][:2] for name in points if "@" not in name)
    if depths:
        axes.plot(*zip(*depths, strict=True), color="0.6", linewidth=1, zorder=1)
    for name, (gmacs, top1, error) in points.items():
        axes.errorbar(
            gmacs,
            top1,
            yerr=error,
            marker=MARKERS[name.partition("@")[2][:1]],
            color="black",
            capsize=2,
            linewidth=1,
            markersize=5,
        )
        right, up, align = LABELS.get(name, (6, -3, "left"))
        axes.annotate(
            name, (gmacs, top1), (right, up), textcoords="offset points", ha=align
        )
    axes.margins(x=0.18, y=0.15)
    axes.set_xlabel("multiply-adds of one view (10⁹)")
    if not points:
        axes.set(xticks=[], yticks=[])
    if absent:
        lines = [", ".join(absent[i : i + 4]) for i in range(0, len(absent), 4)]
        text = f"{reason}: " + ",\n".join(lines)
        axes.text(0, -0.2, text, transform=axes.transAxes, va="top", color="0.4")
