"""The verdicts that the book's paragraphs are written for.

A paragraph is written by hand, with the numbers glued in. When a verdict changes, this
fails: write the discussion in the chapter again, and then this table.
"""

from pathlib import Path

from r3d_rs.report import claims

RESULTS = Path(__file__).parents[2] / "results"

HELD, LOST, OPEN = "supported", "contradicted", "undecided"

#: Verdict by chapter, experiment before and after, and dataset if not the first.
WRITTEN = {
    ("scaling", "R3D-50", "RS-50"): HELD,
    ("scaling", "RS-50", "RS-200"): OPEN,
    ("scaling", "RS-200", "RS-270"): OPEN,
    ("scaling", "RS-200", "RS-300"): OPEN,
    ("scaling", "RS-200", "RS-200@f48"): HELD,
    ("scaling", "RS-200", "RS-200@f48", "pantomime-30"): OPEN,
    ("scaling", "RS-200", "RS-200@i256"): OPEN,
    ("scaling", "RS-200", "RS-200@i288"): LOST,
    ("ablation", "baseline", "LS"): OPEN,
    ("ablation", "LS", "SD"): OPEN,
    ("ablation", "SD", "WD"): OPEN,
    ("ablation", "WD", "350-EP"): HELD,
    ("ablation", "350-EP", "SJ"): OPEN,
    ("ablation", "SJ", "SE"): OPEN,
    ("ablation", "SE", "D-stem"): OPEN,
    ("ablation", "RS-200@f48", "RA"): OPEN,
    ("pre-training", "RS-200@f48", "RS-200@f48"): LOST,
    ("pre-training", "RS-200@f48", "RS-200@f48", "pantomime-30"): OPEN,
    ("pre-training", "RS-50", "RS-50"): LOST,
    ("pre-training", "RS-50", "RS-50", "pantomime-30"): LOST,
    ("self-supervision", "RS-50", "RS-101"): OPEN,
    ("self-supervision", "RS-50", "RS-270"): OPEN,
    ("self-supervision", "R3D-50", "RS-270"): HELD,
}


def test_the_verdicts_are_those_that_the_book_discusses():
    found = {}
    for step in claims.steps(RESULTS):
        ends = (name.partition("/")[2] for name in (step.before, step.after))
        other = () if step.dataset == "pantomime-20" else (step.dataset,)
        found[step.group, *ends, *other] = step.verdict.partition(" ")[0]
    assert found == WRITTEN


def test_the_counted_statements_are_those_that_the_front_page_names():
    counts = claims.counts(RESULTS).set_index("claim")["verdict"]
    assert counts[counts != claims.EXACT].index.to_list() == [
        "Self-gating is in each block.",
        "Tables 3 and 4 agree on the FLOPs of R3D-RS-200.",
    ]
    assert set(counts) == {claims.EXACT, claims.DIFFERS}
