"""The verdicts that the book's paragraphs are written for.

A paragraph is written by hand, with the numbers glued in. When a verdict changes, this
fails: write the discussion in the chapter again, and then this table.
"""

from pathlib import Path

import pandas as pd
import pytest

from r3d_rs import paper
from r3d_rs.operations import study
from r3d_rs.report import claims, real_videos

RESULTS = Path(__file__).parents[2] / "results"

HELD, LOST = claims.REPRODUCED, claims.NOT_REPRODUCED
UNSURE, OPEN, NONE = claims.INCONCLUSIVE, claims.OPEN, "not run"

#: Verdict of each primary statement: experiment before and after, and dataset if not
#: the first.
WRITTEN = {
    ("scaling/R3D-50", "scaling/RS-50"): UNSURE,
    ("ablation/baseline", "ablation/LS"): UNSURE,
    ("ablation/LS", "ablation/SD"): HELD,
    ("ablation/SD", "ablation/WD"): UNSURE,
    ("ablation/WD", "ablation/350-EP"): UNSURE,
    ("ablation/350-EP", "ablation/SJ"): UNSURE,
    ("ablation/SJ", "ablation/SE"): UNSURE,
    ("ablation/SE", "ablation/D-stem"): UNSURE,
    ("scaling/RS-50", "scaling/RS-200"): UNSURE,
    ("scaling/RS-200", "scaling/RS-200@f48"): UNSURE,
    ("scaling/RS-50", "ablation/RA"): HELD,
    ("scaling/RS-200@f48", "fine-tuning/RS-200@f48"): OPEN,
    ("contrastive/R3D-50", "contrastive/RS-270"): NONE,
}


def other(dataset):
    return () if dataset == "pantomime-20" else (dataset,)


@pytest.fixture(scope="module")
def primary():
    return [statement for statement in claims.statements(RESULTS) if statement.primary]


def test_the_verdicts_are_those_that_the_book_discusses(primary):
    found = {
        (statement.pair.before, statement.pair.after, *other(statement.pair.dataset)): (
            statement.verdict.partition(":")[0]
        )
        for statement in primary
    }
    assert found == WRITTEN


def test_the_gains_of_table_2_are_as_their_chapter_says(primary):
    own = [statement for statement in primary if statement.group == "ablation"]
    above = {statement.pair.after for statement in own if statement.found.mean > 0}
    assert above == {"ablation/SD", "ablation/350-EP", "ablation/SJ"}
    undecided = [
        statement.bound for statement in own if statement.verdict.startswith(UNSURE)
    ]
    assert min(undecided) > paper.table(2)["delta"].max()


def test_r3d_rs_gains_less_than_in_the_paper_as_two_pages_say(primary):
    statement, *_ = primary
    assert statement.pair.after == "scaling/RS-50"
    assert 100 * statement.found.high < statement.paper


def test_every_primary_statement_of_the_plan_is_discussed():
    primary = study.read().primary
    assert {(*ends, *other(dataset)) for dataset, *ends in primary} == set(WRITTEN)


def test_the_counted_statements_are_those_that_the_front_page_names():
    counts = claims.counts(RESULTS).set_index("claim")["verdict"]
    assert counts[counts != claims.EXACT].index.to_list() == [
        "Self-gating is in each block.",
        "Tables 3 and 4 agree on the FLOPs of R3D-RS-200.",
    ]
    assert set(counts) == {claims.EXACT, claims.DIFFERS}
    [on_par] = [name for name in counts.index if "on par" in name]
    assert counts[on_par] == claims.EXACT


def test_the_real_videos_gain_as_their_chapter_says():
    gains = real_videos.gains(RESULTS)
    assert gains["verdict"].to_list() == ["inconclusive", "inconclusive"]
    assert gains["sessions that gain"].to_list() == ["14 of 16", "16 of 16"]
    for text in gains["each division"]:
        values = [float(value) for value in text.split(", ")]
        assert len(values) == 3 and min(values) > 0


def test_the_real_videos_are_about_motion_as_their_chapter_says():
    table = real_videos.probes(RESULTS).astype(float)
    chance = pd.read_csv(RESULTS / "tables" / "real-videos.csv")["chance"].max()
    assert (table.loc[real_videos.PROBES["clips"]] > 4 * chance).all()
    lost = (
        1
        - table.loc[real_videos.PROBES["shuffled"]]
        / (table.loc[real_videos.PROBES["clips"]])
    )
    assert ((lost > 0.4) & (lost < 0.8)).all()
    single = table.loc[real_videos.PROBES["trained_on_single_frames"]]
    assert (abs(single - chance) < 3).all()
    assert (table.loc[real_videos.PROBES["reversed"]] < chance).all()
