"""Hostile names, files and videos: they escape no folder, and nothing of them runs."""

import ast
import json
import os
import pickle
import resource
import shlex
import shutil
import subprocess
import sys
import time
import zipfile
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import av
import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from r3d_rs import files
from r3d_rs.data import (
    clip,
    frame_index,
    inspect,
    listing,
    preparation,
    processes,
)
from r3d_rs.evaluation import trained
from r3d_rs.experiments import executed, record, run
from r3d_rs.report import interactive, links
from r3d_rs.training.checkpoints import Checkpoints
from tests.faults import fuzz
from tests.shared import kill, tiny_run
from tests.shared.made_up import made_up
from tests.shared.tally import random, tallied, times
from tests.shared.tiny import clock, write_csv, write_video, write_videos

pytestmark = pytest.mark.slow

PART = "hostile"

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


def test_names_of_classes(tmp_path):
    """They come back as written, leave the folder alone, and can be drawn."""
    rows = [(label, f"video-{i}", 3, 13, "train") for i, label in enumerate(NAMES)]
    videos = tmp_path / "a" / "b" / "videos"
    for _, ident, *_ in rows:
        write_video(videos / "train" / f"{ident}.mp4", clock(4))
    write_csv(videos / "train.csv", rows)
    before = kill.files(tmp_path)
    data_dir = tmp_path / "a" / "b" / "data"
    dataset = preparation.prepare(
        tiny_run.NAME, data_dir, progress=False, videos=videos, short_side=48
    )
    with tallied(PART, "names of classes", "test_names_of_classes") as tally:
        tally.count(dataset.classes == tuple(sorted(NAMES)), f"{dataset.classes}")
        strange = [
            name
            for name in set(kill.files(tmp_path)) - set(before)
            if not name.startswith("a/b/data/tfds/")
        ]
        tally.count(not strange, f"{strange} were written")
        picture = tmp_path / "sheet.svg"
        inspect.contact_sheet(dataset, "train").savefig(picture)
        root = ElementTree.parse(picture).getroot()
        kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
        tally.count(not kinds & {"script", "image", "a"} - {"image"}, f"{kinds}")


@pytest.mark.parametrize("name", ["a\nb", "a\0b", " a", "a\t", "a\u2028b", "a\rb"])
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
    """Return what of a page would run, or would be where nothing should be."""
    found = [str(tag) for tag in page.find_all("script") if "alert(1)" in tag.text]
    for tag in page.find_all(True):
        for name, value in tag.attrs.items():
            is_code = name.startswith("on") or "javascript:" in str(value).lower()
            if is_code and "alert" in str(value):
                found.append(str(tag)[:200])
    return found


def test_pages_of_runs(tmp_path):
    """The list of all runs and the page of one, built as the book is."""
    from tests.book.test_book_sources import BOOK, build

    sys.path.append(str(BOOK))
    import collect_runs

    results = tmp_path / "results"
    text = "\n".join(["x", "```", *NAMES, "", "```{raw} html", NAMES[3], "```"])
    hostile_run(results, text)
    folder = tmp_path / "site"
    folder.mkdir()
    shutil.copytree(kill.ROOT / "notebooks", tmp_path / "notebooks")
    [copy] = collect_runs.collect(results, folder)
    page = copy.relative_to(folder).with_suffix("").as_posix()
    done = build(folder, "", chapters=["runs/index", page])
    pages = sorted((folder / "_build" / "html" / "runs").rglob("*.html"))
    assert len(pages) == 2, done.stdout[-3000:] + done.stderr[-3000:]
    with tallied(PART, "texts of a run, in the book", "test_pages_of_runs") as tally:
        for path in pages:
            page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
            found = dangers(page)
            tally.count(not found, f"{path.name}: {found}")
            tally.count("alert(1)" in page.text, f"{path.name}: the text is not shown")


