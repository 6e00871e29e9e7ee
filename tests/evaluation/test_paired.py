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
    before, after = outcomes([0.5, 0.6, 0.55]), outcomes([0.7, 0.8], seed=1)
    found = paired.difference(before, after)
    assert found.mean == pytest.approx(after.mean() - before.mean())
    assert found.low < found.mean < found.high
    assert (found.seeds, found.videos) == ((3, 2), 400)


def test_equal_outcomes_differ_by_nothing():
    same = np.repeat(outcomes([0.5]), 2, 0)
    found = paired.difference(same, same)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_one_seed_each_has_the_interval_of_paired_videos():
    before, after = outcomes([0.6]), outcomes([0.7], seed=1)
    found = paired.difference(before, after)
    test = stats.ttest_rel(after[0].astype(float), before[0].astype(float))
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()))
    assert found.p == pytest.approx(test.pvalue)
    assert found.seed_variance is None and found.seeds_needed(0.5) is None


def test_seeds_alone_have_the_interval_of_student():
    # Each seed has all or none of a few videos' copies: videos do not differ.
    shares = ([0.25, 0.5, 0.75], [0.75, 1.0])
    before, after = (
        np.array([np.tile([share], 2000) for share in group]) for group in shares
    )
    found = paired.difference(before, after)
    test = stats.ttest_ind(*shares[::-1])
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()))
    assert found.p == pytest.approx(test.pvalue)
    assert found.seed_variance == pytest.approx((0.125 + 0.03125) / 3)


def test_a_single_seed_is_taken_to_spread_as_the_other_networks_do():
    many, one = outcomes([0.5, 0.6, 0.7], 2000), outcomes([0.9], 2000, seed=1)
    found = paired.difference(many, one)
    assert found.seed_variance == pytest.approx(many.mean(1).var(ddof=1))
    assert found.low < 0.3 - 0.4 and found.p > 0.05  # Student's, of two degrees


def test_videos_that_all_seeds_share_do_not_become_more_with_seeds():
    one = outcomes([0.6]), outcomes([0.7], seed=1)
    many = [np.repeat(array, 8, 0) for array in one]
    single, eight = paired.difference(*one), paired.difference(*many)
    assert eight.high - eight.low == pytest.approx(single.high - single.low)
    assert eight.seed_variance == 0


@pytest.mark.parametrize("seeds", [(3, 3), (5, 1), (2, 4)])
@pytest.mark.parametrize("spread", [0.0, 0.03, 0.2])
def test_the_interval_covers_the_truth_as_often_as_it_says(seeds, spread):
    random = np.random.default_rng(0)

    def network(easy, number):
        own = random.normal(0, spread, (number, 1))
        return easy + own + random.normal(0, 0.6, (number, len(easy))) > 0

    covered, trials = 0, 1000
    for _ in range(trials):
        easy = random.normal(1.2, 1, 300)
        found = paired.difference(*(network(easy, number) for number in seeds))
        covered += found.low <= 0 <= found.high
        assert (found.p >= 0.05) == (found.low <= 0 <= found.high)
    # 95 % with three standard errors of a share of 1,000 on either side.
    assert 0.929 < covered / trials < 0.971


def detectable(seed_variance, video_variance, seeds, videos):
    """Return what is found in four of five repetitions, by the formula of paired.py."""
    parts = (seed_variance * sum(1 / n for n in seeds), video_variance / videos)
    degrees = sum(parts) ** 2 / (
        parts[0] ** 2 / (sum(seeds) - 2) + parts[1] ** 2 / (videos - 1)
    )
    return stats.t.ppf([[0.975], [0.8]], degrees).sum(0) * sum(parts) ** 0.5


def test_seeds_and_videos_that_would_settle_a_difference():
    found = paired.Difference(0, 0, 0, 1, (4, 4), 1000, 0.02**2, 0.3)

    def told(seeds, videos):
        return detectable(0.02**2, 0.3, (seeds, seeds), videos)

    needed = found.seeds_needed(0.06)
    assert told(needed, 1000) <= 0.06 < told(needed - 1, 1000)
    assert found.seeds_needed(0.04) is None  # videos alone take 0.049
    needed = found.videos_needed(0.06)
    assert told(4, needed) <= 0.06 < told(4, needed - 1)
    assert found.videos_needed(0.03) is None  # seeds alone take 0.040 and more


@pytest.mark.parametrize(("size", "each", "pairs"), [(0.5, 64, 34), (0.8, 26, 15)])
def test_seeds_and_videos_needed_are_those_of_cohens_tables(size, each, pairs):
    # Power 80 %, 5 % on two sides; sizes in standard deviations (Cohen, 1988). Where
    # only seeds vary it is a test of two samples, where only videos do, one of pairs.
    seeds = paired.Difference(0, 0, 0, 1, (3, 3), 1000, 1.0, 0.0)
    assert seeds.seeds_needed(size) == each
    videos = paired.Difference(0, 0, 0, 1, (3, 3), 1000, 0.0, 1.0)
    assert videos.videos_needed(size) == pairs


@pytest.mark.parametrize("seeds", [(1, 2), (3, 3)])
def test_more_videos_can_tell_less_and_the_fewest_that_are_enough_are_found(seeds):
    found = paired.Difference(0, 0, 0, 1, seeds, 1000, 2e-5, 0.3)
    numbers = np.arange(2, 500_000)
    sizes = detectable(2e-5, 0.3, seeds, numbers)
    assert sizes.min() < sizes[-1]  # the seeds' few degrees of freedom are left
    for more in (1.0001, 1.01, 1.2):
        size = more * sizes.min()
        assert found.videos_needed(size) == numbers[sizes <= size][0]
    assert found.videos_needed(0.999 * sizes.min()) is None


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
