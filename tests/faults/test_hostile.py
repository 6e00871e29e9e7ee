"""Hostile names, records and networks: they escape no folder, and nothing of them runs.

What runs text, such as `eval`, is refused in the library by the linter.
"""

import ast
import json
import os
import pickle
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import interactive
import keras
import links
import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from r3d_rs import files
from r3d_rs.data import frame_index, inspect
from r3d_rs.evaluation import trained
from r3d_rs.experiments import executed, record, run
from r3d_rs.training.checkpoints import Checkpoints
from r3d_rs.videos import listing
from tests.shared import kill, pages, tiny_run
from tests.shared.made_up import made_up
from tests.shared.tiny import clock, write_csv, write_video

#: Names that mean something to a shell, a browser, Markdown, MyST or matplotlib.
NAMES = (
    "../../escaped",
    "/tmp/escaped",
    'it\'s "quoted" `twice`',
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "```{raw} html",
    "{{ 7 * 7 }} {% include 'x' %}",
    "$\\undefined{$ and 5 $",
    "$(touch escaped); `touch escaped`",
    "| a | b |",
    "../..",
    "-p point",
    "#!/bin/sh",
)


# Names.


@pytest.mark.slow
def test_names_of_classes(tmp_path):
    """They come back as written, leave the folder alone, and can be drawn."""
    rows = [(label, f"video-{i}", 3, 13, "train") for i, label in enumerate(NAMES)]
    videos, data_dir = tmp_path / "a" / "b" / "videos", tmp_path / "a" / "b" / "data"
    for _, ident, *_ in rows:
        write_video(videos / "train" / f"{ident}.mp4", clock(4))
    write_csv(videos / "train.csv", rows)
    before = set(kill.files(tmp_path))
    dataset = tiny_run.prepare(videos, data_dir)
    assert dataset.classes == tuple(sorted(NAMES))
    written = set(kill.files(tmp_path)) - before
    assert all(name.startswith("a/b/data/tfds/") for name in written)
    picture = tmp_path / "sheet.svg"
    inspect.contact_sheet(dataset, "train").savefig(picture)
    tags = {element.tag for element in ElementTree.parse(picture).iter()}
    assert not {tag.rpartition("}")[2] for tag in tags} & {"script", "a"}


@pytest.mark.parametrize("name", ["a\nb", "a\0b", "a\u2028b", "a\rb"])
@pytest.mark.parametrize("column", ["label", "youtube_id"])
def test_a_name_that_is_no_line_is_refused(tmp_path, name, column):
    """Names are kept one a line: this one would be two classes, or another."""
    row = {"label": "wave", "youtube_id": "x"} | {column: name}
    write_csv(tmp_path / "train.csv", [(*row.values(), 0, 10, "train")])
    with pytest.raises(
        ValueError, match=rf"train\.csv, line \d: ({column} is|not CSV)"
    ):
        listing.read(tmp_path / "train.csv")


@pytest.mark.parametrize("ident", ["../../x", "/etc/passwd", "a/../../b"])
def test_an_id_that_leaves_the_folder_is_refused(tmp_path, ident):
    write_csv(tmp_path / "train.csv", [("wave", ident, 0, 10, "train")])
    with pytest.raises(ValueError, match="which is no file's name"):
        listing.read(tmp_path / "train.csv")


# Pages.


def hostile_run(results: Path, text: str):
    """Write a run whose every free text is hostile."""
    made = made_up() | {"device": text, "commit": text}
    path = record.write(made, results)
    table = pd.DataFrame({"class": [text]})._repr_html_()
    notebook = tiny_run.notebook(
        "table",
        nbformat.v4.new_output("display_data", {"text/html": table}),
        nbformat.v4.new_output("stream", name="stdout", text=text),
        parameters={"note": text},
    )
    executed.write(json.loads(nbformat.writes(notebook)), path.with_suffix(".ipynb"))


def dangers(page: BeautifulSoup) -> list[str]:
    """Return what of a page would run."""
    found = [str(tag) for tag in page.find_all("script") if "alert(1)" in tag.text]
    for tag in page.find_all(True):
        for name, value in tag.attrs.items():
            called = name.startswith("data-")  # no program reads it as an address
            code = "javascript:" in str(value).lower() and not called
            is_code = name.startswith("on") or code
            if is_code and "alert" in str(value):
                found.append(str(tag)[:200])
    return found


@pytest.mark.slow
def test_pages_of_runs(tmp_path):
    """The list of all runs and the page of one, built as the book is."""
    sys.path.append(str(pages.BOOK))
    import collect_runs

    results, folder = tmp_path / "results", tmp_path / "site"
    text = "\n".join(["x", "```", *NAMES, "", "```{raw} html", NAMES[3], "```"])
    hostile_run(results, text)
    folder.mkdir()
    shutil.copytree(kill.ROOT / "notebooks", tmp_path / "notebooks")
    [copy] = collect_runs.collect(results, folder)
    chapter = copy.relative_to(folder).with_suffix("").as_posix()
    done = pages.build(folder, "", chapters=["runs/index", chapter])
    built = sorted((folder / "_build" / "html" / "runs").rglob("*.html"))
    assert len(built) == 2, done.stdout[-3000:] + done.stderr[-3000:]
    for path in built:
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        assert not dangers(page)
        assert "alert(1)" in page.text