def test_tables_and_figures_of_the_book():
    """Cells, links, captions and what a point says are text, whatever they are."""
    name = "test_tables_and_figures_of_the_book"
    with tallied(PART, "texts of tables and figures", name) as tally:
        for text in NAMES:
            table = pd.DataFrame({text: [text]}, index=[text])
            shown = links.linked(table, {text: ['"><script>alert(1)</script>']}, text)
            page = BeautifulSoup(shown.data, "html.parser")
            whole = page.find("caption").text == text and page.find("td").text == ""
            tally.count(whole and not dangers(page), f"{text}: {shown.data}")
            group = ElementTree.fromstring(
                '<g xmlns="http://www.w3.org/2000/svg"><use x="1" y="2"/></g>'
            )
            interactive._mark(group, text, text)
            written = ElementTree.tostring(group, encoding="unicode")
            again = ElementTree.fromstring(written)
            tip = again[0].get("data-tip")
            tally.count(tip == text and len(again) == 1, written)


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
    mark = tmp_path / "ran"
    bad = np.array([Payload(mark)], dtype=object)
    pickle.loads(pickle.dumps(Payload(tmp_path / "it does run if it is let")))
    checkpoint = tmp_path / "epoch-0001.npz"
    np.savez(checkpoint, about=bad, value_0=bad)
    scores = tmp_path / "scores.npz"
    np.savez(scores, ids=bad, labels=bad, probabilities=bad)
    single = tmp_path / "single.npz"
    with single.open("wb") as file:
        np.save(file, bad)
    raw = tmp_path / "raw.npz"
    raw.write_bytes(pickle.dumps(Payload(mark)))
    split = SimpleNamespace(index=scores, files=(), num_videos=1)
    with pytest.warns(UserWarning):
        assert Checkpoints(tmp_path, {}).last() is None
    with tallied(PART, "a pickle among arrays", "test_nothing_is_unpickled") as tally:
        for read, path in (
            (files.read_arrays, checkpoint),
            (files.read_arrays, single),
            (files.read_arrays, raw),
            (record.load_scores, scores),
            (lambda path: frame_index.load(split, None), scores),
        ):
            if path == scores:
                split.index = path
            try:
                read(path)
                tally.count(False, f"{path.name} was read")
            except ValueError as error:
                tally.count(path.name in str(error), repr(error))
        tally.count(not mark.exists(), "a payload ran")


def code_layer() -> dict:
    """Return the configuration of a network one of whose layers is code."""
    import keras

    network = keras.Sequential(
        [keras.Input((1,)), keras.layers.Lambda(lambda x: exec("1") or x)]
    )
    return json.loads(network.to_json())


def calls(module: str, name: str, mark: Path) -> dict:
    """Return a configuration that names a function of any module as a layer."""
    return {
        "module": module,
        "class_name": name,
        "config": {"name": str(mark), "path": str(mark)},
        "registered_name": None,
        "build_config": None,
    }


def test_no_code_in_a_network(tmp_path):
    """Keras reads networks in its safe mode."""
    folder, mark = tmp_path / "run", tmp_path / "ran"
    folder.mkdir()
    (folder / "run.json").write_text("{}")
    configs = {
        "a Lambda layer": code_layer(),
        "os.mkdir": calls("os", "mkdir", mark),
        "subprocess": calls("subprocess", "Popen", mark),
        "builtins.exec": calls("builtins", "exec", mark),
    }
    with tallied(PART, "code in a network", "test_no_code_in_a_network") as tally:
        for what, config in configs.items():
            with zipfile.ZipFile(folder / "model.keras", "w") as parts:
                parts.writestr("config.json", json.dumps(config))
                parts.writestr("metadata.json", '{"keras_version": "3.15.1"}')
                parts.writestr("model.weights.h5", b"")
            try:
                trained.load(folder)
                tally.count(False, f"{what} was loaded")
            except ValueError as error:
                tally.count("no checkpoint of a run" in str(error), repr(error))
        tally.count(not mark.exists(), "something ran")


