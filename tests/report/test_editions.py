"""A table shows the first edition, marked, until all runs of the second are there."""

import re
from pathlib import Path

import pytest

from r3d_rs.report import claims, editions, figures, tables
from tests.shared.made_up import let_plan, write

COMMITTED = Path(__file__).parents[2] / "results"

SUPERSEDED = "first edition, superseded"


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Return a folder with runs of the first edition, and a plan for the second."""
    (tmp_path / "exact").symlink_to(COMMITTED / "exact")
    let_plan(
        monkeypatch,
        [
            ("pantomime-20", ("scaling/R3D-50", "scaling/RS-50"), 2),
            ("pantomime-20", ("contrastive/RS-50",), 1),
        ],
        primary=[("pantomime-20", "scaling/R3D-50", "scaling/RS-50")],
    )
    for point in ("R3D-50", "RS-50", "RS-101"):
        write(tmp_path / editions.FIRST, point, [0.5, 0.5])
    return tmp_path


def shown(results, name="table3", by="point"):
    """Return top-1 by row, and the edition, which is that of the whole table."""
    table = tables.TABLES[name].build(results)
    [edition] = set(table["edition"])
    own = table.dropna(subset="pantomime_top1")
    return own.set_index(by)["pantomime_top1"].to_dict(), edition


def test_a_table_changes_over_as_a_whole(results):
    first = shown(results)
    top1, edition = first
    assert (top1["R3D-50"], top1["RS-50"], top1["RS-101"]) == (50, 50, 50)
    assert edition == SUPERSEDED
    write(results, "RS-50", [0.9, 0.95])
    write(results, "R3D-50", [0.9])
    assert shown(results) == first  # its second seed is planned too
    write(results, "R3D-50", [0.8, 0.9])
    top1, edition = shown(results)
    assert (top1["R3D-50"], top1["RS-50"], edition) == (85.0, 92.5, "")
    # Nothing of the first edition is left, not where the plan has no run either.
    assert top1["RS-101"] == "not run"


def test_all_tables_change_over_when_the_study_has_ended(results):
    write(results, "RS-50", [0.9])
    (results / "ended.json").write_text('{"day": "2026-12-01", "why": "spent"}')
    top1, edition = shown(results)
    assert (top1["RS-50"], top1["R3D-50"], edition) == (90.0, "not run", "")


def test_each_table_changes_over_by_itself(results):
    write(results, "R3D-50", [0.8, 0.9])
    write(results, "RS-50", [0.9, 0.9])
    assert shown(results)[1] == ""
    assert shown(results, "table6")[1] == SUPERSEDED
    write(results, "RS-50", [0.7], "contrastive")
    assert shown(results, "table6")[1] == ""


def test_a_run_that_serves_two_tables_is_waited_for_by_both(results):
    """The baseline of Table 2 is planned as Figure 2's R3D-50."""
    write(results, "RS-50", [0.9, 0.9])
    assert shown(results, "table2", "row")[1] == SUPERSEDED
    write(results, "R3D-50", [0.8, 0.9])
    top1, edition = shown(results, "table2", "row")
    assert (top1["baseline"], edition) == (85.0, "")


def test_figures_change_over_too(results):
    def ours():
        points = figures.marks(2, results)
        return points.title, [(mark.name, mark.top1) for mark in points.ours]

    first = [("RS-50", 50.0), ("RS-101", 50.0)]
    assert ours() == (f"ours, pantomime-20, {SUPERSEDED}", first)
    title = figures.figure(2, results).axes[1].get_title()
    assert SUPERSEDED in title.replace("\n", " ")
    write(results, "RS-50", [0.9, 0.95])  # the baseline is in Figure 1 alone
    assert ours() == ("ours, pantomime-20", [("RS-50", pytest.approx(92.5))])
    assert figures.marks(1, results).root == results / editions.FIRST


def test_no_verdict_is_made_of_the_first_edition(results):
    assert {statement.verdict for statement in claims.statements(results)} == {
        "not run"
    }
    write(results, "R3D-50", [0.3, 0.35])
    write(results, "RS-50", [0.8, 0.85])
    [statement] = [
        statement for statement in claims.statements(results) if statement.primary
    ]
    assert statement.verdict == "reproduced"
    assert re.match(r"\+50\.0 \(\+\d", statement.ours)
    assert shown(results)[1] == ""


def test_without_a_first_edition_a_table_shows_what_there_is(results):
    (results / editions.FIRST).rename(results / "elsewhere")
    write(results, "RS-50", [0.9])
    top1, edition = shown(results)
    assert (top1["RS-50"], top1["R3D-50"], edition) == (90.0, "not run", "")
