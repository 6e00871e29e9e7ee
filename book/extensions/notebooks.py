"""Badges that lead from a page to the notebook that makes its numbers.

A chapter names the notebook in its front matter (`notebook: scaling`); the page of a
run has its study's. The badges open it in Colab, from the study's public repository,
and download it, from a copy in the book.
"""

import shutil
from pathlib import Path

import r3d_rs
from r3d_rs.experiments import registry

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


def add_badges(app, pagename, templatename, context, doctree):
    """Add the badges below a page's title."""
    name = doctree and notebook(app, pagename)
    if not name:
        return
    if not (source(app) / f"{name}.ipynb").exists():
        raise ValueError(f"{pagename}: there is no notebooks/{name}.ipynb")
    root = "../" * pagename.count("/")
    links = (
        (f"{COLAB}/blob/{BRANCH}/notebooks/", "Open in Colab"),
        (f"{root}notebooks/", "Download the notebook"),
    )
    badges = " ".join(
        f'<a href="{url}{name}.ipynb" title="{text}: {name}.ipynb">{text}</a>'
        for url, text in links
    )
    title, end, body = context["body"].partition("</h1>")
    context["body"] = f'{title}{end}\n<p class="badges">{badges}</p>{body}'


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
    """Register with Sphinx."""
    app.connect("html-page-context", add_badges)
    app.connect("build-finished", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
