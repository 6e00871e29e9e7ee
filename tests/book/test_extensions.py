"""What the build does to pages: tables, folded details, notebooks with parameters."""

import json
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from docutils import nodes

from r3d_rs.experiments import registry
from r3d_rs.operations import study

BOOK = Path(__file__).parents[2] / "book"
sys.path.append(str(BOOK))
import print_pdf  # noqa: E402
from extensions import folds, notebooks, tables  # noqa: E402


def neat(head, *rows):
    """Return a table as the book shows it."""
    titles = "".join(f"<th>{title}</th>" for title in ("", *head))
    body = "".join(
        f"<tr><th>{name}</th>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
        for name, *cells in rows
    )
    html = f'<table class="dataframe"><thead><tr>{titles}</tr></thead><tbody>{body}'
    return BeautifulSoup(tables.neat(html + "</tbody></table>"), "html.parser")


def cells(page):
    return [cell.get_text() for cell in page.find_all("td")]


def test_minus_signs_are_true_ones_and_hyphens_stay():
    page = neat(["gain"], ["a", "-0.5 (-1.0 to +0.2)"], ["b", "R3D-RS-50, 3-D"])
    minus = "\N{MINUS SIGN}"
    assert cells(page) == [f"{minus}0.5 ({minus}1.0 to +0.2)", "R3D-RS-50, 3-D"]


def test_the_sign_of_a_link_is_a_true_one_too():
    [cell] = neat(["gain"], ["a", '<a href="runs/x-1.html">-1</a>']).find_all("td")
    assert cell.a.get_text() == "\N{MINUS SIGN}1" and cell.a["href"] == "runs/x-1.html"


def test_large_integers_are_in_groups_and_years_stay():
    assert cells(neat(["steps"], ["a", "105000"], ["b", "2026"])) == ["105,000", "2026"]


def test_a_column_that_was_not_run_is_a_line_above_and_an_empty_one_is_gone():
    page = neat(
        ["paper", "ours", "p"], ["a", "+1", "not run", "-"], ["b", "+2", "not run", "-"]
    )
    assert page.p.get_text() == "Not run yet: ours."
    assert cells(page) == ["+1", "+2"]
    assert [cell.get_text() for cell in page.thead.find_all("th")] == ["", "paper"]


def test_a_column_stays_where_something_was_run_and_one_where_nothing_was():
    assert neat(["ours"], ["a", "not run"], ["b", "+2"]).p is None
    page = neat(["top-1", "seeds", "p"], ["a", "not run", "not run", "-"])
    assert cells(page) == ["not run"] and page.p is None
    assert page.thead.find_all("th")[1].get_text() == "so far"
    assert cells(neat(["p"], ["a", "-"])) == [tables.DASH]


def test_a_wide_table_is_cards_on_a_phone_and_each_cell_says_its_column():
    wide = neat(
        ["paper", "ours"], ["A statement of forty letters, or even more.", "+1", "+2"]
    )
    assert wide.table["class"] == ["dataframe", "cards"]
    assert [cell["data-title"] for cell in wide.find_all("td")] == ["paper", "ours"]
    narrow = neat(["paper", "ours"], ["a", "+1", "-"], ["b", "+1", "+3"])
    assert narrow.table["class"] == ["dataframe"]
    assert [cell.get("class") for cell in narrow.find_all("td")][1] == ["empty"]


def test_the_heading_that_pandas_makes_for_the_rows_names_is_no_row():
    html = (
        '<table class="dataframe"><thead><tr><th></th><th>step</th></tr><tr><th>point'
        "</th><th></th></tr></thead><tbody><tr><th>a</th><td>1</td></tr></tbody></table>"
    )
    page = BeautifulSoup(tables.neat(html), "html.parser")
    assert len(page.thead.find_all("tr")) == 1
    assert [th.get_text() for th in page.thead.find_all("th")] == ["point", "step"]


class App:
    """A build of one page."""

    def __init__(self, name, **metadata):
        self.builder = type("Builder", (), {"format": "html"})
        self.env = type("Env", (), {"metadata": {name: metadata}})


def sections(*ids):
    """Return a page with sections."""
    page = nodes.section("", nodes.title(text="A page"), ids=["a-page"])
    for name in ids:
        text = nodes.literal_block(text="line\n" * 20, classes=["output"])
        title = nodes.title(text=name)
        page += nodes.section("", title, nodes.container("", text), ids=[name])
    document = nodes.document(None, None)
    document += page
    return document


def folded(document):
    """Return the sections of a page that are folded."""
    return [
        one["ids"][0]
        for one in document.findall(nodes.section)
        if isinstance(one[0], nodes.raw) and one[0].astext().startswith("<details")
    ]


def test_a_chapter_that_says_so_folds_what_follows_how_to_run_it():
    page = sections("the-gains", "run-it", "table-2", "the-method")
    folds.fold(App("ablation", folded=True), page, "ablation")
    assert folded(page) == ["table-2", "the-method"]
    page = sections("the-gains", "run-it", "table-2")
    folds.fold(App("recipe"), page, "recipe")
    assert folded(page) == []


@pytest.mark.parametrize("kind", ["runs", "yours"])
def test_a_runs_page_folds_its_set_up_and_a_long_log(kind):
    page = sections("colab", "training", "your-run-and-the-published-runs")
    folds.fold(App(f"{kind}/scaling/a"), page, f"{kind}/scaling/a")
    last = ["your-run-and-the-published-runs"] if kind == "runs" else []
    assert folded(page) == ["colab", *last]
    texts = [raw.astext() for raw in page.findall(nodes.raw)]
    assert sum("21 lines of output" in text for text in texts) == 3


def test_every_experiment_of_the_plan_has_a_notebook_with_its_parameters():
    for dataset, name in study.read().seeds:
        experiment = registry.get(name)
        path = BOOK.parent / "notebooks" / f"{experiment.notebook}.ipynb"
        values = {**experiment.parameters, "dataset": dataset}
        made = notebooks.with_parameters(json.loads(path.read_text()), values)
        [cell] = [
            c for c in made["cells"] if "parameters" in c["metadata"].get("tags", ())
        ]
        received = {}
        exec(cell["source"], received)
        assert {key: received[key] for key in values} == values
    with pytest.raises(ValueError, match="no parameter colour"):
        notebooks.with_parameters(made, {"colour": 1})


def test_a_row_leads_to_its_published_run_or_its_notebook_in_colab(tmp_path):
    place = ("pantomime-20", "ablation/SE")
    href = notebooks.address(*place, tmp_path)
    assert href.endswith("/blob/notebooks/pantomime-20-ablation-SE.ipynb")
    path = tmp_path / "pantomime-20/ablation/SE/seed-0.ipynb"
    path.parent.mkdir(parents=True)
    path.touch()
    href = notebooks.address(*place, tmp_path)
    assert href.endswith("/blob/main/results/pantomime-20/ablation/SE/seed-0.ipynb")


def test_what_needs_another_network_first_has_no_notebook_to_open(tmp_path):
    found = notebooks.address("pantomime-20", "fine-tuning/RS-200@f48", tmp_path)
    assert found == ""


def test_the_pdf_has_every_chapter_in_the_order_of_the_contents():
    chapters = print_pdf.chapters()
    assert chapters[:3] == ["index", "fair-test", "ablation"]
    files = {path.stem for path in BOOK.glob("*.md")} - {"api"}
    assert set(chapters) == files
