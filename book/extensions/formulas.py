"""Formulas without network access: KaTeX, from an installed package, writes MathML.

The package sphinxcontrib-katex has KaTeX's script but not its fonts. MathML needs no
fonts, so this extension replaces the package's own setup and loads only the script.
"""

import importlib.util
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util.fileutil import copy_asset_file

RENDER = """
for (const e of document.querySelectorAll(".formula")) {
  katex.render(e.textContent, e, {
    output: "mathml", displayMode: e.tagName === "DIV", throwOnError: true,
  });
}
"""


def inline(writer, node):
    """Write an inline formula."""
    writer.body.append(f'<span class="formula">{escape(node.astext())}</span>')
    raise nodes.SkipNode


def display(writer, node):
    """Write a display formula."""
    writer.body.append(f'<div class="formula">{escape(node.astext())}</div>')
    raise nodes.SkipNode


def copy_katex(app, exception):
    """Copy KaTeX to the book."""
    if exception is None and app.builder.format == "html":
        package = importlib.util.find_spec("sphinxcontrib.katex").origin
        script = Path(package).with_name("katex.min.js")
        copy_asset_file(str(script), str(Path(app.outdir) / "_static"))


def add_scripts(app, pagename, templatename, context, doctree):
    """Load KaTeX on pages with a formula."""
    if doctree and next(doctree.findall(is_formula), None):
        app.add_js_file("katex.min.js")
        app.add_js_file(None, body=RENDER, defer="defer", type="module")


def is_formula(node):
    """Return whether a node of a page is a formula."""
    return isinstance(node, nodes.math | nodes.math_block)


def setup(app):
    """Register with Sphinx as the math renderer `formulas`."""
    app.add_html_math_renderer("formulas", (inline, None), (display, None))
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", copy_katex)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
