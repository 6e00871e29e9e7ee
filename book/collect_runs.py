"""Copy the executed notebooks of the runs into the book's sources.

Papermill's output notebooks lie beside the records in results/. The copies differ in
their title only, which names the run. A notebook that did not run to its end stops the
build: the book shows finished runs.
"""

import json
import shutil
import sys
from pathlib import Path

BOOK = Path(__file__).parent
RESULTS = BOOK.parent / "results"

INDEX = """# The runs

Every accuracy of ours is one run of a notebook by papermill. These pages are the
outputs: parameters, recipe, clips, training, evaluation and record.

"""


class UnfinishedRun(Exception):
    """An executed notebook that failed, or was stopped, before its last cell."""


def check_finished(notebook: dict, path: Path) -> None:
    """Raise `UnfinishedRun` unless papermill ran the notebook to its end."""
    papermill = notebook["metadata"].get("papermill")
    if papermill is None:
        raise UnfinishedRun(f"{path}: papermill did not run this notebook")
    if papermill.get("exception"):
        raise UnfinishedRun(f"{path}: the run failed (metadata.papermill.exception)")
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code" and cell.get("execution_count") is None:
            raise UnfinishedRun(f"{path}: cell {number} has not been executed")
        if any(o["output_type"] == "error" for o in cell.get("outputs", ())):
            raise UnfinishedRun(f"{path}: cell {number} raised an error")
    if not path.with_suffix(".json").exists():
        raise UnfinishedRun(f"{path}: there is no record beside it")


def titled(notebook: dict, title: str) -> dict:
    """Return the notebook with another first heading."""
    first, *rest = notebook["cells"]
    lines = "".join(first["source"]).splitlines(keepends=True)
    source = "".join([f"# {title}\n", *lines[1:]])
    return {**notebook, "cells": [{**first, "source": source}, *rest]}


def _order(path: Path) -> tuple:
    *_, dataset, study, point, seed = path.with_suffix("").parts
    return study, dataset, point, int(seed.rpartition("-")[2])


def collect(results: Path, book: Path) -> list[Path]:
    """Copy every run, write their index, return the copies."""
    folder = book / "runs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    copies, lines, last = [], [], None
    for path in sorted(results.glob("*/*/*/seed-*.ipynb"), key=_order):
        dataset, study, point, seed = path.relative_to(results).with_suffix("").parts
        named = study.replace("-", " ")
        if study != last:
            lines.append(f"\n## {named.capitalize()}\n\n")
            last = study
        notebook = json.loads(path.read_text(encoding="utf-8"))
        check_finished(notebook, path)
        kind = "" if study == "scaling" else f", {named}"
        title = f"{point}{kind} on {dataset}, {seed.replace('-', ' ')}"
        copy = folder / study / f"{dataset}-{point}-{seed}.ipynb"
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(json.dumps(titled(notebook, title)), encoding="utf-8")
        copies.append(copy)
        lines.append(f"- [{title}]({study}/{copy.name})\n")
    text = INDEX + ("".join(lines) or "No point has been run yet.\n")
    (folder / "index.md").write_text(text, encoding="utf-8")
    return copies


if __name__ == "__main__":
    try:
        print(f"{len(collect(RESULTS, BOOK))} runs in the book")
    except UnfinishedRun as error:
        sys.exit(str(error))
