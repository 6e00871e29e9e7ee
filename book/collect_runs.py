"""Copy the executed notebooks of the runs into the book's sources, and list them.

Papermill's output notebooks lie beside the records in results/. A copy's title names
the run. An added cell links to the record and shows the command that runs it again. A
notebook that did not run to its end stops the build, as the book shows finished runs.

A person's own runs, in runs/, get their own section. They never stop the build: the
section names those that cannot be shown.
"""

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

from extensions.notebooks import BRANCH, in_colab
from links import anchor

from r3d_rs.experiments import executed, published
from r3d_rs.experiments import record as records
from r3d_rs.operations import engine

BOOK = Path(__file__).parent
RESULTS = BOOK.parent / records.PUBLISHED
OWN = BOOK.parent / records.OWN

INDEX = """# The runs

Each of our accuracies comes from one run of a notebook by papermill. Seed 0 of each
point has a page with its outputs and the command that runs it again. Other seeds have
their records. Top-1 is for whole videos of the test split. Pre-training is tested on
validation videos of Pantomime-web, which have the right labels.

```{table}
:class: runs

| run | study | dataset | seed | top-1, % | minutes | device | date |
|---|---|---|---|---|---|---|---|
"""

YOURS = """# Your runs

These are the runs in your folder `runs/`, beside the published runs of the same
experiment. They are not part of the study's results. Another processor rounds
differently, which changes the accuracy. Each entry says whether seeds differ as much.

"""

#: Chapters by study. A new study has none until it is added here.
CHAPTERS = {
    "scaling": "scaling",
    "ablation": "ablation",
    "pre-training": "pretraining",
    "fine-tuning": "pretraining",
    "from-scratch": "pretraining",
    "finetune": "real-videos",
    "contrastive": "contrastive",
    "linear-evaluation": "contrastive",
}


#: What a run is, by study; the name of its network follows.
WHAT = {
    "scaling": "A network of Figure 2, trained from scratch",
    "ablation": "A row of Table 2, trained from scratch",
    "pre-training": "Pre-training on web videos with noisy labels",
    "fine-tuning": "Fine-tuning of a pre-trained network",
    "from-scratch": "Training from scratch, for as long as fine-tuning takes",
    "finetune": "Fine-tuning on your own dataset",
    "contrastive": "Pre-training without labels, then a linear classifier",
    "linear-evaluation": "A linear classifier on the features of random weights",
}


class UnfinishedRun(Exception):
    """An executed notebook that failed or was stopped before its last cell."""


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


def commands(record: dict, papermill: dict) -> list[str]:
    """Return the commands that run a run again, its parent's first."""
    experiment = record["experiment"]
    named = [experiment]
    parent = record.get("parent", {}).get("name", "").split("/")
    # A contrastive run pre-trains its own network.
    if len(parent) == 4 and parent[1] == "pre-training":
        dataset, study, point, seed = parent
        above = {"dataset": dataset, "study": study, "point": point}
        named = [{**above, "seed": seed.removeprefix("seed-")}, experiment]
    further = "".join(
        f" -p {_argument(f'{name}={value}')}"
        for name, value in engine.extra_parameters(papermill).items()
    )
    received = papermill.get("parameters", {})
    roots = (Path(records.OWN), Path(records.PUBLISHED))
    if Path(received.get("results", records.OWN)) not in roots:
        # A quick look, for example, must not replace a whole run.
        further += "".join(
            f" --{name} {_argument(str(received[name]))}"
            for name in ("results", "checkpoints")
        )
    return [_run(**one) + further for one in named]


def _run(dataset: str, study: str, point: str, seed: int | str) -> str:
    """Return the command of a run; the network of fine-tuning is a parameter."""
    if study == "finetune":
        return f"r3d-rs run finetune/{dataset} --seed {seed}"
    return f"r3d-rs run {study}/{point} --dataset {dataset} --seed {seed}"


def _argument(text: str) -> str:
    """Return a quoted argument of a command, always on one line."""
    quoted = shlex.quote(text)
    return quoted if quoted.isprintable() else ascii(quoted)


def escaped(text: str) -> str:
    """Escape a text for Markdown, on one line, also for a table's cell."""
    return re.sub(r"([^\w\s])", r"\\\1", " ".join(text.split()))


