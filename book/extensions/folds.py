"""Fold details until a reader opens them.

A chapter with `folded: true` in its front matter shows its sections up to "Run it".
Later sections show only their title, which opens them. The page of a run shows the
results, and folds the setup. A link into a folded section opens it (`book.js`).
"""

from docutils import nodes

#: The last section of a chapter that is not folded.
LAST = "run-it"
#: Ids of the sections of a run's page that are folded.
OF_RUNS = ("colab", "parameters", "recipe", "record")
#: A published run's comparison is with the runs that were published before it.
OF_PUBLISHED = (*OF_RUNS, "your-run-and-the-published-runs")
#: A notebook's output with more lines is folded.
LINES = 12


def fold(app, doctree, docname):
    """Fold sections and long outputs of a page."""
    if app.builder.format != "html":
        return
    kind, _, run = docname.partition("/")
    sections = [
        child for page in doctree.findall(nodes.section) for child in _below(page)
    ]
    if kind in ("runs", "yours") and run != "index":
        names = OF_PUBLISHED if kind == "runs" else OF_RUNS
        folded = [one for one in sections if set(one["ids"]) & set(names)]
        for output in list(doctree.findall(nodes.literal_block)):
            lines = output.astext().count("\n")
            if lines > LINES and "output" in output["classes"]:
                _wrap(output, f"{lines + 1} lines of output")
    elif app.env.metadata.get(docname, {}).get("folded"):
        names = [LAST in one["ids"] for one in sections]
        folded = sections[names.index(True) + 1 :]
    else:
        return
    for section in folded:
        place = section.index(next(iter(section.findall(nodes.title))))
        section.insert(place + 1, _html("</summary>"))
        section.insert(place, _html('<details class="fold"><summary>'))
        section.append(_html("</details>"))


def _below(page: nodes.section) -> list[nodes.section]:
    """Return the sections directly below a page's title."""
    if not isinstance(page.parent, nodes.document):
        return []
    return [child for child in page.children if isinstance(child, nodes.section)]


def _wrap(node: nodes.Node, summary: str) -> None:
    """Fold a node below a summary line."""
    parent, place = node.parent, node.parent.index(node)
    parent.insert(place + 1, _html("</details>"))
    parent.insert(place, _html(f'<details class="fold"><summary>{summary}</summary>'))


def _html(text: str) -> nodes.raw:
    return nodes.raw("", text, format="html")


def setup(app):
    """Register with Sphinx."""
    app.connect("doctree-resolved", fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
