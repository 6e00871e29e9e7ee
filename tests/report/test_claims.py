"""Gains have their uncertainty, and verdicts follow the interval that is adjusted."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from r3d_rs import paper
from r3d_rs.experiments import registry
from r3d_rs.operations import study
from r3d_rs.report import claims, comparison
from r3d_rs.report.comparison import Pair
from tests.shared.blocks import effects
from tests.shared.made_up import let_plan, write

DEPTH = ("pantomime-20", "scaling/RS-50", "scaling/RS-200")
METHODS = ("pantomime-20", "scaling/R3D-50", "scaling/RS-50")
DEEPER = ("pantomime-20", "scaling/RS-200", "scaling/RS-270")

#: Accuracies of three seeds, around a half.
HALF = [0.475, 0.5, 0.525]


def gain(results, ends, top=1):
    [found] = comparison.gains(results, [Pair(*ends, top)])
    return found


def statement(results, ends, top=1):
    """Return the statement from one experiment to another."""
    [found] = [s for s in claims.statements(results) if s.pair == Pair(*ends, top)]
    return found


# Gains.


def test_a_gain_with_a_missing_point_is_not_run(tmp_path):
    write(tmp_path, "RS-50", HALF)
    assert gain(tmp_path, DEPTH) is gain(tmp_path, METHODS) is None
    assert comparison.between(tmp_path, *DEPTH) == "not run"


def test_a_gain_is_over_all_seeds_of_both(tmp_path, monkeypatch):
    """Where one has more seeds, networks that are alike tell what a seed adds."""
    top1 = {
        "scaling/RS-50": [0.5, 0.6, 0.675],
        "scaling/RS-200": [0.6, 0.7],
        "scaling/RS-101": [0.4, 0.55, 0.6],
    }
    for name, accuracies in top1.items():
        write(tmp_path, name.partition("/")[2], accuracies)
    let_plan(monkeypatch, alike=[tuple(top1)])
    fitted = effects({name: dict(enumerate(own)) for name, own in top1.items()})
    found = gain(tmp_path, DEPTH)
    assert found.seeds == (3, 2)
    expected = fitted["scaling/RS-200"] - fitted["scaling/RS-50"]
    assert found.mean == pytest.approx(expected)
    assert expected > 0.08  # the means alone differ by 0.058
    # Seeds that both have need no other network.
    same = gain(tmp_path, (*DEPTH[:2], "scaling/RS-101"))
    assert same.mean == pytest.approx((1.55 - 1.775) / 3)
    text = comparison.between(tmp_path, *DEPTH)
    assert text.startswith(f"{100 * expected:+.1f} (")
    assert text.endswith(", 3 and 2 seeds)")


def test_two_names_of_one_network_are_counted_once(tmp_path, monkeypatch):
    """The last row of Table 2 at depth 50 is R3D-RS-50."""
    stem = ("pantomime-20", "ablation/SE", "ablation/D-stem")
    let_plan(monkeypatch, alike=(("scaling/RS-50", "ablation/D-stem", "ablation/SE"),))
    write(tmp_path, "SE", HALF, "ablation")
    write(tmp_path, "RS-50", [0.6, 0.65, 0.6])
    alone = gain(tmp_path, stem)
    assert alone.seeds == (3, 3)
    write(tmp_path, "D-stem", [0.6, 0.65, 0.6], "ablation")
    assert gain(tmp_path, stem) == alone
    write(tmp_path, "D-stem", [0.6, 0.65, 0.6, 0.7], "ablation")
    assert gain(tmp_path, stem).seeds == (3, 4)


def test_the_runs_under_both_names_are_the_same():
    results = Path(__file__).parents[2] / "results"
    for twin, name in registry.TWINS.items():
        one, other = (
            {
                run["experiment"]["seed"]: run
                for run in registry.records(results, "pantomime-20", own)
            }
            for own in (twin, name)
        )
        for seed in one.keys() & other.keys():
            if one[seed]["device"] == other[seed]["device"]:
                assert one[seed]["scores_sha256"] == other[seed]["scores_sha256"]


def test_top_2_is_right_where_the_second_class_is(tmp_path, monkeypatch):
    """A half of the videos is right, then three quarters; the next class is the first.

    So 4 of 20, then 2 of 10 are right by their second class.
    """
    let_plan(monkeypatch)
    write(tmp_path, "RS-50", [0.5, 0.5])
    write(tmp_path, "RS-200", [0.75, 0.75])
    assert gain(tmp_path, DEPTH).mean == pytest.approx(10 / 40)
    assert gain(tmp_path, DEPTH, top=2).mean == pytest.approx((32 - 24) / 40)
    assert gain(tmp_path, DEPTH, top=5).mean == 0


def test_other_videos_are_refused(tmp_path):
    write(tmp_path, "RS-50", [0.5])
    write(tmp_path, "RS-200", [0.5], ids=[f"clip-{i}" for i in range(40)])
    with pytest.raises(ValueError, match="RS-200 was evaluated on other videos than"):
        gain(tmp_path, DEPTH)


def test_a_statement_is_open_until_the_planned_runs_are_there(tmp_path, monkeypatch):
    names = ("scaling/RS-50", "scaling/RS-200")
    let_plan(monkeypatch, [("pantomime-20", names, 3)], primary=(DEPTH,))
    write(tmp_path, "RS-50", HALF)
    assert statement(tmp_path, DEPTH).verdict == "not run"
    write(tmp_path, "RS-200", [0.8, 0.825])
    assert statement(tmp_path, DEPTH).verdict == "open: 1 planned run to go"
    # Where the study has ended, it is decided from those that are there.
    ended = {"day": "2026-12-01", "why": "the budget is spent"}
    (tmp_path / "ended.json").write_text(json.dumps(ended))
    assert study.ended(tmp_path) == ended
    assert not statement(tmp_path, DEPTH).verdict.startswith("open")
    (tmp_path / "ended.json").unlink()
    write(tmp_path, "RS-200", [0.85], first_seed=2)
    assert statement(tmp_path, DEPTH).verdict == "reproduced"


# The paper's numbers.


def published(claim, name, dataset):
    """Return the paper's accuracy of an end of a statement, None where it has none."""
    if claim.get("top") == 5:
        rows = paper.table(3).set_index("point")["top5"]
        return rows[name.partition("/")[2]]
    if claim["group"] == "pre-training" and name.startswith("scaling/"):
        # §4.5 compares with the best from scratch, of Table 3 or Table 4.
        rows = paper.table(3 if dataset == "kinetics-400" else 4)
        return rows.loc[~rows["quoted"].astype(bool), "top1"].max()
    return registry.get(name).paper.get(dataset)