def note(
    record: dict, papermill: dict, path: Path, copy: Path, index: Path, shared: bool
) -> dict:
    """Return the cell that links a run's page to its record, chapter and notebook.

    Args:
        record: record of the run.
        papermill: metadata of its notebook.
        path: path of its notebook.
        copy: path of its page.
        index: path of the page that lists it, in a folder of the book.
        shared: whether it is in the public repository, so that Colab can open it.
    """
    experiment = record["experiment"]
    study = experiment["study"]
    to = Path(os.path.relpath(path, copy.parent))
    links = [f"{{download}}`Record <{to.with_suffix('.json').as_posix()}>`"]
    if path.with_suffix(".scores.npz").exists():
        scores = to.with_suffix(".scores.npz").as_posix()
        links.append(f"{{download}}`scores of every video <{scores}>`")
    if study in CHAPTERS:
        chapter = os.path.relpath(index.parent.parent, copy.parent)
        links.append(f"[chapter]({chapter}/{CHAPTERS[study]}.md)")
    place = (experiment[name] for name in ("dataset", "study", "point"))
    above = os.path.relpath(index.with_suffix(".html"), copy.parent)
    links.append(f'<a href="{above}#{anchor(*place)}">all runs</a>')
    badge = []
    if shared:
        place = Path(records.PUBLISHED, *path.parts[-4:]).as_posix()
        address = in_colab(BRANCH, place)
        text = "Open in Colab, with this run's parameters"
        badge = [f'<p class="badges"><a href="{address}">{text}</a></p>', ""]
    what = WHAT.get(study, f"A run of the study {escaped(study)}")
    commit = re.sub(r"[^\w+]", "", record["commit"][:10])
    lines = [
        *badge,
        f"{what}: {escaped(experiment['point'])} on {escaped(experiment['dataset'])},"
        f" seed {experiment['seed']}. The notebook is as papermill left it, with its"
        " setup folded.",
        "",
        f"**Top-1 {100 * record['metrics']['video_top1']:.1f} %**, in"
        f" {record['wall_seconds']['total'] / 60:.1f} minutes on"
        f" {escaped(record['device'])}, {record['started'][:10]}."
        f" Commit `{commit}`, recipe `{record['recipe_hash'][:10]}`.",
        "",
        " · ".join(links),
        "",
        "Run it again:",
        "",
        "```bash",
        *commands(record, papermill),
        "```",
    ]
    return {
        "cell_type": "markdown",
        "id": "about-this-run",
        "metadata": {},
        "source": "\n".join(lines),
    }


def titled(notebook: dict, title: str, about: dict) -> dict:
    """Replace the notebook's first cell by a title and the cell about its run.

    The notebook's introduction is left out, because it is about its default parameters.
    """
    first, *rest = notebook["cells"]
    heading = "".join(first["source"]).partition("\n")[0]
    if not heading.startswith("# "):
        raise ValueError(f"its first cell has no title: {heading!r}")
    return {**notebook, "cells": [{**first, "source": f"# {title}"}, about, *rest]}


def row(record: dict, link: str, first: bool) -> str:
    """Return a run's line of the index. A point's first line has the point's id."""
    experiment = record["experiment"]
    place = anchor(*(experiment[name] for name in ("dataset", "study", "point")))
    cells = [
        (f'<span id="{place}"></span>' if first else "") + link,
        experiment["study"],
        experiment["dataset"],
        str(experiment["seed"]),
        f"{100 * record['metrics']['video_top1']:.1f}",
        f"{record['wall_seconds']['total'] / 60:.1f}",
        escaped(record["device"]),
        record["started"][:10],
    ]
    return f"| {' | '.join(cells)} |\n"


def _order(path: Path) -> tuple:
    *_, dataset, study, point, seed = path.with_suffix("").parts
    return study, dataset, point, int(seed.rpartition("-")[2])


def _page(
    path: Path,
    record: dict,
    copy: Path,
    index: Path,
    title: str,
    first: str | None = None,
) -> Path:
    """Copy an executed notebook, with a cell about its run.

    Args:
        path: path of the notebook.
        record: the record beside it.
        copy: path of the copy.
        index: path of the page that lists it.
        title: title of the copy.
        first: for a person's own run, the text below the title.
    """
    notebook = executed.read(path)
    check_finished(notebook, path)
    papermill, shared = notebook["metadata"]["papermill"], first is None
    about = note(record, papermill, path, copy, index, shared)
    about["source"] = (first or "") + about["source"]
    page = json.dumps(titled(notebook, title, about))
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(page, encoding="utf-8")
    return copy


def _published_page(path: Path, record: dict, folder: Path) -> Path:
    """Copy the notebook beside a published record."""
    dataset, study, point, seed = path.with_suffix("").parts[-4:]
    kind = "" if study == "scaling" else f", {study}"
    title = f"{point}{kind} on {dataset}, {seed.replace('-', ' ')}"
    copy = folder / study / f"{dataset}-{point}-{seed}.ipynb"
    return _page(path.with_suffix(".ipynb"), record, copy, folder / "index.md", title)


