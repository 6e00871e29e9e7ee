"""Differences between points are never printed without their uncertainty."""

from pathlib import Path

import pytest

from r3d_rs import paper
from r3d_rs.experiments import registry
from r3d_rs.report import claims, comparison
from tests.shared.made_up import write


def test_a_step_with_a_missing_point_is_not_run(tmp_path):
    runs = write(tmp_path, "RS-50", [0.5])
    assert comparison.described(tmp_path, [], runs) == "not run"
    assert comparison.described(tmp_path, runs, []) == "not run"


def test_a_difference_is_over_all_seeds_of_both(tmp_path):
    before = write(tmp_path, "RS-50", [0.5, 0.55, 0.9])
    after = write(tmp_path, "RS-101", [0.75, 0.7])
    found = comparison.difference(tmp_path, before, after)
    assert (found.seeds, found.videos) == ((3, 2), 40)
    assert found.mean == pytest.approx(0.725 - 0.65)
    text = comparison.described(tmp_path, before, after)
    assert text.startswith("+7.5 (-") and text.endswith(", 3 and 2 seeds)")


def test_other_videos_are_refused(tmp_path):
    before = write(tmp_path, "RS-50", [0.5])
    after = write(tmp_path, "RS-101", [0.5], ids=[f"clip-{i}" for i in range(40)])
    with pytest.raises(ValueError, match="was evaluated on other videos than"):
        comparison.difference(tmp_path, before, after)


def test_the_steps_have_the_papers_numbers():
    found = registry.everything()
    for claim in paper.claims()["step"]:
        before, after = found[claim["before"]], found[claim["after"]]
        dataset = "kinetics-600" if "second" in claim["text"] else "kinetics-400"
        if claim["group"] == "pre-training":  # of another network (Table 5)
            tuned = found["fine-tuning/RS-200@f48"].paper[dataset]
            expected = tuned - (81.0 if dataset == "kinetics-400" else 83.8)
        elif claim["before"] == "contrastive/R3D-50":  # which Table 6 has not
            expected = 67.5 - 66.1
        elif "paper" in claim:
            expected = after.paper[dataset] - before.paper[dataset]
        else:
            assert claim["sign"] == -1
            continue
        assert claim["paper"] == pytest.approx(expected, abs=0.051), claim["text"]


def verdicts(results):
    table = claims.table(claims.steps(results, "scaling")).set_index("claim")
    return table.loc["Depth helps, from 50 to 200 layers."]


def test_a_verdict_follows_the_interval(tmp_path):
    assert verdicts(tmp_path)["verdict"] == verdicts(tmp_path)["ours"] == "not run"
    write(tmp_path, "RS-50", [0.5, 0.5, 0.5])
    write(tmp_path, "RS-200", [0.8, 0.8, 0.8])
    assert verdicts(tmp_path)["verdict"] == "supported at small scale"
    write(tmp_path, "RS-200", [0.2, 0.2, 0.2])
    assert verdicts(tmp_path)["verdict"] == "contradicted at small scale"
    # Forty videos cannot tell 2.2 points from none, with however many seeds.
    assert verdicts(tmp_path)["seeds needed"] == "too few videos"
    write(tmp_path, "RS-200", [0.5, 0.55, 0.45])
    assert verdicts(tmp_path)["verdict"] == "undecided"
    # A statement that something hurts is supported by a loss.
    write(tmp_path, "RS-200", [0.8, 0.8, 0.8])
    write(tmp_path, "RS-270", [0.5, 0.5, 0.5])
    table = claims.table(claims.steps(tmp_path, "scaling")).set_index("claim")
    hurts = table.loc["More depth hurts, from 200 to 270 layers."]
    assert hurts["verdict"] == "supported at small scale"
    assert table.loc["More frames help, from 32 to 48.", "p"] == "-"


def test_p_is_adjusted_for_the_steps_that_were_run(tmp_path):
    write(tmp_path, "RS-50", [0.5, 0.5])
    write(tmp_path, "RS-200", [0.6, 0.6])
    alone = float(verdicts(tmp_path)["p"])
    write(tmp_path, "R3D-50", [0.5])  # one more step, from it to RS-50
    assert float(verdicts(tmp_path)["p"]) == pytest.approx(2 * alone, abs=1e-4)


def test_one_seed_each_decides_nothing(tmp_path):
    write(tmp_path, "RS-50", [0.2])
    write(tmp_path, "RS-200", [0.9])
    row = verdicts(tmp_path)
    assert (row["verdict"], row["p"], row["seeds needed"]) == ("undecided", "-", "-")
    write(tmp_path, "RS-50", [0.2, 0.2])
    assert verdicts(tmp_path)["verdict"] == "supported at small scale"


def test_self_gating_in_each_block_takes_62_7_million_parameters():
    table = claims.counts(Path(__file__).parents[2] / "results").set_index("claim")
    assert "62.7 million" in table.loc["Self-gating is in each block.", "found"]
