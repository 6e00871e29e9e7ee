"""Figures on the screen: every point says its numbers, and ours lead to their runs."""

import io
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from matplotlib import rc_context

from r3d_rs.report import figures

_SVG = "http://www.w3.org/2000/svg"


def svg(
    number: int,
    results: Path,
    address: Callable[[dict], str],
    *,
    title: str,
    dataset: str = "pantomime-20",
) -> str:
    """Return Figure 1 or 2 as SVG to be set in a page.

    Each point is a group of the class "dot" with its numbers as `data-tip`, which the
    book's script shows by the pointer; ours are links. Black is the page's own text
    color, so that the figure reads on a dark page too.

    Args:
        number: 1 or 2.
        results: folder of the records.
        address: of the page of a run, from its record's `experiment`.
        title: what the figure shows, for those who cannot see it.
        dataset: of ours.

    Raises:
        FileNotFoundError, ValueError: as `figures.figure` does.
    """
    points = figures.marks(number, results, dataset)
    published, _, ours, _ = points
    drawn, written = figures.draw(number, points, dataset), io.BytesIO()
    with rc_context(figures.STYLE):
        drawn.savefig(written, format="svg", metadata={"Date": None}, transparent=True)
    ElementTree.register_namespace("", _SVG)
    # A page knows this attribute by its usual prefix alone.
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(written.getvalue())
    for side, points in (("paper", published), ("ours", ours)):
        for point in points:
            group = root.find(f".//*[@id='{side}-{point.name}']")
            link = address(point.run) if point.run else None
            _mark(group, point.described, link)
    for name in ("width", "height"):  # the page decides
        root.attrib.pop(name)
    root.set("role", "group")
    root.set("aria-label", title)
    root.set("class", "figure-marks")
    metadata = root.find(f"{{{_SVG}}}metadata")
    root.remove(metadata)
    text = ElementTree.tostring(root, encoding="unicode")
    return text.replace("#000000", "currentColor").replace("#666666", "currentColor")


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
