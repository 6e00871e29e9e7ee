"""Intervals of accuracies, and how they are written."""

import pytest
from scipy import stats

from r3d_rs.evaluation.interval import described, wilson_interval


def test_wilson_interval_of_half():
    # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with p = 1/2, n = 100, z = 1.96
    assert wilson_interval(50, 100) == pytest.approx((0.40383, 0.59617), abs=1e-5)
    low, high = wilson_interval(0, 10)
    assert low == 0
    assert high == pytest.approx(1.959964**2 / (10 + 1.959964**2), abs=1e-5)


@pytest.mark.parametrize("correct", [0, 1, 17, 39, 40])
def test_wilson_interval_is_that_of_scipy(correct):
    expected = stats.binomtest(correct, 40).proportion_ci(method="wilson")
    assert wilson_interval(correct, 40) == pytest.approx((*expected,), abs=1e-12)


def test_a_number_reads_the_same_from_a_record_and_from_a_table():
    of_record, of_table = 100 * 0.0595, 5.95  # the first is a little less
    for mean in (of_record, of_table):
        assert described(mean, 4.99, 7.08, 1) == "6.0 (5.0 to 7.1, 1 seed)"