#: Calls that run text, unpickle, or hand text to a shell.
FORBIDDEN = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_OF = {
    ("pickle", "load"),
    ("pickle", "loads"),
    ("marshal", "loads"),
    ("os", "system"),
    ("os", "popen"),
    ("yaml", "load"),
}


def test_nothing_in_the_library_runs_text():
    found = []
    for path in (kill.ROOT / "r3d_rs").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called, where = node.func, f"{path.name}:{node.lineno}"
            name = getattr(called, "id", None)
            of = getattr(getattr(called, "value", None), "id", None)
            if name in FORBIDDEN or (of, getattr(called, "attr", "")) in FORBIDDEN_OF:
                found.append(where)
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", None)
                unsafe = (keyword.arg, value) in {
                    ("allow_pickle", True),
                    ("shell", True),
                    ("safe_mode", False),
                }
                if unsafe:
                    found.append(where)
    assert not found


def test_parameters_are_never_code(tmp_path, monkeypatch):
    """Through papermill they arrive as text, and are refused by their name."""
    monkeypatch.chdir(tmp_path)
    texts = [*NAMES, '"; import os; os.mkdir("ran") #', "'''\nimport os", "\\", "\n1"]
    notebook = load_notebook_node(str(kill.ROOT / "notebooks" / "scaling.ipynb"))
    name = "test_parameters_are_never_code"
    with tallied(PART, "parameters of a notebook", name) as tally:
        for text in texts:
            given = parameterize_notebook(notebook, {"point": text}, report_mode=False)
            [cell] = [
                cell
                for cell in given.cells
                if "injected-parameters" in cell.metadata.get("tags", ())
            ]
            [assigned] = ast.parse(cell.source).body
            same = ast.literal_eval(assigned.value) == text
            tally.count(same, f"{text!r} became {cell.source}")
            try:
                run.scaling(point=text, dataset="pantomime", seed=0)
                tally.count(False, f"{text!r} was taken")
            except ValueError as error:
                tally.count("point" in str(error), repr(error))
        tally.count(not list(tmp_path.iterdir()), "something ran")


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
    [line] = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if "-m r3d_rs run" in line
    ]
    words = shlex.split(line.partition("Shell command:")[2] or line)
    assert words[words.index("--results") + 1] == str(folder)
    assert "note=$(touch" in words
    assert "threads=1" in words  # of the profile, whatever else is on the command line
    assert not list(tmp_path.rglob("escaped"))


# Videos.


def results_of(paths, function=clip.encoded):
    """Decode videos as a preparation does, each in a process that may crash."""
    return list(processes.isolated_map(function, ((path, 48) for path in paths), 2))


def test_mutated_videos(tmp_path):
    """Whatever a file's bytes are, it is a video or has a reason why it is not."""
    original = tmp_path / "original.mp4"
    write_video(original, clock())
    content, generator = original.read_bytes(), random("videos")
    number, begin = times(200, 5000), time.monotonic()
    paths = []
    for i in range(number):
        changed = bytearray(content)
        for _ in range(int(generator.integers(1, 30))):
            changed[int(generator.integers(len(changed)))] = int(
                generator.integers(256)
            )
        paths.append(tmp_path / f"{i}.mp4")
        paths[-1].write_bytes(
            changed[: int(generator.integers(1, len(changed) + 1))]
            if i % 4 == 0
            else changed
        )
    with tallied(PART, "mutated videos", "test_mutated_videos") as tally:
        for path, found in zip(paths, results_of(paths), strict=True):
            whole = isinstance(found, str) or 0 < len(found[0]) <= clip.MAX_FRAMES
            tally.count(whole, f"{path.name}: {found!r}"[:300])
        seconds = time.monotonic() - begin
        tally.count(seconds < max(120, number / 2), f"it took {seconds:.0f} s")