def test_the_statements_have_the_papers_numbers():
    for claim in paper.claims()["statement"]:
        second = claim.get("dataset") == "pantomime-30"
        dataset = "kinetics-600" if second else "kinetics-400"
        ends = [published(claim, claim[end], dataset) for end in ("before", "after")]
        if "paper" in claim:
            assert claim["paper"] == pytest.approx(ends[1] - ends[0]), claim["text"]
            assert "sign" not in claim
        else:
            assert None in ends and claim["sign"] in (1, -1), claim["text"]


def test_a_primary_statement_is_one_of_top_1_between_experiments_that_exist():
    listed = [
        (c.get("dataset", "pantomime-20"), c["before"], c["after"])
        for c in paper.claims()["statement"]
        if c.get("top", 1) == 1
    ]
    primary = study.read().primary
    assert len(set(primary)) == len(primary) > 0
    for dataset, *names in primary:
        assert listed.count((dataset, *names)) == 1, names
        assert all(dataset in registry.get(name).datasets for name in names)


# Verdicts.


def test_a_verdict_follows_the_interval(tmp_path, monkeypatch):
    let_plan(monkeypatch, primary=(DEPTH, DEEPER))
    assert (
        statement(tmp_path, DEPTH).verdict
        == statement(tmp_path, DEPTH).ours
        == "not run"
    )
    write(tmp_path, "RS-50", HALF)
    for accuracies, verdict in (
        ([0.85, 0.9, 0.875], "reproduced"),
        ([0.1, 0.125, 0.15], "not reproduced"),
    ):
        write(tmp_path, "RS-200", accuracies)
        assert statement(tmp_path, DEPTH).verdict == verdict
    # A statement that something hurts is reproduced by a loss.
    write(tmp_path, "RS-200", HALF)
    write(tmp_path, "RS-270", [0.1, 0.125, 0.15])
    hurts = statement(tmp_path, DEEPER)
    assert (hurts.verdict, hurts.sign, hurts.said) == ("reproduced", -1, "-0.5")
    write(tmp_path, "RS-270", [0.85, 0.9, 0.875])
    assert statement(tmp_path, DEEPER).verdict == "not reproduced"
    both = dataclasses.replace(hurts.found, low=-0.02, high=0.01)
    assert dataclasses.replace(hurts, found=both).verdict == (
        "inconclusive: smaller than 2.0 points either way"
    )


