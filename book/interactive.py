"""Figures on the screen: every point says its numbers, and ours lead to their runs."""

import io
from html import escape
from pathlib import Path
from xml.etree import ElementTree

import links
from IPython.display import HTML
from matplotlib import rc_context

from r3d_rs.report import figures

_SVG = "http://www.w3.org/2000/svg"


def chart(
    results: Path, number: int, title: str, dataset: str = "pantomime-20"
) -> HTML:
    """Return Figure 1 or 2 as SVG to be set in a page.

    Each point is a group of the class "dot" with its numbers as `data-tip`, which the
    book's script shows by the pointer; ours lead to their executed notebooks. Black is
    the page's own text color, so that the figure reads on a dark page too.

    Args:
        results: folder of the records.
        number: 1 or 2.
        title: what the figure shows, for those who cannot see it.
        dataset: of ours.

    Raises:
        FileNotFoundError, ValueError: as `figures.figure` does.
    """
    points = figures.marks(number, results, dataset)
    superseded = points.root != Path(results)
    ElementTree.register_namespace("", _SVG)
    # A page knows this attribute by its usual prefix alone.
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    panels = "".join(_panel(points, side, superseded) for side in ("paper", "ours"))
    kind = "figure-marks superseded" if superseded else "figure-marks"
    title = escape(title)
    return HTML(f'<div class="{kind}" role="group" aria-label="{title}">{panels}</div>')


def _panel(points: figures.Points, side: str, superseded: bool) -> str:
    """Return one of a figure's panels as SVG."""
    drawn, written = figures.draw(points, side), io.BytesIO()
    # Two pictures of a page must not share names; the salt makes them.
    with rc_context(figures.STYLE | {"svg.hashsalt": side}):
        drawn.savefig(written, format="svg", metadata={"Date": None}, transparent=True)
    root = ElementTree.fromstring(written.getvalue())
    for group in root.iter(f"{{{_SVG}}}g"):
        if not group.get("id", "").startswith(f"{side}-"):
            group.attrib.pop("id", None)
    for point in points.published if side == "paper" else points.ours:
        group = root.find(f".//*[@id='{side}-{point.name}']")
        linked = point.run and not superseded
        link = _address(points.root, point.run) if linked else None
        _mark(group, point.described, link)
    for name in ("width", "height"):  # the page decides
        root.attrib.pop(name)
    root.remove(root.find(f"{{{_SVG}}}metadata"))
    text = ElementTree.tostring(root, encoding="unicode")
    return text.replace("#000000", "currentColor").replace("#666666", "currentColor")


def _address(results: Path, experiment: dict) -> str:
    """Return the page of a point's first run, or its place in the list of all runs."""
    dataset, study, point = (experiment[x] for x in ("dataset", "study", "point"))
    if (results / dataset / study / point / "seed-0.ipynb").exists():
        return f"runs/{study}/{dataset}-{point}-seed-0.html"
    return links.runs(results, dataset, f"{study}/{point}")


def _mark(group: ElementTree.Element, described: str, link: str | None) -> None:
    """Give a point its numbers, its link and room for a finger."""
    dot = group.find(f".//{{{_SVG}}}use")
    children = list(group)
    for child in children:
        group.remove(child)
    kind = {"href": link} if link else {"role": "img", "tabindex": "0"}
    inner = ElementTree.SubElement(
        group,
        f"{{{_SVG}}}{'a' if link else 'g'}",
        {"class": "dot", "data-tip": described, "aria-label": described, **kind},
    )
    inner.extend(children)
    place = {"cx": dot.get("x"), "cy": dot.get("y"), "r": "9", "fill": "transparent"}
    ElementTree.SubElement(inner, f"{{{_SVG}}}circle", place)
