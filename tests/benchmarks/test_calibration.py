"""What the runs for calibration are asked, on scores whose answers are known."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from r3d_rs.experiments import registry
from r3d_rs.experiments.record import Scores

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import calibration
import intervals

CALIBRATION = Path(__file__).parents[2] / "results" / "calibration"


def test_the_hardest_pair_is_that_which_is_confused_most():
    labels = np.repeat([0, 1, 2], 4)
    probabilities = np.eye(3)[labels] * 0.6 + 0.1
    # classes 1 and 2: one video in four has more for the other class
    probabilities[4], probabilities[8] = (0.0, 0.4, 0.6), (0.0, 0.6, 0.4)
    # a confusion with class 0 in one video of one class is less than that
    probabilities[0] = (0.3, 0.5, 0.2)
    ids = np.array([f"v{i}" for i in range(12)])
    found = calibration.hardest_pair(Scores(ids, labels, probabilities))
    assert found == (0.75, 1, 2)


def test_every_point_of_figure_2_grows_from_another():
    points = {
        name.partition("/")[2]
        for name in registry.all_experiments()
        if "scaling/" in name
    }
    assert set(calibration.FROM) == points - {"R3D-50"}


def test_the_published_growth_is_within_what_the_page_says():
    rows = pd.read_csv(CALIBRATION / "geometry.csv").set_index("model")
    assert set(rows["C5"]) == {"2×2"}
    assert rows.loc["RS-200@i256", "growth, paper"] == pytest.approx(
        256**2 / 224**2, 0.01
    )
    off = 100 * (rows["growth, ours"] / rows["growth, paper"] - 1)
    assert off.to_list() == pytest.approx(rows["off, %"].to_list(), abs=0.8)


def test_published_coverage_is_right_in_every_case():
    rows = pd.read_csv(CALIBRATION / "coverage.csv").set_index("networks")
    assert set(rows.index) == set(intervals.CASES)
    assert rows["with the truth, %"].between(92.5, 97.5).all()
