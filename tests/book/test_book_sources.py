"""What stops the book's build, and what its sources must have."""

import importlib
import pkgutil
import re
import subprocess
import sys

import pytest

import r3d_rs
from r3d_rs.recipes.recipe import Recipe
from tests.shared.pages import BOOK, build

sys.path.append(str(BOOK))
import check_links

book_build = importlib.import_module("build")

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


def test_chapters_that_read_files_load_no_framework():
    """Such a chapter takes two seconds, one with TensorFlow ten."""
    code = "import sys\n"
    for path in BOOK.glob("*.md"):
        if path.stem not in book_build.WITH_TENSORFLOW:
            cells = re.findall(
                r"```{code-cell} .*?\n(.*?)\n```", path.read_text(), re.S
            )
            for cell in cells:
                found = re.findall(
                    r"^(?:from |import |sys\.path)[^(\n]+(?:\([^)]*\))?$", cell, re.M
                )
                code += "".join(f"{line}\n" for line in found)
    code += "print({'tensorflow', 'keras', 'jax'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=BOOK
    )
    assert done.stdout == "set()\n", done.stdout + done.stderr


def test_each_executed_chapter_is_a_part_and_those_with_tensorflow_are_first():
    pages = [
        path.relative_to(BOOK).with_suffix("").as_posix()
        for path in [*BOOK.glob("*.md"), *BOOK.glob("api/*.md")]
    ]
    parts = book_build.parts(BOOK, pages, workers=2)
    assert sorted(page for part in parts for page in part) == sorted(pages)
    # Sphinx starts two, and then takes the last of the others.
    reference, *first = parts[0], parts[1], parts[-1]
    assert all(page.startswith("api/") for page in reference)
    assert sorted(first) == [["data"], ["model"]]
    assert all(len(part) == 1 for part in parts if "tpu" in part or "index" in part)


def test_the_schedule_that_the_book_draws_is_that_of_training():
    import recipe_tables

    from r3d_rs.training.optimizers import WarmupCosine

    recipe = Recipe()
    steps, warmup = 10 * recipe.epochs, int(10 * recipe.warmup_epochs)
    trained = WarmupCosine(recipe.learning_rate, warmup, steps)
    for epoch in range(recipe.epochs + 1):
        drawn = recipe_tables.rate(recipe, epoch)
        assert drawn == pytest.approx(float(trained(10 * epoch)), abs=1e-6)


#: Names of modules that are explained by `--help`.
COMMAND_LINE = {"__main__", "cli", "commands"}


def test_every_public_module_is_in_the_api_reference():
    pages = "".join(path.read_text() for path in (BOOK / "api").glob("*.md"))
    listed = set(re.findall(r"automodule:: (\S+)", pages))
    found = {
        module.name
        for module in pkgutil.walk_packages(r3d_rs.__path__, "r3d_rs.")
        if not module.ispkg and module.name.rpartition(".")[2] not in COMMAND_LINE
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
