"""Interactive figures: points show their numbers, and ours link to their runs."""

import io
from html import escape
from pathlib import Path
from xml.etree import ElementTree

import links
from IPython.display import HTML, Markdown
from matplotlib import rc_context
from matplotlib.figure import Figure

from r3d_rs.report import figures

_SVG = "http://www.w3.org/2000/svg"
#: Colors of text, which become the page's own in light and dark.
_INKS = ("#000000", "#666666")


def shown(
    figure: Figure | Markdown | None, title: str, wide: bool = False
) -> HTML | Markdown | None:
    """Return a figure as SVG for a page, with its panels stacked on a phone.

    Black becomes the page's text color, so the figure is readable on a dark page too.

    Args:
        figure: the figure; anything else is returned unchanged.
        title: alternative text.
        wide: whether it scrolls on a narrow page instead of shrinking its letters.
    """
    if not isinstance(figure, Figure):
        return figure
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    panels = [_cut(figure, axes, title) for axes in figure.axes]
    text, kind = escape(title), "drawn wide" if wide else "drawn"
    return HTML(
        f'<div class="{kind}" role="img" aria-label="{text}">{"".join(panels)}</div>'
    )


def _cut(figure: Figure, axes, title: str) -> str:
    """Return one panel of a figure as SVG."""
    others = [one for one in figure.axes if one is not axes]
    for one in others:
        one.set_visible(False)
    box = axes.get_tightbbox().padded(4).transformed(figure.dpi_scale_trans.inverted())
    written, number = io.BytesIO(), figure.axes.index(axes)
    style = figures.STYLE | {"svg.hashsalt": f"{title}{number}"}
    with rc_context(style):
        figure.savefig(
            written,
            format="svg",
            bbox_inches=box,
            metadata={"Date": None},
            transparent=True,
        )
    for one in others:
        one.set_visible(True)
    return _text(_parsed(written))


def chart(results: Path, number: int, title: str) -> HTML:
    """Return Figure 1 or 2 as SVG for a page.

    Each point is a group of the class "dot" with its numbers as `data-tip`, which the
    book's script shows as a tooltip. Our points link to their executed notebooks. Black
    becomes the page's text color, so the figure is readable on a dark page too.

    Args:
        results: folder of the records.
        number: 1 or 2.
        title: alternative text.

    Raises:
        FileNotFoundError, ValueError: as `figures.figure` does.
    """
    points = figures.marks(number, results)
    superseded = points.root != Path(results)
    panels = "".join(_panel(points, side, superseded) for side in ("paper", "ours"))
    kind = "figure-marks superseded" if superseded else "figure-marks"
    title = escape(title)
    return HTML(f'<div class="{kind}" role="group" aria-label="{title}">{panels}</div>')


def _panel(points: figures.Points, side: str, superseded: bool) -> str:
    """Return one of a figure's panels as SVG."""
    drawn, written = figures.draw(points, side), io.BytesIO()
    # Pictures of a page must not share ids, which depend on the salt.
    with rc_context(figures.STYLE | {"svg.hashsalt": side}):
        drawn.savefig(written, format="svg", metadata={"Date": None}, transparent=True)
    root = _parsed(written, side)
    for point in points.published if side == "paper" else points.ours:
        group = root.find(f".//*[@id='{side}-{point.name}']")
        linked = point.run and not superseded
        link = _address(points.root, point.run) if linked else None
        _mark(group, point.described, link)
    return _text(root)


def _parsed(written: io.BytesIO, side: str = "") -> ElementTree.Element:
    """Parse SVG, and remove the ids of all groups except a side's points."""
    ElementTree.register_namespace("", _SVG)
    # In HTML this attribute needs its usual prefix.
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(written.getvalue())
    for group in root.iter(f"{{{_SVG}}}g"):
        if not group.get("id", "").startswith(f"{side}-"):
            group.attrib.pop("id", None)
    return root


def _text(root: ElementTree.Element) -> str:
    """Return a drawing as text, with the page's width and text color."""
    for name in ("width", "height"):
        root.attrib.pop(name)
    root.remove(root.find(f"{{{_SVG}}}metadata"))
    text = ElementTree.tostring(root, encoding="unicode")
    for ink in _INKS:
        text = text.replace(ink, "currentColor")
    return text


def _address(results: Path, experiment: dict) -> str:
    """Return the page of a point's first run, or its entry in the list of all runs."""
    dataset, study, point = (experiment[x] for x in ("dataset", "study", "point"))
    if (results / dataset / study / point / "seed-0.ipynb").exists():
        return f"runs/{study}/{dataset}-{point}-seed-0.html"
    return links.runs(results, dataset, f"{study}/{point}")


def _mark(group: ElementTree.Element, described: str, link: str | None) -> None:
    """Give a point its tooltip, its link and a larger area to touch."""
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
