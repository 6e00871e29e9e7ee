"""Figures 1 and 2: the paper's accuracies and ours against multiply-adds."""

import itertools
import math
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.text import Annotation

from r3d_rs import paper
from r3d_rs.experiments import record, registry
from r3d_rs.files import whole_file
from r3d_rs.operations import exact
from r3d_rs.report import editions

#: Markers by the scaled dimension (none, frames or input size); no colors needed.
MARKERS = {"": "o", "f": "s", "i": "^"}

#: Markers of quoted networks and of the baseline.
QUOTED, BASELINE = "D", "X"

#: Width and height of a panel, inches. On a phone, a panel is as wide as the screen and
#: 10-point letters have 12 pixels.
PANEL = (3.9, 4.0)

#: Places for a name, best first: offsets to the right and upward in points, and the
#: horizontal alignment. A line leads to names further away than `NEAR`.
NEAR = 15
PLACES = (
    (6, -3, "left"),
    (-6, -3, "right"),
    (4, 5, "left"),
    (4, -11, "left"),
    (-4, 5, "right"),
    (-4, -11, "right"),
    (0, 8, "center"),
    (0, -14, "center"),
    (12, 14, "left"),
    (12, -20, "left"),
    (-12, 14, "right"),
    (-12, -20, "right"),
    (0, 24, "center"),
    (0, -30, "center"),
    (24, 24, "left"),
    (24, -30, "left"),
    (-24, 24, "right"),
    (-24, -30, "right"),
    (0, 40, "center"),
    (0, -46, "center"),
    (-30, 40, "right"),
    (-30, -46, "right"),
)

#: Metadata by file format. Date and software are left out: they would make equal
#: figures differ.
METADATA = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}