def collect(results: Path, book: Path) -> list[Path]:
    """Copy every executed notebook, write the index of all runs, return the copies.

    Raises:
        UnfinishedRun: naming a notebook that is not finished or has no record.
        ValueError: naming a record in the wrong place, or one that is damaged.
    """
    folder = book / "runs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in results.glob("*/*/*/seed-*.ipynb"):
        if not path.with_suffix(".json").exists():
            raise UnfinishedRun(f"{path}: there is no record beside it")
    copies, lines, last = [], [], None
    for path in sorted(results.glob("*/*/*/seed-*.json"), key=_order):
        record = records.read(path)
        if records.path(results, **record["experiment"]) != path:
            raise ValueError(f"{path}: its experiment is {record['experiment']}")
        point = path.parent.name
        if path.with_suffix(".ipynb").exists():
            copies.append(_published_page(path, record, folder))
            link = f"[{point}]({copies[-1].relative_to(folder).as_posix()})"
        else:
            to = Path(os.path.relpath(path, folder)).as_posix()
            link = f"{{download}}`{point} <{to}>`"
        first, last = last != path.parent, path.parent
        lines.append(row(record, link, first))
    text = INDEX + "".join(lines) + "```\n"
    if not lines:
        text = "# The runs\n\nNo run is published yet.\n"
    (folder / "index.md").write_text(text, encoding="utf-8")
    return copies


def collect_own(runs: Path, book: Path) -> list[Path]:
    """Write the section of a person's own runs, and return its pages.

    Without runs there is no section.
    """
    folder = book / "yours"
    shutil.rmtree(folder, ignore_errors=True)
    pages, lines, faults, table = [], [], [], published.read()
    for path in sorted(runs.rglob("seed-*.json")):
        try:
            found = published.compare(records.read(path), table)
            page = _own_page(path, found, runs, folder)
        except (OSError, ValueError, KeyError, UnfinishedRun) as error:
            where = path.relative_to(runs)
            faults.append(f"- {escaped(str(where))}: {escaped(str(error))}\n")
        else:
            lines.append(_own_entry(found, page))
            pages += [page] if page else []
    if not lines and not faults:
        return []
    folder.mkdir(exist_ok=True)
    text = YOURS + "".join(lines)
    if faults:
        text += "\nNot shown:\n\n" + "".join(faults)
    (folder / "index.md").write_text(text, encoding="utf-8")
    return [folder / "index.md", *pages]


def _own_page(
    path: Path, found: published.Comparison, runs: Path, folder: Path
) -> Path | None:
    """Copy the executed notebook of a person's own run, or return None without one."""
    source = path.with_suffix(".ipynb")
    if not source.exists():
        return None
    name = "-".join(path.relative_to(runs).with_suffix("").parts)
    copy = folder / f"run-{re.sub(r'[^A-Za-z0-9@+._-]+', '-', name)}.ipynb"
    title = "Yours: {point}, {study}, on {dataset}, seed {seed}"
    title = title.format(**found.run["experiment"])
    first = f"{escaped(found.sentence)}\n\n"
    return _page(source, found.run, copy, folder / "index.md", title, first)


def _own_entry(found: published.Comparison, page: Path | None) -> str:
    """Return the entry of a person's own run, with the id that its page links to."""
    record, place = found.run, found.run["experiment"]
    ident = anchor(place["dataset"], place["study"], place["point"])
    name = escaped("{study}/{point} on {dataset}, seed {seed}".format(**place))
    others = published.described(found.published) or records.NOT_RUN
    numbers = f"**{100 * record['metrics']['video_top1']:.1f} %**; published: {others}"
    if found.paper:
        numbers += escaped("; the paper: {} on {}, {}".format(*found.paper))
    name = f"[{name}]({page.name})" if page else name
    text = f"{found.sentence} Yours ran on {published.devices([record])}"
    if found.published:
        text += f", the published on {published.devices(found.published)}"
    return f'- <span id="{ident}"></span>{name}: {numbers}. {escaped(f"{text}.")}\n'


if __name__ == "__main__":
    try:
        print(f"{len(collect(RESULTS, BOOK))} runs in the book")
        # A release leaves out a person's own runs.
        collect_own(BOOK / "none" if "--published" in sys.argv else OWN, BOOK)
    except (UnfinishedRun, ValueError) as error:
        sys.exit(str(error))
