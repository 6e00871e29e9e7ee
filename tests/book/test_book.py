"""The built book (`make book`): what its pages have, and that they need no network."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import check_links
import pytest
from bs4 import BeautifulSoup

from r3d_rs import paper
from r3d_rs.data.randaugment import OPERATIONS
from r3d_rs.operations import study
from r3d_rs.pantomime import CLASSES_30
from r3d_rs.recipes.table2 import TABLE_2
from r3d_rs.report import real_videos

BOOK = Path(__file__).parents[2] / "book"
HTML = BOOK / "_build" / "html"
AXE = Path(__file__).parents[2] / "build/axe/node_modules/axe-core/axe.min.js"
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


def test_icons_are_pictures_and_no_page_loads_a_font_of_them():
    script = HTML / "_static" / "scripts" / "fontawesome.js"
    assert script.stat().st_size < 30_000
    names = set(re.findall(r"\bfa-([a-z0-9-]+)", page("index").decode()))
    text = script.read_text(encoding="utf-8")
    assert {name for name in names if f'"{name}": [' not in text} <= {"solid", "lg"}


def test_every_picture_says_what_it_shows():
    for name in pages():
        for picture in page(name).find_all("img"):
            alt = picture.get("alt", "")
            assert alt and not alt.endswith((".png", ".svg")), (
                f"{name}: {picture['src']}"
            )


def text_of(html, heading):
    """Return the text of each table of a page below a heading."""
    section = html.find(id=heading)
    assert section, f"no section {heading}"
    notes = section.select(".text_html > p")
    return " ".join(one.get_text(" ") for one in [*notes, *section.find_all("table")])


def test_all_statements_are_on_one_page_with_their_verdicts():
    html = page("claims")
    verdicts, status = (t.get_text(" ") for t in html.find_all("table"))
    for claims_of in paper.claims().values():
        assert all(claim["text"] in verdicts for claim in claims_of)
    assert "exploratory" in verdicts and "contradicted by its own numbers" in verdicts
    for part in ("Table 1", "Table 2", "Table 3", "Table 4", "Table 5", "Table 6"):
        assert part in status
    assert "not run" in status


def test_the_front_page_has_a_picture_clips_the_chapters_and_how_to_cite():
    html = page("index")
    primary = {(before, after) for _, before, after in study.read().primary}
    rows = html.select(".gains > div")
    assert len(rows) == len(primary)
    assert all(
        row.find("a") and row.find("svg") and "paper" in row.get_text() for row in rows
    )
    assert len(html.select(".clips img")) == 4
    [answers] = html.find_all("table")
    assert len(answers.find("tbody").find_all("tr")) <= 7
    gain = real_videos.gains(HTML.parents[2] / "results").loc[
        "pre-training on Pantomime-web", ["ours", "95 % interval"]
    ]
    said = "{} points ({})".format(*gain).replace("-", "\N{MINUS SIGN}")
    assert said in answers.get_text()
    cited = html.find("summary", string="How to cite").parent.get_text()
    assert "@software" in cited and "arXiv:2109.01696" in cited


def test_two_clicks_lead_from_the_front_page_to_the_notebook_of_a_step():
    claim = "Squeeze-excitation helps."
    first = page("index").find("a", string=claim)
    assert first["href"].startswith("ablation")
    steps = page(first["href"].removesuffix(".html")).find(id="the-gains")
    [name] = [th for th in steps.find_all("th") if claim in th.get_text()]
    step = name.find_parent("tr")
    assert "+0.5" in step.get_text()
    second = step.find_all("a")[-1]
    branch, _, path = second["href"].partition("/blob/")[2].partition("/")
    folders = {"main": HTML.parents[2], "notebooks": HTML / "notebooks" / "ready"}
    notebook = folders[branch] / unquote(path)
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells)
    assert re.findall(r'^row = "(.*?)"', code, re.MULTILINE)[-1] == "SE"


def test_every_accuracy_of_ours_leads_to_its_runs_or_is_marked():
    for name in ("ablation", "scaling", "contrastive"):
        for caption in page(name).find_all("caption"):
            table = caption.find_parent("table")
            notes = table.find_previous_siblings("p")
            marks = [note for note in notes if "superseded" in note.get_text()]
            mark = marks[0] if marks else None
            if mark:
                assert mark.get_text() == "Ours: first edition, superseded."
                assert mark.a["href"].startswith("fair-test.html")
            titles = [cell.get_text() for cell in table.find("tr").find_all("th")]
            for row in table.find("tbody").find_all("tr"):
                for title, cell in zip(titles, row.find_all("td"), strict=True):
                    if title.endswith("top-1, % (ours)") and cell.get_text() != "-":
                        assert cell.find("a") or mark, (name, row.get_text(" "))


def animated(name):
    """Return what the moving clips of a page show."""
    clips = [clip["alt"] for clip in page(name).select(".clips img")]
    assert all(alt.startswith("Animated clip: ") for alt in clips)
    return {alt.removeprefix("Animated clip: ").partition(" (")[0] for alt in clips}


def test_every_class_moves_where_the_test_is_said_to_be_fair():
    assert animated("fair-test") == set(CLASSES_30)
    assert (HTML / "fair-test.html").stat().st_size < 4e6


def test_the_data_page_has_every_augmentation_moving_and_its_tables():
    html = page("data")
    assert {name for name in OPERATIONS if name != "Identity"} <= animated("data")
    captions = " ".join(table.get_text() for table in html.find_all("table"))
    assert "pantomime-web" in captions and "area_range" in captions
    # A phone has to load it.
    assert (HTML / "data.html").stat().st_size < 4e6


def test_the_speed_page_has_what_the_benchmarks_measured():
    html = page("speed")
    assert len(html.find_all("table")) == 4
    units = {"the-training-pipeline": "clips/s", "evaluation": "views/s"}
    for section, unit in (units | {"training-and-inference": "clips/s"}).items():
        tables = text_of(html, section)
        assert unit in tables and "not run" not in tables


#: What the tables and figures of chapters have, by chapter and section.
SHOWN = {
    ("model", "table-1-the-architecture"): ("8×56²",),
    ("model", "parameters-and-multiply-adds"): ("48.2", "57.5"),
    ("model", "what-can-be-counted"): ("contradicted",),
    ("recipe", "every-field"): ("ema_decay",),
    ("ablation", "table-2"): ("baseline", *TABLE_2),
    ("ablation", "what-the-rows-change"): tuple(TABLE_2),
    ("scaling", "table-3"): ("R3D-RS-200", "80.4"),
    ("scaling", "table-4"): ("83.8", "Kinetics-600"),
    ("peers", "table-3-size-and-cost"): ("121.6", "without normalization"),
    ("peers", "table-5-cost"): ("4397.0",),
    ("real-videos", "accuracy"): ("pre-trained on Pantomime-web",),
    ("real-videos", "the-gains"): ("R3D-RS-50 over R3D-50",),
    ("peers", "figure-1-counted"): ("152.4", "differs"),
    ("deviations", "numbers-of-other-networks"): ("torchvision",),
    ("scaling", "the-gains"): ("50 to 200 layers", "paper"),
    ("pretraining", "table-5"): ("83.5", "Not run"),
    ("pretraining", "on-pantomime"): ("from scratch, as long",),
    ("contrastive", "table-6"): ("67.5", "Not run"),
    ("contrastive", "the-method"): ("projection_width",),
    ("protocol", "the-plan"): ("pantomime-web", "core-hours"),
}


@pytest.mark.parametrize(("name", "section"), SHOWN)
def test_chapters_have_their_tables(name, section):
    tables = text_of(page(name), section)
    assert all(text in tables for text in SHOWN[name, section])


#: What the sections have that show records, where there are some.
FROM_RECORDS = {
    ("scaling", "learning-curves"): "svg",
    ("scaling", "what-is-confused-with-what"): "table",
    ("contrastive", "learning-curves"): "svg",
    ("contrastive", "nearest-neighbors"): "img",
    ("protocol", "accuracy-by-the-number-of-views"): "table",
    ("data", "is-it-about-motion"): "table",
}


@pytest.mark.parametrize(("name", "section"), FROM_RECORDS)
def test_a_section_without_records_says_so_and_shows_nothing(name, section):
    html = page(name).find(id=section)
    shown = html.find(["img", "table", "svg"])
    assert ("Not run." in html.get_text()) == (shown is None)
    assert shown is None or html.find(FROM_RECORDS[name, section])


def test_the_scaling_page_has_figure_2_whose_points_lead_to_runs():
    figure = page("scaling").find("svg")
    assert "RS-200@f48: 80.7" in figure.decode() and figure.select(".dot")
    for point in figure.select("a.dot"):
        assert point["href"].startswith("runs/")


def test_the_plan_has_the_checksum_of_its_file():
    plan = page("protocol").find(id="the-plan")
    assert study.read().sha256 in [code.get_text() for code in plan.find_all("code")]


def test_pages_with_a_notebook_open_it_in_colab_and_download_it():
    for name, notebook in {"scaling": "scaling", "protocol": "evaluation"}.items():
        addresses = [a["href"] for a in page(name).select("p.badges a[href]")]
        [colab] = [a for a in addresses if "colab.research" in a]
        assert colab.endswith(f"/blob/main/notebooks/{notebook}.ipynb")
        assert f"notebooks/{notebook}.ipynb" in addresses
        assert (HTML / "notebooks" / f"{notebook}.ipynb").exists()


def test_every_run_leads_to_its_record_and_shows_its_command():
    copies = sorted((HTML.parents[1] / "runs").glob("*/*.ipynb"))
    for copy in copies:
        html = page(f"runs/{copy.parent.name}/{copy.stem}")
        [record] = [a["href"] for a in html.select("a.download") if "Record" in a.text]
        assert (HTML / f"runs/{copy.parent.name}" / record).resolve().exists()
        assert f"r3d-rs run {copy.parent.name}/" in html.get_text()


def test_every_link_within_the_book_leads_somewhere():
    assert check_links.broken(HTML) == []


def test_every_copied_run_is_a_page_with_its_pictures():
    runs = [
        name for name in pages() if name.startswith("runs/") and name != "runs/index"
    ]
    copies = (HTML.parents[1] / "runs").glob("*/*.ipynb")
    assert sorted(Path(name).name for name in runs) == sorted(c.stem for c in copies)
    for name in runs:
        assert page(name).find("article").find("img"), name


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the PATH")
def test_pages_of_every_kind_open_in_a_browser_without_a_complaint():
    check = [sys.executable, HTML.parents[1] / "check_pages.py", "--chromium", CHROMIUM]
    check += ["--few"]  # `make check-pages` opens all of them
    if AXE.exists():  # `make check-pages` fetches it
        check += ["--axe", AXE]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing wrong" in done.stdout
