"""Cells of ours lead to their runs."""

from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from r3d_rs.report import links

RESULTS = Path(__file__).parents[2] / "results"


def rows(shown):
    """Return the address of the first link in each cell, by row and column title."""
    head, *body = BeautifulSoup(shown.data, "html.parser").find_all("tr")
    titles = [cell.get_text() for cell in head.find_all("th")]
    return {
        row.th.get_text(): {
            title: cell.a and cell.a["href"]
            for title, cell in zip(titles, row.find_all("td"), strict=True)
        }
        for row in body
    }


def test_an_accuracy_leads_to_its_points_runs_and_what_is_not_run_to_how_to_run_it():
    found = rows(links.from_scratch(RESULTS, 3))["R3D-RS-50"]
    own = "runs/index.html#pantomime-20-scaling-rs-50"
    assert found["Pantomime top-1, % (ours)"] == own
    assert found["Kinetics-400 top-1, % (ours)"] == links.RERUN
    assert found["top-1, % (paper)"] is None


def test_quoted_rows_have_no_links():
    assert set(rows(links.from_scratch(RESULTS, 3))["X3D-XXL [14]"].values()) == {None}


def test_a_point_of_a_figure_leads_to_its_executed_notebook():
    html = links.chart(RESULTS, 2, "a figure").data
    assert 'href="runs/scaling/pantomime-20-RS-50-seed-0.html"' in html
    assert "<title>" not in html and 'aria-label="a figure"' in html


def test_a_row_that_is_a_point_of_figure_2_leads_to_its_runs():
    address = links.runs(RESULTS, "pantomime-20", "ablation/baseline")
    assert address == "runs/index.html#pantomime-20-scaling-r3d-50"


def test_text_is_escaped():
    shown = links.linked(pd.DataFrame({"p": ["< 0.001"]}, ["a"]), {}, "A table")
    assert "&lt; 0.001" in shown.data


def test_addresses_must_be_as_many_as_rows():
    with pytest.raises(ValueError, match="zip"):
        links.linked(pd.DataFrame({"p": ["1"]}, ["a"]), {"p": []}, "A table")
