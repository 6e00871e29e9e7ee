"""Badges that link a page to the notebook that computes its numbers.

A chapter names the notebook in its front matter (`notebook: scaling`). One badge opens
it in Colab, from the study's public repository. Another downloads it, from a copy in
the book. Each experiment of the plan has a copy with its parameters, because an address
in Colab cannot pass any. The book's workflow puts these copies on a branch, from which
Colab opens them.
"""

import json
import re
import shutil
from pathlib import Path
from urllib.parse import quote

import r3d_rs
from r3d_rs.experiments import record, registry
from r3d_rs.operations import study

BRANCH = "main"
COLAB = r3d_rs.REPOSITORY.replace(
    "https://github.com/", "https://colab.research.google.com/github/"
)
#: Folder in the book of notebooks with an experiment's parameters, and their branch.
READY, READY_BRANCH = "notebooks/ready", "notebooks"


def address(dataset: str, name: str, results: Path) -> str:
    """Return Colab's address of an experiment's notebook with its parameters.

    It opens the executed notebook of a published run, or else the plan's copy. Return
    "" without either, as for an experiment that needs another run's network first.
    """
    for own in (name, *registry.aliases(name)):
        path = Path(dataset, own, "seed-0.ipynb")
        if (Path(results) / path).exists():
            place = Path(record.PUBLISHED, path).as_posix()
            return in_colab(BRANCH, place)
    own = registry.SAME.get(name, name)
    if (dataset, own) in study.read().seeds and not registry.get(own).parents:
        return in_colab(READY_BRANCH, ready(dataset, own))
    return ""


def in_colab(branch: str, path: str) -> str:
    """Return Colab's address of a notebook in the public repository."""
    return f"{COLAB}/blob/{branch}/{quote(path)}"


def ready(dataset: str, name: str) -> str:
    """Return the file name of an experiment's notebook with its parameters."""
    return f"{dataset}-{name.replace('/', '-')}.ipynb"


def with_parameters(notebook: dict, values: dict) -> dict:
    """Return a notebook with other values in its cell of parameters.

    Raises:
        ValueError: if the cell has no line for a parameter.
    """
    cells = [dict(cell) for cell in notebook["cells"]]
    [cell] = [c for c in cells if "parameters" in c["metadata"].get("tags", ())]
    text = "".join(cell["source"])
    for name, value in values.items():
        text, found = re.subn(
            rf"^{name} = .*?(?=  # @param)",
            lambda _, name=name, value=value: f"{name} = {json.dumps(value)}",
            text,
            flags=re.MULTILINE,
        )
        if found != 1:
            raise ValueError(f"the notebook has no parameter {name}")
    cell["source"] = text
    return {**notebook, "cells": cells}


def add_badges(app, pagename, templatename, context, doctree):
    """Add the badges below a page's title."""
    name = doctree and app.env.metadata.get(pagename, {}).get("notebook")
    if not name:
        return
    if not (source(app) / f"{name}.ipynb").exists():
        raise ValueError(f"{pagename}: there is no notebooks/{name}.ipynb")
    root = "../" * pagename.count("/")
    links = (
        (in_colab(BRANCH, f"notebooks/{name}.ipynb"), "Open in Colab"),
        (f"{root}notebooks/{name}.ipynb", "Download the notebook"),
    )
    badges = " ".join(
        f'<a href="{url}" title="{text}: {name}.ipynb">{text}</a>'
        for url, text in links
    )
    title, end, body = context["body"].partition("</h1>")
    context["body"] = f'{title}{end}\n<p class="badges">{badges}</p>{body}'


def copy_notebooks(app, exception):
    """Copy the notebooks to the book, and write the plan's copies with parameters."""
    if exception is not None or app.builder.format != "html":
        return
    target = Path(app.outdir) / "notebooks"
    (Path(app.outdir) / READY).mkdir(parents=True, exist_ok=True)
    for path in source(app).glob("*.ipynb"):
        shutil.copy(path, target)
    for dataset, name in study.read().seeds:
        experiment = registry.get(name)
        if experiment.parents:
            continue
        path = source(app) / f"{experiment.notebook}.ipynb"
        if path.exists():
            notebook = json.loads(path.read_text(encoding="utf-8"))
            values = {**experiment.parameters, "dataset": dataset}
            text = json.dumps(with_parameters(notebook, values), indent=1)
            own = Path(app.outdir) / READY / ready(dataset, name)
            own.write_text(text, encoding="utf-8")


def source(app) -> Path:
    """Return the folder of the notebooks."""
    return Path(app.srcdir).parent / "notebooks"


def setup(app):
    """Register with Sphinx."""
    app.connect("html-page-context", add_badges)
    app.connect("build-finished", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
