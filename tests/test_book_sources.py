"""What stops the book's build, and what its sources must have."""

import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import r3d_rs

sys.path.append(str(Path(__file__).parents[1] / "book"))
import check_links

pytestmark = pytest.mark.one_backend  # the backend does not matter

BOOK = Path(__file__).parents[1] / "book"
PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

```{code-cell} ipython3
from myst_nb import glue

glue("one", "1", display=False)
```

The number {glue:text}`one`.

"""

#: What is wrong with a page, and what the build says of it.
BROKEN = {
    "a missing number": ("{glue:text}`two`", "No key 'two'"),
    "a missing picture": (
        "```{figure} ../results/figures/none.png\n:alt: None.\n```",
        "none.png",
    ),
    "a broken reference": ("[nowhere](nowhere.md)", "nowhere.md"),
    "a missing place": ("[nowhere](#nowhere)", "'nowhere'"),
    "an unknown citation": ("{cite}`nobody2020nothing`", "nobody2020nothing"),
    "a failed cell": ("```{code-cell} ipython3\n1 / 0\n```", "ZeroDivisionError"),
}


def build(folder: Path, text: str, chapters=()) -> subprocess.CompletedProcess:
    """Build a book of one page and further ones, with the settings of the study's."""
    for name in ("assets", "extensions"):
        shutil.copytree(BOOK / name, folder / name)
    for name in ("_config.yml", "references.bib"):
        shutil.copy(BOOK / name, folder)
    contents = "format: jb-book\nroot: index\n" + ("chapters:\n" if chapters else "")
    contents += "".join(f"  - file: {chapter}\n" for chapter in chapters)
    (folder / "_toc.yml").write_text(contents)
    (folder / "index.md").write_text(PAGE + text + "\n")
    command = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n"]
    return subprocess.run(
        [*command, "--keep-going", folder], capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_sound_page_builds(tmp_path):
    done = build(tmp_path, "A [reference](#a-page).")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("text", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_page_stops_the_build(tmp_path, text, said):
    done = build(tmp_path, text)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr


def test_a_link_to_a_missing_file_or_place_is_found(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">A</h1><a href="#top">a</a><a href="runs/a.html#b">b</a>'
        '<a href="runs/a.html#c">c</a><img src="d.png"><a href="https://e.f/">e</a>'
    )
    (tmp_path / "runs" / "a.html").write_text('<p id="b"><a href="../index.html">i</a>')
    assert check_links.broken(tmp_path) == [
        "index.html: d.png: no such file",
        "index.html: runs/a.html#c: no such place",
    ]


def test_a_figure_that_is_text_is_found(tmp_path):
    (tmp_path / "index.html").write_text(
        "<pre>&lt;Figure size 8x5 with 4 Axes&gt;</pre>"
    )
    assert check_links.broken(tmp_path) == [
        "index.html: <Figure size 8x5 with 4 Axes>: no picture"
    ]


def test_every_public_module_is_in_the_api_reference():
    pages = "".join(path.read_text() for path in (BOOK / "api").glob("*.md"))
    listed = set(re.findall(r"automodule:: (\S+)", pages))
    found = {
        module.name
        for module in pkgutil.walk_packages(r3d_rs.__path__, "r3d_rs.")
        if not module.ispkg and not module.name.endswith("__main__")
    }
    assert found - listed == {"r3d_rs.colab"}  # for Colab alone
    assert listed - found == {"r3d_rs", "r3d_rs.paper"}


def test_every_chapter_is_in_the_contents_and_its_notebook_exists():
    contents = (BOOK / "_toc.yml").read_text()
    for path in BOOK.glob("*.md"):
        assert re.search(rf"(root|file): {path.stem}\n", contents), path.name
        for name in re.findall(r"^notebook: (\S+)$", path.read_text(), re.M):
            assert (BOOK.parent / "notebooks" / f"{name}.ipynb").exists()


def test_every_picture_of_a_chapter_has_an_alternative_text():
    draws = re.compile(r"(figure|picture|curves)\w*\(")
    for path in BOOK.glob("*.md"):
        text = path.read_text()
        for cell in re.findall(r"```{code-cell} ipython3\n(.*?)\n```", text, re.S):
            last = cell.rstrip().splitlines()[-1]
            if draws.search(last) and "remove-cell" not in cell:
                assert "alt:" in cell, (path.name, last)