#: With the salt, equal figures give equal SVG files, byte for byte.
STYLE = {
    "svg.hashsalt": "r3d-rs",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Mark:
    """One point of a figure.

    Args:
        name: name of the point or of the quoted network.
        gmacs: multiply-adds of one view, 10^9.
        top1: accuracy in per cent.
        interval: ends of the 95 % interval, per cent; None without an interval.
        described: text of its tooltip.
        run: experiment of our record; None for the paper's points.
        quoted: whether the paper quotes the point from other work.
    """

    name: str
    gmacs: float
    top1: float
    interval: tuple[float, float] | None
    described: str
    run: dict | None = None
    quoted: bool = False

    @property
    def marker(self) -> str:
        """Marker of the point."""
        if self.quoted:
            return QUOTED
        if not self.name.startswith("RS"):
            return BASELINE
        return MARKERS[self.name.partition("@")[2][:1]]

    @property
    def short(self) -> str:
        """Name in Figure 2, where all points are RS: "101", or "f48" of RS-200@f48."""
        depth, _, size = self.name.removeprefix("RS-").partition("@")
        return size or depth


@dataclass(frozen=True)
class Points:
    """A figure's points, and the names of points that have no value.

    Args:
        number: the figure's number.
        published: the paper's points.
        missing: names of points without an accuracy in the paper.
        ours: points of our runs.
        absent: names of points that have not been run.
        title: title of our panel.
        root: folder of our records; see `editions.root`.
    """

    number: int
    published: list[Mark]
    missing: list[str]
    ours: list[Mark]
    absent: list[str]
    title: str
    root: Path


def marks(number: int, results: Path) -> Points:
    """Return a figure's points.

    The paper's points are top-1 on Kinetics-400, as given in its text, against the
    multiply-adds of one view. We count the multiply-adds, except for quoted networks,
    which keep the paper's FLOPs. Our points are the mean video top-1 over seeds on
    Pantomime-20, against the multiply-adds of one view at Pantomime's scale.

    Args:
        number: 1 or 2.
        results: folder of the records.
    """
    counts, dataset = exact.read(results), registry.FIRST[0]
    names = paper.figure(number)["point"].dropna().map(registry.of_point)
    root = editions.root(results, [(dataset, name) for name in names])
    inference = paper.settings()["inference"]["size"]["value"]
    published, missing, ours, absent = [], [], [], []
    for row in paper.figure(number).to_dict("records"):
        quoted = bool(row.get("quoted"))
        if quoted:
            name = row["label"].partition(" [")[0].replace("-16×8", "")
            gmacs = float(row["flops_b"])
        else:
            name = row["point"]
            size = row.get("eval_size", inference)
            place = (row["model"], row["frames_span"] // 2, size, 400)
            gmacs = exact.row(counts, *place)["gmacs"]
        if math.isnan(row["top1"]):
            missing.append(name)
        else:
            text = f"{name}: {row['top1']} % ({row['source']}), {_cost(gmacs)}"
            published.append(Mark(name, gmacs, row["top1"], None, text, quoted=quoted))
        if quoted:
            continue
        records = registry.records(root, dataset, registry.of_point(name))
        summary = record.summarize(records)
        if summary is None:
            absent.append(name)
            continue
        first = records[0]
        found = record.described(records).replace(" (", " % (", 1)
        text = f"{name}: {found}, {_cost(first['gmacs'])}"
        interval = (100 * summary.low, 100 * summary.high)
        ours.append(
            Mark(
                name,
                first["gmacs"],
                100 * summary.mean,
                interval,
                text,
                first["experiment"],
            )
        )
    title = ", ".join(filter(None, ["ours", dataset, editions.title(root)]))
    return Points(number, published, missing, ours, absent, title, root)


def _cost(gmacs: float) -> str:
    """Describe multiply-adds in words."""
    if gmacs < 1:
        return f"{1000 * gmacs:.0f} million multiply-adds"
    return f"{gmacs:.1f} thousand million multiply-adds"


def figure(number: int, results: Path) -> Figure:
    """Draw Figure 1 or 2, with the paper's points on the left and ours on the right.

    The points come from `marks`. Our points have 95 % intervals: Student's t over
    seeds, or over videos if there is one seed. Circles scale the depth and are joined
    by a line. Squares scale the frames, triangles the resolution. Crosses are the
    baseline, diamonds are quoted networks. Points without a value are named below.

    Raises:
        FileNotFoundError: if the exact counts are missing; it says how to make them.
        ValueError: if a record is not valid or recipes differ; it names them.
    """
    return draw(marks(number, results))


def draw(points: Points, *sides: str) -> Figure:
    """Draw the points of `marks`; see `figure`.

    Args:
        points: points of both panels.
        *sides: panels to draw, "paper" and "ours"; both by default.
    """
    sides = sides or ("paper", "ours")
    panels = {
        "paper": (points.published, "not given", points.missing, "paper, Kinetics-400"),
        "ours": (points.ours, record.NOT_RUN, points.absent, points.title),
    }
    with rc_context(STYLE):
        width, height = PANEL
        drawn = Figure(figsize=(width * len(sides), height), layout="constrained")
        axes = drawn.subplots(1, len(sides), squeeze=False)[0]
        for side, one in zip(sides, axes, strict=True):
            own, reason, absent, title = panels[side]
            panel(one, own, reason, absent, side)
            one.set(title=textwrap.fill(title, 30), ylabel="top-1 (%)")
        drawn.draw_without_rendering()  # placing the names needs the layout
        drawn.set_layout_engine("none")
        for side, one in zip(sides, axes, strict=True):
            name_points(one, panels[side][0], points.number == 2)
    return drawn


def build(results: Path) -> list[Path]:
    """Write `<results>/figures/figure<n>.svg` and `.png`, with reproducible bytes.

    Raises:
        FileNotFoundError, ValueError: as in `figure`.
    """
    return [
        path
        for number in paper.FIGURES
        for path in save(figure(number, results), Path(results), f"figure{number}")
    ]


def save(drawn: Figure, results: Path, name: str) -> list[Path]:
    """Write a figure as `<results>/figures/<name>.svg` and `.png`."""
    paths = []
    for kind, metadata in METADATA.items():
        path = results / "figures" / f"{name}.{kind}"
        with whole_file(path) as part, rc_context(STYLE):
            drawn.savefig(part, format=kind, dpi=200, metadata=metadata)
        paths.append(path)
    return paths


def panel(
    axes: Axes, points: list[Mark], reason: str, absent: list[str], side: str
) -> None:
    """Draw points, each in its own SVG group, and list the absent names below."""
    if depths := _depths(points):
        axes.plot(*zip(*depths, strict=True), color="0.6", linewidth=1, zorder=1)
    for point in points:
        if point.interval:
            axes.vlines(point.gmacs, *point.interval, color="black", linewidth=1)
        [dot] = axes.plot(
            point.gmacs,
            point.top1,
            marker=point.marker,
            color="black",
            fillstyle="none" if point.quoted else "full",
            linestyle="none",
            markersize=5,
        )
        dot.set_gid(f"{side}-{point.name}")
    axes.margins(x=0.16, y=0.15)
    axes.locator_params(axis="x", nbins=6)
    small = side == "ours"
    axes.set_xlabel(f"multiply-adds of one view ({'10⁶' if small else '10⁹'})")
    if small:
        axes.xaxis.set_major_formatter(lambda gmacs, _: f"{1000 * gmacs:.0f}")
    if not points:
        axes.set(xticks=[], yticks=[])
    if absent:
        lines = [", ".join(absent[i : i + 2]) for i in range(0, len(absent), 2)]
        text = f"{reason}: " + ",\n".join(lines)
        axes.text(0, -0.2, text, transform=axes.transAxes, va="top", color="0.4")


def name_points(axes: Axes, points: list[Mark], short: bool = False) -> None:
    """Place each point's name where it hides the fewest points, lines and names.

    Leaving the panel costs as much as hiding another name. Names are placed twice, the
    second time with all others known.

    Args:
        axes: panel with the points.
        points: points to name.
        short: whether to give short names.
    """
    if not points:
        return
    lines = [
        ((p.gmacs, p.interval[0]), (p.gmacs, p.interval[1]))
        for p in points
        if p.interval
    ]
    # A point costs as much as a whole line.
    lines += [((p.gmacs, p.top1),) * 2 for p in points]
    lines += itertools.pairwise(_depths(points))
    drawn = np.concatenate([np.linspace(*ends, 50) for ends in lines])
    drawn, boxes, found = axes.transData.transform(drawn), {}, {}
    labels = [
        axes.annotate(
            point.short if short else point.name,
            (point.gmacs, point.top1),
            (0, 0),
            textcoords="offset points",
        )
        for point in points
    ]
    for label in labels * 2:
        others = [box for other, box in boxes.items() if other is not label]
        costs = []
        for place in PLACES:
            _put(label, place)
            box = label.get_window_extent().padded(4)
            outside = not all(map(axes.bbox.containsx, box.intervalx))
            outside += not all(map(axes.bbox.containsy, box.intervaly))
            hidden = box.count_contains(drawn)
            worst = outside + box.count_overlaps(others)
            costs.append(hidden + 1000 * worst + 5 * _is_far(place))
        found[label] = PLACES[int(np.argmin(costs))]
        _put(label, found[label])
        boxes[label] = label.get_window_extent()
    for label, place in found.items():
        if _is_far(place):
            start, scale = axes.transData.transform(label.xy), axes.figure.dpi / 72
            end = start + np.multiply(place[:2], scale)
            line = Outline([label.xy, axes.transData.inverted().transform(end)])
            axes.add_patch(PathPatch(line, edgecolor="0.6", linewidth=0.7, zorder=0))


def _is_far(place: tuple[int, int, str]) -> bool:
    return math.hypot(*place[:2]) > NEAR


def _put(label: Annotation, place: tuple[int, int, str]) -> None:
    *offset, align = place
    label.xyann = offset
    label.set_horizontalalignment(align)


def _depths(points: list[Mark]) -> list[tuple[float, float]]:
    """Return the points that differ only in depth, sorted by multiply-adds."""
    return sorted(
        (p.gmacs, p.top1)
        for p in points
        if p.marker == MARKERS[""] and "@" not in p.name
    )
