"""Differences between points are never printed without their uncertainty."""

import numpy as np
import pytest
from scipy import stats

from r3d_rs.study import claims


@pytest.mark.parametrize(
    ("before", "after"), [(None, [1.0]), ([1.0], None), (None, None)]
)
def test_a_step_with_a_missing_point_is_not_run(before, after):
    assert claims.ours(before, after) == "not run"


def test_single_seeds_have_no_interval():
    assert claims.ours([50.0], [60.0]) == "+10.0, no interval (1 and 1 seeds)"


def test_equal_variances_and_sizes_give_students_interval():
    before, after = np.array([50.0, 52.0, 54.0]), np.array([61.0, 63.0, 65.0])
    half = stats.t.ppf(0.975, 4) * np.sqrt(2 * 4.0 / 3)
    assert claims.ours([*before], [*after]) == (
        f"+11.0, {11 - half:+.1f} to {11 + half:+.1f} (3 and 3 seeds)"
    )
