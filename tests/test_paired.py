"""Paired differences against cases whose answer is known."""

import numpy as np
import pytest
from scipy import stats

from r3d_rs.evaluation import paired


def outcomes(accuracies, videos=400, seed=0):
    """Draw outcomes `(seed, video)`, one accuracy a seed."""
    random = np.random.default_rng(seed)
    return random.random((len(accuracies), videos)) < np.array(accuracies)[:, None]


def test_the_mean_is_the_difference_of_the_accuracies():
    before, after = outcomes([0.5, 0.6, 0.55]), outcomes([0.7, 0.8, 0.6], seed=1)
    found = paired.difference(before, after)
    assert found.mean == pytest.approx(after.mean() - before.mean())
    assert found.low < found.mean < found.high
    assert (found.seeds, found.videos) == (3, 400)


def test_equal_outcomes_differ_by_nothing():
    same = outcomes([0.5, 0.6])
    found = paired.difference(same, same)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_one_seed_has_the_interval_of_paired_videos():
    before, after = outcomes([0.6]), outcomes([0.7], seed=1)
    found = paired.difference(before, after)
    d = after[0].astype(float) - before[0]
    half = 1.96 * d.std(ddof=1) / np.sqrt(400)
    assert found.low == pytest.approx(d.mean() - half, abs=0.005)
    assert found.high == pytest.approx(d.mean() + half, abs=0.005)
    z = d.mean() / (half / 1.96)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)), abs=0.005)


def test_videos_that_all_seeds_share_do_not_become_more_with_seeds():
    one = outcomes([0.6]), outcomes([0.7], seed=1)
    many = [np.repeat(array, 8, 0) for array in one]
    single, eight = paired.difference(*one), paired.difference(*many)
    assert eight.high - eight.low == pytest.approx(single.high - single.low, rel=0.05)
    assert eight.seed_variance == 0


def test_the_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        gains = random.normal(0.1, 0.05, 8)  # of the seeds, 0.1 in truth
        before = outcomes(np.full(8, 0.5), 300, 2 * trial)
        after = outcomes(0.5 + gains, 300, 2 * trial + 1)
        found = paired.difference(before, after, resamples=400)
        covered += found.low <= 0.1 <= found.high
    # Eight seeds are few for a bootstrap, which is too narrow by some.
    assert 0.85 < covered / 200 <= 0.99


def test_seeds_and_videos_that_would_settle_a_difference():
    found = paired.Difference(0, 0, 0, 1, 4, 1000, 0.02**2, 0.3)
    # (0.05 / 1.96)² = 0.0006508; the videos take 0.0003, the seeds 0.0004 each.
    assert found.seeds_needed(0.05) == 2
    assert found.seeds_needed(0.03) is None
    # The seeds take 0.0001, the videos 0.3 each.
    assert found.videos_needed(0.05) == 545
    assert found.videos_needed(0.015) is None


def test_holm_is_the_published_procedure():
    # 0.01·4, 0.02·3, then 0.03·2 and 0.04·1, which may not be less than before.
    assert paired.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx(
        [0.06, 0.04, 0.06, 0.06]
    )
    assert paired.holm([0.6, 0.7]) == [1.0, 1.0]
    assert paired.holm([]) == []


def test_outcomes_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(1, 3\) and \(1, 4\); expected are two"):
        paired.difference(np.zeros((1, 3)), np.zeros((1, 4)))