def write_black(path: Path, sizes):
    """Encode black frames of some sizes, (width, height, count), one after another."""
    with path.open("wb") as file:
        for width, height, count in sizes:
            part = path.with_name("part.h264")
            with av.open(str(part), "w", format="h264") as output:
                stream = output.add_stream("libx264", rate=25)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
                frame = av.VideoFrame(width, height, "yuv420p")
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
                for i in range(count):
                    frame.pts, frame.time_base = i, Fraction(1, 25)
                    output.mux(stream.encode(frame))
                output.mux(stream.encode())
            file.write(part.read_bytes())
            part.unlink()


def test_videos_that_ask_for_too_much(tmp_path):
    """Each is set aside, and the reason names the bound."""
    hours = tmp_path / "hours.mp4"
    write_video(hours, clock(2), pts=[0, 36_000_000])
    frames = tmp_path / "frames.mp4"
    write_video(frames, np.zeros((clip.MAX_FRAMES + 2, 16, 16, 3), "uint8"))
    large = tmp_path / "large.mp4"
    write_black(large, [(8192, 8208, 1)])
    grows = tmp_path / "grows.mp4"
    write_black(grows, [(64, 48, 3), (8192, 8208, 1)])
    with tallied(
        PART, "videos that ask for too much", "test_videos_that_ask_for_too_much"
    ) as tally:
        for path, reason in (
            (frames, f"holds more than {clip.MAX_FRAMES} frames"),
            (large, f"allowed are {clip.MAX_PIXELS} in all"),
        ):
            [found] = results_of([path])
            tally.count(reason in found, f"{path.name}: {found!r}"[:300])
        # Two frames in ten hours are a video of few frames. Frames that grow are
        # refused, or those before them are the video.
        for path, most in ((hours, clip.MAX_FRAMES), (grows, 4)):
            [found] = results_of([path])
            small = not isinstance(found, str) and len(found[0]) <= most
            refused = isinstance(found, str) and ("allowed" in found or "dec" in found)
            tally.count(small or refused, f"{path.name}: {found!r}"[:300])


def greedy(path, short_side):
    """Decode a video that takes more memory than any may."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    assert soft == clip.MAX_MEMORY

    def frames(path, short_side):
        yield np.zeros(clip.MAX_MEMORY, "uint8")

    clip.frames = frames
    return clip.encoded(path, short_side)


def test_memory_is_bounded(tmp_path):
    path = tmp_path / "video.mp4"
    write_video(path, clock())
    [found] = results_of([path], greedy)
    assert found == (
        f"video {path} takes more memory to decode than is allowed,"
        f" {clip.MAX_MEMORY} bytes"
    )


def test_what_is_stored_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(clip, "MAX_STORED", 1000)
    path = tmp_path / "video.mp4"
    write_video(path, clock())
    assert "takes more than 1000 bytes as JPEG" in clip.encoded(path)


def test_a_preparation_survives_them_all(tmp_path):
    """They are set aside with the reason; the others are the dataset."""
    write_videos(tmp_path, {"train": 12})
    bad = sorted((tmp_path / "train").rglob("*.mp4"))[:3]
    bad[0].write_bytes(b"\0" * 100)
    write_video(bad[1], np.zeros((clip.MAX_FRAMES + 2, 16, 16, 3), "uint8"))
    write_black(bad[2], [(8192, 8208, 1)])
    dataset = preparation.prepare(
        *(tiny_run.NAME, tmp_path / "data", False), videos=tmp_path, max_aside=0.3
    )
    assert {video.id for video in dataset.aside} == {path.stem for path in bad}
    assert dataset.num_videos("train") == 9


# Parsers.


@pytest.mark.parametrize("target", sorted(fuzz.TARGETS))
def test_parsers(target):
    """Any bytes are read as what they are, or refused by one error."""
    with tallied(PART, f"mutated input of {target}", "test_parsers") as tally:
        for number, found in fuzz.mutate(target, times(1, 120), random(target)):
            if found is None:
                tally.survived += number
            else:
                tally.count(False, found)
