"""The built book (`make book`): what its pages have, and that they need no network."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from r3d_rs.data.pantomime import CLASSES_30
from r3d_rs.data.randaugment import OPERATIONS
from r3d_rs.training.recipe import TABLE_2

HTML = Path(__file__).parents[1] / "book" / "_build" / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.slow


def page(name):
    path = HTML / f"{name}.html"
    assert path.exists(), f"{path} is missing: run `make book` first"
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def pages():
    found = [
        path.relative_to(HTML).with_suffix("").as_posix()
        for path in HTML.rglob("*.html")
        if "_static" not in path.parts
    ]
    assert "index" in found, "the book is missing: run `make book` first"
    return found


def test_no_page_loads_anything_from_the_network():
    loaded = {"script": "src", "img": "src", "iframe": "src", "source": "src"}
    for name in pages():
        html = page(name)
        addresses = [
            tag[attribute]
            for element, attribute in loaded.items()
            for tag in html.find_all(element, {attribute: True})
        ]
        addresses += [
            tag["href"]
            for tag in html.find_all("link", href=True)
            if tag["rel"] != ["canonical"]
        ]
        assert addresses
        external = [a for a in addresses if a.startswith(("http:", "https:", "//"))]
        assert not external, f"{name}: {external}"


def test_every_picture_says_what_it_shows():
    for name in pages():
        for picture in page(name).find_all("img"):
            alt = picture.get("alt", "")
            assert alt and not alt.endswith((".png", ".svg")), (
                f"{name}: {picture['src']}"
            )


def test_the_front_page_has_the_verdicts_and_the_status_of_every_part_of_the_paper():
    steps, counts, text = (t.get_text() for t in page("index").find_all("table"))
    assert "supported" in steps and "contradicted by its own numbers" in counts
    for part in ("Table 1", "Table 2", "Table 3", "Table 4", "Table 5", "Table 6"):
        assert part in text
    assert "not run" in text


def test_the_model_page_has_table_1_and_the_parameters():
    html = page("model")
    assert len(html.find_all("table")) == 3
    text = html.get_text()
    assert "48,183,088" in text
    assert "8×56²" in text
    assert html.find(class_="formula")


def test_the_data_page_has_every_class_moving_and_its_tables():
    html = page("data")
    clips = [clip["alt"] for clip in html.select(".clips img")]
    shown = {alt.removeprefix("Animated clip: ").partition(" (")[0] for alt in clips}
    assert all(alt.startswith("Animated clip: ") for alt in clips)
    assert set(CLASSES_30) <= shown
    assert {name for name in OPERATIONS if name != "Identity"} <= shown
    captions = " ".join(table.get_text() for table in html.find_all("table"))
    for text in ("pantomime-web", "area_range", "ridge regression", "clips/s"):
        assert text in captions
    # A phone has to load it.
    assert (HTML / "data.html").stat().st_size < 4e6


def test_the_recipe_page_has_table_2_the_fields_and_the_schedule():
    html = page("recipe")
    assert html.find("article").find("img")
    table2, changes, fields, trials, discarded = (
        t.get_text() for t in html.find_all("table")
    )
    for row in ["baseline", *TABLE_2]:
        assert row in table2
        assert row == "baseline" or row in changes
    assert "ema_decay" in fields
    assert "adamw" in trials and "adamw" in discarded


def test_the_scaling_page_has_figure_2_the_steps_and_tables_3_and_4():
    html = page("scaling")
    assert html.find("article").find("img")
    steps, table3, table4 = (table.get_text() for table in html.find_all("table"))
    assert "83.8" in table4 and "Kinetics-600" in table4
    assert "50 to 200 layers" in steps and "not run" in steps
    assert "R3D-RS-200" in table3
    assert "121,552,688" in table3 or "121.6" in table3


def test_the_pages_of_tables_5_and_6_have_the_papers_numbers_beside_ours():
    table5, compared, trials = (
        table.get_text() for table in page("pretraining").find_all("table")
    )
    assert "0.0015" in trials
    assert "83.5" in table5 and "not run" in table5
    assert "from scratch, as long" in compared
    html = page("contrastive")
    table6, trials, fields = (table.get_text() for table in html.find_all("table"))
    assert "lars" in trials
    assert "67.5" in table6 and "not run" in table6
    assert "projection_width" in fields
    assert html.find("article").find("img")


def test_every_copied_run_is_a_page_with_its_pictures():
    runs = [
        name for name in pages() if name.startswith("runs/") and name != "runs/index"
    ]
    copies = (HTML.parents[1] / "runs").glob("*/*.ipynb")
    assert sorted(Path(name).name for name in runs) == sorted(c.stem for c in copies)
    for name in runs:
        assert page(name).find("article").find("img"), name


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
def test_every_page_opens_in_a_browser_without_a_complaint():
    check = [sys.executable, HTML.parents[1] / "check_pages.py", "--chromium", CHROMIUM]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "nothing wrong" in done.stdout