def test_an_inconclusive_verdict_says_what_the_gain_is_smaller_than(
    tmp_path, monkeypatch
):
    let_plan(monkeypatch, primary=(DEPTH,))
    write(tmp_path, "RS-50", HALF)
    write(tmp_path, "RS-200", [0.55, 0.5, 0.525])
    found = statement(tmp_path, DEPTH)
    low, high = 100 * found.found.low, 100 * found.found.high
    assert low < 0 < high and -low < high
    rounded_up = math.ceil(10 * high) / 10
    assert found.verdict == (
        f"inconclusive: smaller than {rounded_up:.1f} points either way"
    )
    assert 0 < rounded_up - high < 0.1
    # To the nearest tenth it would not be smaller.
    bound = dataclasses.replace(found.found, low=-0.0101, high=0.0301)
    assert dataclasses.replace(found, found=bound).verdict.startswith(
        "inconclusive: smaller than 3.1 points"
    )


def test_the_interval_that_decides_is_adjusted(tmp_path, monkeypatch):
    """A gain that would do alone may not among as many as were looked at."""
    write(tmp_path, "R3D-50", HALF)
    write(tmp_path, "RS-50", [0.5, 0.475, 0.525])
    write(tmp_path, "RS-200", [0.6, 0.6, 0.6])
    let_plan(monkeypatch, primary=(DEPTH,))
    alone = statement(tmp_path, DEPTH)
    assert alone.verdict == "reproduced" and 0.025 < alone.found.p < 0.05
    let_plan(monkeypatch, primary=(DEPTH, METHODS, DEEPER))
    both = statement(tmp_path, DEPTH)
    # Of three; the one that was not run counts, too.
    assert both.found.p == pytest.approx(3 * alone.found.p)
    assert both.found.mean == alone.found.mean
    assert both.verdict.startswith("inconclusive: smaller than")


def test_other_statements_are_exploratory_and_change_no_verdict(tmp_path, monkeypatch):
    let_plan(monkeypatch, primary=(DEPTH,))
    write(tmp_path, "RS-50", HALF)
    write(tmp_path, "RS-200", [0.65, 0.6, 0.65])
    before = statement(tmp_path, DEPTH).found
    write(tmp_path, "RS-270", HALF)
    write(tmp_path, "R3D-50", HALF)
    assert statement(tmp_path, DEPTH).found == before
    for ends in (DEEPER, METHODS):
        found = statement(tmp_path, ends)
        assert found.verdict == "exploratory"
        assert found.found == gain(tmp_path, ends)  # as if it were the only one
    assert statement(tmp_path, DEPTH, top=5).verdict == "exploratory"


def test_one_run_at_an_end_decides_nothing(tmp_path, monkeypatch):
    let_plan(monkeypatch, primary=(DEPTH,))
    write(tmp_path, "RS-50", HALF)
    write(tmp_path, "RS-200", [0.9])
    table = claims.table(claims.statements(tmp_path, "scaling")).set_index("claim")
    row = table.loc["Depth helps, from 50 to 200 layers."]
    assert (row["ours"], row["seeds"]) == ("+40.0", "3 and 1")
    assert row["95 % interval"] == "-"
    assert row["verdict"] == "inconclusive: one run at an end"
    assert (row["paper"], row["p"]) == ("+2.2", "-")


# Counts.


@pytest.fixture(scope="module")
def counts():
    return claims.counts(Path(__file__).parents[2] / "results").set_index("claim")


def test_self_gating_in_each_block_takes_62_7_million_parameters(counts):
    found = counts.loc["Self-gating is in each block.", "found"]
    assert "62.7 million" in found


def test_r3d_rs_is_two_tenths_below_the_best_on_kinetics_400(counts):
    [row] = [row for name, row in counts.iterrows() if "on par" in name]
    assert row["found"] == (
        "81.0 against 81.2 in Table 3; 83.8 against 83.8 in Table 4"
    )
