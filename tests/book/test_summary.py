"""The picture of gains, a row a statement."""

import dataclasses
import re
from pathlib import Path

import pytest
import summary

from r3d_rs.evaluation.gains import Gain
from r3d_rs.report import claims

STATEMENTS = claims.statements(Path(__file__).parents[2] / "results")


@pytest.mark.parametrize("primary", [True, False])
@pytest.mark.parametrize("seeds", [(1, 1), (8, 8)])
@pytest.mark.parametrize("mean", [-0.06, 0.09])
def test_every_statement_with_runs_can_be_drawn(primary, seeds, mean):
    ends = (mean - 0.01, mean + 0.01) if seeds == (8, 8) else (None, None)
    found = Gain(mean, *ends, None, seeds)
    statements = [
        dataclasses.replace(statement, primary=primary, found=found, missing=missing)
        for statement in STATEMENTS
        for missing in (0, 3)
    ]
    shown = summary.gains(statements).data
    assert shown.count("<circle") == len(statements)
    places = [float(at) for at in re.findall(r'c?x[12]?="([-0-9.]+)%"', shown)]
    assert min(places) >= 0 and max(places) <= 100
    assert shown.count('stroke-width="4"') == len(statements) * (seeds == (8, 8))


def test_the_verdict_stands_in_words_beside_its_color():
    statement = dataclasses.replace(
        STATEMENTS[0],
        primary=True,
        missing=0,
        found=Gain(0.02, 0.01, 0.03, 0.01, (8, 8)),
    )
    shown = summary.gains([statement]).data
    assert "ours +2.0 (+1.0 to +3.0, 8 seeds): reproduced" in shown
    assert summary.COLORS["reproduced"] in shown
