"""Size and cost of the quoted networks: what is printed, counted and under what."""

from pathlib import Path

import pandas as pd
import pytest

from r3d_rs import paper
from r3d_rs.report import counted, peers

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def rows():
    return peers.build(RESULTS)


def test_peers_csv_has_every_row_of_the_three_tables_in_order(rows):
    assert list(rows.columns) == [
        *("row", "table", "frames", "size", "printed_gmacs", "counted_gmacs"),
        *("printed_params_m", "counted_params_m", "convention"),
    ]
    for number in peers.TABLES:
        printed, own = paper.table(number), rows[rows["table"] == number]
        assert own["printed_gmacs"].tolist() == printed["flops_b"].tolist()
        assert [
            row.startswith(label)
            for row, label in zip(own["row"], printed["label"], strict=True)
        ] == [True] * len(printed)


def test_what_is_off_by_more_than_rounding_is_said_to_be(rows):
    """Whatever the convention: a row "as counted" agrees, and others are explained."""
    for row in rows.to_dict("records"):
        gmacs, _, _ = row["convention"].partition("; parameters")
        off = abs(row["counted_gmacs"] - row["printed_gmacs"])
        if gmacs.removeprefix("multiply-adds ") == peers.COUNTED:
            assert off < 0.5, row
        elif "none" in gmacs:
            assert not off < 0.5 and "(" in gmacs, row


def test_what_cannot_be(rows):
    wrong = rows[rows["convention"].str.contains("none")].set_index("row")
    assert list(wrong.index.str.partition(" [").get_level_values(0)) == [
        *("R(2+1)D", "SlowFast-16×8, R101+NL", "X3D-XXL"),
        *("SlowFast, +NL", "X3D-XL", "MViT-B-24, 32×3"),
        *("ViViT-L/16×2 FE", "ViViT-H/16×2", "ViViT-H/16×2"),
    ]


def test_the_papers_own_rows_follow_its_own_convention(rows):
    own = rows[rows["row"].str.startswith("R3D")]
    assert own["convention"].str.contains("half of the elementwise operations").all()
    assert not own["convention"].str.contains("none").any()


@pytest.mark.parametrize(("number", "marks"), [(3, 8), (4, 5), (5, 6)])
def test_the_book_marks_what_follows_from_no_convention(number, marks):
    shown = peers.shown(RESULTS, number)
    assert shown.map(lambda cell: str(cell).startswith(peers.MARK)).sum().sum() == marks
    assert shown.notna().all(axis=None)


def test_a_video_takes_all_views():
    shown = peers.shown(RESULTS, 3)
    assert shown.loc["MViT-B, 32×3 [13]", "video, T (counted)"] == "0.85"
    assert shown.loc["R3D-RS-200", "video, T (counted)"] == "6.11"


def test_figure_1_counted_has_all_of_table_3_and_x3d_xxl_with_a_dagger():
    view, video = counted.marks(RESULTS)
    assert len(view) == len(video) == len(paper.table(3))
    costs = {mark.name: mark.gmacs for mark in view}
    assert costs["X3D-XXL†"] == 194.1
    assert costs["SlowFast, R101+NL"] == pytest.approx(242.0, abs=0.05)
    assert {mark.top1 for mark in view} == set(paper.table(3)["top1"])


def test_the_committed_comparison_with_other_implementations_agrees():
    """Parameters to the last digit, multiply-adds within one per cent."""
    rows = pd.read_csv(RESULTS / "benchmarks" / "peers.csv")
    assert len(rows) == 18
    assert (rows["params_difference"] == 0).all()
    assert (rows["macs_difference_percent"].abs() < 1).all()