@pytest.mark.parametrize("text", NAMES)
def test_tables_and_figures_of_the_book(text):
    """Cells, links, captions and what a point says are text, whatever they are."""
    table = pd.DataFrame({text: [text]}, index=[text])
    shown = links.linked(table, {text: ['"><script>alert(1)</script>']}, text)
    page = BeautifulSoup(shown.data, "html.parser")
    assert page.find("caption").text == text and page.find("td").text == ""
    assert not dangers(page)
    group = ElementTree.fromstring(
        '<g xmlns="http://www.w3.org/2000/svg"><use x="1" y="2"/></g>'
    )
    interactive._mark(group, text, text)
    again = ElementTree.fromstring(ElementTree.tostring(group, encoding="unicode"))
    assert len(again) == 1 and again[0].get("data-tip") == text


# Code.


class Payload:
    """What leaves a mark when it is unpickled."""

    def __init__(self, mark: Path):
        """Keep where."""
        self.mark = mark

    def __reduce__(self):
        """Return what unpickling calls."""
        return os.mkdir, (str(self.mark),)


def test_nothing_is_unpickled(tmp_path):
    """Arrays of Python's objects are refused by all that read arrays."""
    pickle.loads(pickle.dumps(Payload(tmp_path / "it runs where it is let")))
    assert (tmp_path / "it runs where it is let").exists()
    mark = tmp_path / "ran"
    bad = np.array([Payload(mark)], dtype=object)
    names = ("epoch-0001", "scores", "single", "raw")
    checkpoint, scores, single, raw = (tmp_path / f"{name}.npz" for name in names)
    np.savez(checkpoint, about=bad, value_0=bad)
    np.savez(scores, ids=bad, labels=bad, probabilities=bad)
    with single.open("wb") as file:
        np.save(file, bad)
    raw.write_bytes(pickle.dumps(Payload(mark)))
    with pytest.warns(UserWarning):
        assert Checkpoints(tmp_path, {}).last() is None
    split = SimpleNamespace(index=scores, files=(), num_videos=1)
    for read, path in (
        (files.read_arrays, checkpoint),
        (files.read_arrays, single),
        (files.read_arrays, raw),
        (record.load_scores, scores),
        (lambda path: frame_index.load(split, None), scores),
    ):
        with pytest.raises(ValueError, match=path.name):
            read(path)
    assert not mark.exists()


def of_function(module: str, name: str, mark: Path) -> dict:
    """Return a network's configuration with any function in the place of a layer."""
    return {
        "module": module,
        "class_name": name,
        "config": {"name": str(mark), "path": str(mark)},
        "registered_name": None,
        "build_config": None,
    }


def test_no_code_in_a_network(tmp_path):
    """Keras reads networks in its safe mode."""
    mark, code = tmp_path / "ran", keras.layers.Lambda(lambda x: exec("1") or x)
    network = keras.Sequential([keras.Input((1,)), code])
    for config in (
        json.loads(network.to_json()),
        of_function("os", "mkdir", mark),
        of_function("subprocess", "Popen", mark),
        of_function("builtins", "exec", mark),
    ):
        (tmp_path / "run.json").write_text("{}")
        with zipfile.ZipFile(tmp_path / "model.keras", "w") as parts:
            parts.writestr("config.json", json.dumps(config))
            parts.writestr("metadata.json", '{"keras_version": "3.15.1"}')
            parts.writestr("model.weights.h5", b"")
        with pytest.raises(ValueError, match="no checkpoint of a run"):
            trained.load(tmp_path)
    assert not mark.exists()


def test_parameters_are_never_code(tmp_path, monkeypatch):
    """Through papermill they arrive as text, and are refused by their name."""
    monkeypatch.chdir(tmp_path)
    notebook = load_notebook_node(str(kill.ROOT / "notebooks" / "scaling.ipynb"))
    for text in (*NAMES, '"; import os; os.mkdir("ran") #', "'''\nimport os", "\\"):
        given = parameterize_notebook(notebook, {"point": text}, report_mode=False)
        [cell] = [
            cell
            for cell in given.cells
            if "injected-parameters" in cell.metadata.get("tags", ())
        ]
        [assigned] = ast.parse(cell.source).body
        assert ast.literal_eval(assigned.value) == text
        with pytest.raises(ValueError, match="point"):
            run.check("scaling", {"point": text, "dataset": "pantomime"})
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_engine_quotes_its_folders(tmp_path):
    """A folder's name is no part of a command."""
    folder = tmp_path / "results; touch escaped 'and' more"
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds"]
    options = [
        *("--snakefile", kill.ROOT / "Snakefile", "--directory", tmp_path),
        *("--profile", kill.ROOT / "profiles" / "local", "--config"),
        *("only=scaling/RS-50", "datasets=kinetics-400", "seeds=1"),
        *(f"results={folder}", "parameters=note=$(touch escaped)"),
    ]
    done = subprocess.run(
        [*map(str, command), *map(str, options)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(kill.ROOT)},
    )
    assert done.returncode == 0, done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    [line] = [line for line in lines if "-m r3d_rs run" in line]
    words = shlex.split(line.partition("Shell command:")[2] or line)
    assert words[words.index("--results") + 1] == str(folder)
    assert "note=$(touch" in words
    assert "threads=1" in words  # of the profile, whatever else is on the command line
    assert not list(tmp_path.rglob("escaped"))
