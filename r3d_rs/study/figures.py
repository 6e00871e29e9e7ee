"""Figures 1 and 2: the paper's accuracies and ours against multiply-adds."""

import math
from dataclasses import dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from r3d_rs import paper
from r3d_rs.study import exact, record, registry
from r3d_rs.whole import whole_file

#: Shape and place of the label (points right and up) by what is scaled. Shapes, not
#: colours, so that the figures read in grey.
MARKERS = {"": "o", "f": "s", "i": "^"}

#: Shape of what is quoted, and of the baseline.
QUOTED, BASELINE = "D", "X"

#: Where a label stands, from its point: right of it among the paper's, and below right
#: among ours, whose accuracies lie close together.
RIGHT, BELOW = (6, -3, "left"), (4, -10, "left")

#: Where one of ours stands when there it would meet another, or the line.
OURS = {"RS-152": (-4, 5, "right"), "RS-200": (4, 4, "left")}

#: The same of the paper's, by figure.
PAPER = {
    1: {
        "RS-101": (6, -8, "left"),
        "RS-200": (-4, 6, "right"),
        "RS-200@f48+RA": (0, 6, "center"),
    },
    2: {
        "RS-270": (-6, -3, "right"),
        "RS-300": (0, -12, "center"),
        "RS-200": (-6, 2, "right"),
        "RS-200@i256": (-6, 2, "right"),
        "RS-200@i288": (-6, -9, "right"),
    },
}

#: What is left out of a file, by its format: day and version, which tell no figure from
#: the same one.
METADATA = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}

#: With the salt the same figure gives the same SVG, byte for byte.
STYLE = {
    "svg.hashsalt": "r3d-rs",
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True)
class Mark:
    """One point of a figure.

    Args:
        name: of the point, or of a network that is quoted.
        gmacs: multiply-adds of one view, 10^9.
        top1: per cent.
        interval: ends of the 95 % interval, per cent; None where there is none.
        described: what its tooltip says.
        run: the experiment of a record of ours, None for the paper's.
        quoted: whether the paper quotes it from other work.
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
        """Shape of the point."""
        if self.quoted:
            return QUOTED
        return (
            MARKERS[self.name.partition("@")[2][:1]]
            if self.name.startswith("RS")
            else BASELINE
        )


def marks(number: int, results: Path, dataset: str) -> tuple[list, list, list, list]:
    """Return a figure's points: the paper's and ours, each with the names without one.

    The paper's are top-1 on Kinetics-400 as its text gives it, against the multiply-
    adds of one view that we count, or the FLOPs that it quotes. Ours are the mean video
    top-1 over seeds, against the multiply-adds of one view at the dataset's scale.

    Args:
        number: 1 or 2.
        results: folder of the records.
        dataset: of ours.
    """
    counts = exact.read(results)["gmacs"]
    inference = paper.settings()["inference"]["size"]["value"]
    published, missing, ours, absent = [], [], [], []
    for row in paper.figure(number).to_dict("records"):
        quoted = bool(row.get("quoted"))
        if quoted:
            name, gmacs = row["label"].partition(" [")[0], float(row["flops_b"])
        else:
            name = row["point"]
            size = row.get("eval_size", inference)
            gmacs = counts[row["model"], row["frames_span"] // 2, size, 400]
        if math.isnan(row["top1"]):
            missing.append(name)
        else:
            text = f"{name}: {row['top1']} % ({row['source']}), {gmacs:.1f} G"
            published.append(Mark(name, gmacs, row["top1"], None, text, quoted=quoted))
        if quoted:
            continue
        records = registry.records(results, dataset, registry.of_point(name))
        summary = record.summarize(records)
        if summary is None:
            absent.append(name)
            continue
        first = records[0]
        text = f"{name}: {record.described(records)} %, {first['gmacs']:.3f} G"
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
    return published, missing, ours, absent


def figure(number: int, results: Path, dataset: str = "pantomime-20") -> Figure:
    """Draw Figure 1 or 2, the paper's left and ours right.

    The points are those of `marks`, ours with their 95 % intervals (t over seeds; over
    videos for a single seed). Circles are depths, joined by a line; squares scale the
    frames, triangles the resolution; crosses are the baseline, diamonds are quoted.
    Points without a value are named below.

    Raises:
        FileNotFoundError: when the exact counts are missing, saying how to make them.
        ValueError: naming a record that is not valid, or recipes that differ.
    """
    return draw(number, marks(number, results, dataset), dataset)


def draw(number: int, points: tuple[list, list, list, list], dataset: str) -> Figure:
    """Draw the points of `marks`; see `figure`."""
    published, missing, ours, absent = points
    with rc_context(STYLE):
        drawn = Figure(figsize=(8, 3.4), layout="constrained")
        left, right = drawn.subplots(1, 2)
        _draw(left, published, "not given", missing, "paper", RIGHT, PAPER[number])
        left.set(title="paper, Kinetics-400", ylabel="top-1 (%)")
        _draw(right, ours, "not run", absent, "ours", BELOW, OURS)
        right.set(title=f"ours, {dataset}", ylabel="video top-1 (%)")
    return drawn


def build(results: Path) -> list[Path]:
    """Write `<results>/figures/figure<n>.svg` and `.png`, the same bytes every time.

    Raises:
        FileNotFoundError, ValueError: as `figure` does.
    """
    folder = Path(results) / "figures"
    paths = []
    for number in paper.FIGURES:
        drawn = figure(number, results)
        for kind, metadata in METADATA.items():
            path = folder / f"figure{number}.{kind}"
            with whole_file(path) as part, rc_context(STYLE):
                drawn.savefig(part, format=kind, dpi=200, metadata=metadata)
            paths.append(path)
    return paths


def _draw(
    axes: Axes,
    points: list[Mark],
    reason: str,
    absent: list[str],
    side: str,
    place: tuple[int, int, str],
    others: dict[str, tuple[int, int, str]],
) -> None:
    """Draw points, each in a group of its own, and name the absent."""
    depths = sorted(
        (p.gmacs, p.top1)
        for p in points
        if p.marker == MARKERS[""] and "@" not in p.name
    )
    if depths:
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
        right, up, align = others.get(point.name, place)
        axes.annotate(
            point.name,
            (point.gmacs, point.top1),
            (right, up),
            textcoords="offset points",
            ha=align,
        )
    axes.margins(x=0.18, y=0.15)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel("multiply-adds of one view (10⁹)")
    if not points:
        axes.set(xticks=[], yticks=[])
    if absent:
        lines = [", ".join(absent[i : i + 4]) for i in range(0, len(absent), 4)]
        text = f"{reason}: " + ",\n".join(lines)
        axes.text(0, -0.2, text, transform=axes.transAxes, va="top", color="0.4")
