"""Tables and figures of the book: what a cell says, and where it leads."""

from pathlib import Path

import interactive
import links
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from r3d_rs.operations import study
from r3d_rs.report import claims, tables
from tests.shared.made_up import write

RESULTS = Path(__file__).parents[2] / "results"


def cells(shown):
    """Return the cells of a table, by row and column title."""
    head, *body = BeautifulSoup(shown.data, "html.parser").find_all("tr")
    titles = [cell.get_text() for cell in head.find_all("th")]
    return {
        row.th.get_text(): dict(zip(titles, row.find_all("td"), strict=True))
        for row in body
    }


def made(folder, records=""):
    """Write made-up records and the tables of them."""
    (folder / "exact").symlink_to(RESULTS / "exact")
    for point in ("R3D-50", "RS-50"):
        write(folder / records, point, [0.8, 0.85, 0.9])
    tables.build(folder)
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results of the second edition alone."""
    return made(tmp_path_factory.mktemp("results"))


def test_an_accuracy_leads_to_its_points_runs_and_what_is_not_run_to_how_to_run_it(
    results,
):
    shown = links.table(results, "table3")
    row = cells(shown)["R3D-RS-50"]
    own = row["Pantomime-20 top-1, % (ours)"].a
    assert own["href"] == "runs/index.html#pantomime-20-scaling-rs-50"
    assert own.get_text() == "85.0 (72.6 to 97.4, 3 seeds)"
    assert cells(shown)["R3D-RS-101"]["Pantomime-20 top-1, % (ours)"].a["href"] == (
        links.RERUN
    )
    assert row["top-1, % (paper)"].get_text() == "78.2"
    assert "FLOPs, B (paper)" not in row  # in `size_and_cost`
    cost = cells(links.size_and_cost(RESULTS, 3))["R3D-RS-50"]
    assert cost["view, G (printed)"].get_text() == "58"
    assert cost["view, G (counted)"].get_text() == "57.5"
    assert not row["top-1, % (paper)"].a
    assert "superseded" not in shown.data


def test_the_first_editions_accuracies_are_marked_and_lead_nowhere(tmp_path):
    shown = links.table(made(tmp_path, "first-edition"), "table3")
    row = cells(shown)["R3D-RS-50"]
    own = row["Pantomime-20 top-1, % (ours)"]
    assert own.get_text() == "85.0 (72.6 to 97.4, 3 seeds)" and not own.a
    mark = BeautifulSoup(shown.data, "html.parser").p
    assert mark.get_text() == "Ours: first edition, superseded."
    assert mark.a["href"] == links.FAIR
    figure = interactive.chart(tmp_path, 2, "a figure").data
    assert "RS-50: 85.0 % (72.6 to 97.4, 3 seeds)" in figure and "<a " not in figure


def test_a_column_that_was_not_run_is_a_line_above(results):
    shown = links.table(results, "table3")
    assert "Kinetics-400 top-1, % (ours)" not in cells(shown)["R3D-RS-50"]
    line = BeautifulSoup(shown.data, "html.parser").p.a
    assert line.get_text() == "Not run: Kinetics-400 top-1, %."
    assert line["href"] == links.RERUN


def test_quoted_rows_have_neither_links_nor_numbers_of_ours(results):
    row = cells(links.table(results, "table3"))["X3D-XXL"]
    assert not any(cell.a for cell in row.values())
    assert row["Pantomime-20 top-1, % (ours)"].get_text() == "-"


def test_a_row_that_is_a_point_of_figure_2_leads_to_its_runs(results):
    address = links.runs(results, "pantomime-20", "ablation/baseline")
    assert address == "runs/index.html#pantomime-20-scaling-r3d-50"


def test_the_verdicts_say_what_is_primary_exploratory_and_counted(results):
    statements, counts = claims.statements(results), claims.counts(results)
    rows = cells(links.verdicts(results, statements, counts))
    assert len(rows) == len(statements) + len(counts)
    kinds = [row["kind"].get_text() for row in rows.values()]
    assert kinds.count("primary") == len(study.read().primary)
    assert kinds.count("counted") == len(counts)
    row = rows[f"{statements[0].text} {statements[0].place}"]
    assert row["verdict"].get_text() == "open: 10 planned runs to go"
    assert row["ours"].a["href"] == "runs/index.html#pantomime-20-scaling-rs-50"


def test_a_statement_has_columns_of_its_own_for_interval_seeds_and_rerun(results):
    shown = links.statements(results, claims.statements(results, "scaling"))
    [row] = [row for name, row in cells(shown).items() if name.startswith("Training")]
    assert row["ours"].get_text() == "+0.0"
    assert row["95 % interval"].get_text().count("to") == 1
    assert row["seeds"].get_text() == "3"
    assert row["rerun"].a.get_text() == "Colab"


def test_parameters_and_multiply_adds_stand_beside_what_the_paper_prints():
    table = links.complexity(RESULTS)
    first = table.loc["R3D-RS-50"].iloc[0]
    assert first["parameters, M (paper)"] == first["parameters, M (ours)"] == "48.2"
    assert (first["FLOPs, G (paper)"], first["FLOPs, G (ours)"]) == ("58", "57.6")
    assert first["multiply-adds, G"] == "57.5"
    assert not table.index.str.contains("+", regex=False).any()


def test_how_to_run_says_minutes_and_what_to_expect(results):
    said = links.run_it(results, "scaling/RS-50").data
    assert "6.5 minutes" in said and "top-1 85.0 % (72.6 to 97.4, 3 seeds)" in said
    said = links.run_it(results, "ablation/SE").data
    assert "no run is published yet; the paper has 77.9 % on Kinetics-400" in said


def test_printed_digits_stay_and_large_integers_are_grouped(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("model,params,top1,views\nRS-50,48183088,78.20,\nRS-101,8000,,30\n")
    table = links.read_table(path)
    assert list(table.index) == ["RS-50", "RS-101"]
    assert table.loc["RS-50"].tolist() == ["48,183,088", "78.20", "-"]
    assert table.loc["RS-101"].tolist() == ["8000", "-", "30"]


def test_text_is_escaped():
    shown = links.linked(pd.DataFrame({"p": ["< 0.001"]}, ["a"]), {}, "A table")
    assert "&lt; 0.001" in shown.data


def test_addresses_must_be_as_many_as_rows():
    with pytest.raises(ValueError, match="zip"):
        links.linked(pd.DataFrame({"p": ["1"]}, ["a"]), {"p": []}, "A table")


def test_a_point_of_a_figure_leads_to_its_executed_notebook(results):
    (results / "pantomime-20/scaling/RS-50/seed-0.ipynb").touch()
    html = interactive.chart(results, 2, "a figure").data
    assert 'href="runs/scaling/pantomime-20-RS-50-seed-0.html"' in html
    assert "<title>" not in html and 'aria-label="a figure"' in html


def test_a_point_on_the_screen_says_its_numbers(tmp_path):
    (tmp_path / "exact").symlink_to(RESULTS / "exact")
    write(tmp_path, "RS-50", [0.5, 0.6])
    text = interactive.chart(tmp_path, 2, "a figure").data
    marks = BeautifulSoup(text, "html.parser").select(".dot")
    [own] = [mark for mark in marks if mark.name == "a"]
    assert own["href"] == "runs/index.html#pantomime-20-scaling-rs-50"
    assert own["data-tip"] == (
        "RS-50: 55.0 % (0.0 to 100.0, 2 seeds), 250 million multiply-adds"
    )
    assert "RS-101: 79.5 % (Table 3, row 10), " in " ".join(
        m["data-tip"] for m in marks
    )
    assert len(marks) == 8 and "#000000" not in text
    assert text.count("xlink:href") > 50 and "ns0:" not in text and "ns1:" not in text
