"""Buttons that lead from a page to the notebook that makes its numbers.

A chapter names the notebook in its front matter (`notebook: scaling`); the page of a
run has its study's. The buttons open it in Colab, from the study's public repository,
and download it, from a copy in the book.
"""

import shutil
from pathlib import Path

import r3d_rs
from r3d_rs.study import registry

BRANCH = "main"
COLAB = r3d_rs.REPOSITORY.replace(
    "https://github.com/", "https://colab.research.google.com/github/"
)


def notebook(app, pagename: str) -> str | None:
    """Return the name of a page's notebook, without its ending."""
    kind, _, run = pagename.partition("/")
    if kind == "runs" and "/" in run:
        study = run.split("/")[0]
        return next(
            (e.notebook for e in registry.everything().values() if e.study == study),
            None,
        )
    return app.env.metadata.get(pagename, {}).get("notebook")


def add_buttons(app, pagename, templatename, context, doctree):
    """Add the buttons to a page's header."""
    name = doctree and notebook(app, pagename)
    if not name:
        return
    if not (source(app) / f"{name}.ipynb").exists():
        raise ValueError(f"{pagename}: there is no notebooks/{name}.ipynb")
    root = "../" * pagename.count("/")
    for label, icon, url, text in (
        (
            "colab",
            "fas fa-rocket",
            f"{COLAB}/blob/{BRANCH}/notebooks/",
            "Open in Colab",
        ),
        ("notebook", "fas fa-code", f"{root}notebooks/", "Download the notebook"),
    ):
        context["header_buttons"].append(
            {
                "type": "link",
                "url": f"{url}{name}.ipynb",
                "tooltip": f"{text}: {name}.ipynb",
                "icon": icon,
                "label": f"{label}-button",
            }
        )


def copy_notebooks(app, exception):
    """Copy the notebooks to the book."""
    if exception is None and app.builder.format == "html":
        target = Path(app.outdir) / "notebooks"
        target.mkdir(exist_ok=True)
        for path in source(app).glob("*.ipynb"):
            shutil.copy(path, target)


def source(app) -> Path:
    """Return the folder of the notebooks."""
    return Path(app.srcdir).parent / "notebooks"


def setup(app):
    """Register with Sphinx; after the theme, which makes the list of buttons anew."""
    app.connect("html-page-context", add_buttons, priority=900)
    app.connect("build-finished", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
