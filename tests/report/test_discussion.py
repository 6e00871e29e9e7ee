"""The discussion's words follow the intervals."""

import re
from pathlib import Path

import pytest

from r3d_rs.evaluation.paired import Difference
from r3d_rs.experiments import registry
from r3d_rs.report import claims, discussion
from tests.shared.made_up import write

COMMITTED = Path(__file__).parents[2] / "results"
DEPTH = "Depth helps, from 50 to 200 layers"


@pytest.fixture
def results(tmp_path):
    (tmp_path / "exact").symlink_to(COMMITTED / "exact")
    return tmp_path


def said(results, group="scaling"):
    """Return the paragraphs of a discussion by their headings."""
    text = discussion.of(results, claims.steps(results, group)).data
    parts = re.split(r"^\*\*(.+?)\.\*\*", text, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def step(mean, low, high, paper=1.0, p=0.01, seeds=(3, 3), seed_variance=0.0):
    """Return a step with a difference in points, on 1,000 videos that differ little."""
    shares = (x / 100 for x in (mean, low, high))
    found = Difference(*shares, p, seeds, 1000, seed_variance, 0.01)
    place = ("Something helps.", "a group", "§1", "pantomime-20", "a/b", "a/c")
    return claims.Step(
        *place, paper, 1 if paper is None or paper > 0 else -1, (), found, p=p
    )


def test_without_a_record_all_is_not_run_and_takes_an_unknown_time(results):
    parts = said(results)
    assert list(parts) == ["Not run", "What surprised", "On Kinetics"]
    assert (
        f"*{DEPTH}.* Without `scaling/RS-50` and `scaling/RS-200`." in parts["Not run"]
    )
    assert "an unknown time for one seed of each" in parts["Not run"]
    assert "Nothing has been run that could" in parts["What surprised"]
    assert "runs 0 have been made" in parts["On Kinetics"]


def test_the_words_change_with_the_records(results):
    write(results, "RS-50", [0.5, 0.5, 0.5])
    assert "Without `scaling/RS-200`." in said(results)["Not run"]
    write(results, "RS-200", [0.8, 0.8, 0.8])
    parts = said(results)
    assert f"*{DEPTH}.* Ours is +30.0 (" in parts["Held at this scale"]
    assert "3 seeds), the paper's +2.2." in parts["Held at this scale"]
    assert f"More than the paper's: {DEPTH}." in parts["What surprised"]
    write(results, "RS-200", [0.2, 0.2, 0.2])
    parts = said(results)
    assert DEPTH in parts["Did not hold at this scale"]
    assert f"Against the paper: {DEPTH}." in parts["What surprised"]
    write(results, "RS-200", [0.5, 0.55, 0.45])
    parts = said(results)
    assert "would take 64 seeds of each" in parts["Cannot be seen at this scale"]
    assert "Held at this scale" not in parts


def test_one_seed_is_not_taken_for_more(results):
    write(results, "RS-50", [0.5])
    write(results, "RS-200", [0.9])
    text = said(results)["Cannot be seen at this scale"]
    assert "another seed may differ by more" in text
    write(results, "RS-200", [0.9, 0.9])
    text = said(results)["Held at this scale"]
    assert "`scaling/RS-50` has one seed: it is taken to spread over seeds as" in text


def test_what_is_not_run_has_the_time_that_it_takes(results):
    write(results, "RS-50", [0.5])  # three seconds
    text = said(results, "self-supervision")["Not run"]
    assert "`contrastive/RS-270` on pantomime-20 about 0 minutes" in text


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (step(0, -1, 1, paper=None), "gives no size"),
        (
            step(0, -1, 1, seeds=(1, 1), seed_variance=None),
            "more seeds to say how many",
        ),
        (step(0, -1, 1), "would not need more seeds"),
        # (1.96 + 0.84) √(2 · 1e-4 / 74 + 0.01 / 1000) is 0.0100.
        (step(0, -1, 1, seed_variance=1e-4), "would take 74 seeds of each"),
        # (1.96 + 0.84) √(0.01 / 1000) is 0.0089, with 3,142 videos it is 0.0050.
        (step(0, -1, 1, paper=0.5), "too small for 1,000 test videos"),
        (step(0, -1, 1, paper=0.5), "3,142 would tell it with as many seeds"),
        (step(0, -1, 1, paper=0.5, seed_variance=1e-4), "it would take more of both"),
        (step(2, 1, 3, p=0.2), "it may be chance (p 0.2000)"),
    ],
)
def test_what_it_would_take_to_see_a_step(one, expected):
    assert expected in discussion._said(one)


def test_a_step_that_is_clear_has_no_reservation():
    assert discussion._said(step(2, 1, 3)) == (
        "Ours is +2.0 (+1.0 to +3.0, 3 seeds), the paper's +1.0."
    )


def test_a_loss_that_the_paper_has_too_is_no_surprise():
    steps = [step(-2, -3, -0.5, paper=-1.0), step(-0.2, -0.4, -0.1, paper=-1.0)]
    text = discussion._surprises(steps, lambda one: f"{one.found.mean:.3f}")
    assert text == "Less than it: -0.002."


def test_the_summary_has_every_statement_in_one_verdict(results):
    write(results, "RS-50", [0.5, 0.5])
    write(results, "RS-200", [0.8, 0.8])
    steps = claims.steps(results)
    text = discussion.summary(results, steps, claims.counts(results)).data
    numbers = re.findall(r"(\d+) of (\d+):\*\*", text)
    assert [int(of) for _, of in numbers] == [len(steps)] * 2
    assert sum(int(number) for number, _ in numbers) == len(steps)
    assert f"[{DEPTH}](scaling.html) +30.0" in text
    assert "3 of 6 statements hold exactly" in text


def test_a_pre_training_that_several_runs_start_from_is_counted_once(results):
    runs = {
        ("fine-tuning/RS-200@f48", dataset): registry.get("fine-tuning/RS-200@f48")
        for dataset in ("kinetics-400", "kinetics-600")
    }
    found = discussion._with_parents(results, runs)
    assert set(found) == {*runs, ("pre-training/RS-200@f48", "web-video-text")}
