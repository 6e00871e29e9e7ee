"""Gains against known answers, and how often their intervals are right."""

import sys
from pathlib import Path

import numpy as np
import pytest

from r3d_rs.evaluation import gains

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import intervals
from intervals import following


def drawn(generator, deviations, numbers, block=0.0, gain=0.0):
    """Return outcomes of made-up networks, see `intervals.Case`."""
    case = intervals.Case(deviations, numbers, block)
    return intervals.drawn(generator, case, gain)


def width(gain):
    return gain.high - gain.low


@pytest.mark.parametrize("case", intervals.CASES)
def test_an_interval_has_the_truth_in_it_as_often_as_it_says(case):
    """Of a single gain; a family's are wider."""
    inside = intervals.covered(intervals.CASES[case], repetitions=160)
    assert 0.925 <= np.mean(inside) <= 0.975


def test_a_family_errs_as_rarely_as_it_says():
    case = intervals.Case([0.015] * 6, [5] * 6, 0.02)
    assert np.mean(intervals.erred(case, repetitions=300)) <= 0.075


def test_an_interval_leaves_out_zero_where_the_probability_is_small():
    generator = np.random.default_rng(2)
    for gain in (0.0, 0.02, 0.04):
        networks = drawn(generator, [0.015] * 6, [5] * 6, 0.02, gain)
        for one in gains.estimate(networks, following(networks), [list(networks)]):
            assert (one.low > 0 or one.high < 0) == (one.p < 0.05)
            assert one.bound == max(abs(one.low), abs(one.high))


def test_without_adjustment_each_gain_is_as_if_alone():
    generator = np.random.default_rng(6)
    networks = drawn(generator, [0.015] * 4, [5] * 4, 0.02, 0.02)
    pairs, alike = following(networks), [list(networks)]
    alone = [gains.estimate(networks, [pair], alike)[0] for pair in pairs]
    assert gains.estimate(networks, pairs, alike, adjust=False) == alone
    adjusted = gains.estimate(networks, pairs, alike)
    raw = [one.p for one in alone]
    assert [one.p for one in adjusted] == gains.holm(raw)
    smallest = int(np.argmin(raw))
    assert adjusted[smallest].p == pytest.approx(3 * raw[smallest])
    assert adjusted[smallest].bound > alone[smallest].bound


def test_what_is_told_from_zero_stays_so_when_others_are_run():
    generator = np.random.default_rng(7)
    networks = drawn(generator, [0.015] * 6, [5] * 6, 0.02, 0.02)
    pairs = following(networks)
    for count in range(1, len(pairs)):
        known = {name for pair in pairs[:count] for name in pair}
        some = {n: own if n in known else {} for n, own in networks.items()}
        few, more = (gains.estimate(one, pairs) for one in (some, networks))
        assert few[count] is None
        for one, other in zip(few[:count], more, strict=False):
            assert other.p <= one.p and (one.p >= 0.05 or other.p < 0.05)


def test_holm_is_the_published_procedure():
    # 0.01·4, 0.02·3, then 0.03·2 and 0.04·1, which may not be less than before.
    assert gains.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx(
        [0.06, 0.04, 0.06, 0.06]
    )
    assert gains.holm([0.6, 0.7]) == [1.0, 1.0]
    assert gains.holm([]) == []


def test_what_a_seed_adds_to_all_networks_is_no_part_of_a_gain():
    generator = np.random.default_rng(3)
    quiet = drawn(generator, [0.01] * 4, [8] * 4)
    generator = np.random.default_rng(3)
    loud = drawn(generator, [0.01] * 4, [8] * 4, block=0.05)
    found = [
        gains.estimate(networks, [("n0", "n1")], [list(networks)])[0]
        for networks in (quiet, loud)
    ]
    assert width(found[1]) < 2 * width(found[0])


def test_networks_without_a_common_seed_differ_by_their_means():
    """Nothing tells what a seed adds: it is all in the spread."""
    generator = np.random.default_rng(7)
    one, other = (
        drawn(generator, [0.01], [3], block=0.05, gain=0)["n0"] for _ in range(2)
    )
    networks = {"one": one, "other": {seed + 3: own for seed, own in other.items()}}
    [found] = gains.estimate(networks, [("one", "other")], [list(networks)])
    means = [np.mean(list(own.values())) for own in networks.values()]
    assert found.mean == pytest.approx(means[1] - means[0])
    assert width(found) > 0.05


def test_networks_that_spread_otherwise_are_not_pooled():
    generator = np.random.default_rng(4)
    networks = drawn(generator, [0.002, 0.002, 0.06, 0.06], [8] * 4)
    pairs = [("n0", "n1"), ("n2", "n3")]
    own, other = gains.estimate(networks, pairs, [list(networks)])
    assert [own, other] == gains.estimate(networks, pairs)
    assert width(own) < width(other)
    alike = drawn(generator, [0.02] * 4, [8] * 4)
    [pooled], [alone] = (
        gains.estimate(alike, [("n0", "n1")], groups) for groups in ([list(alike)], [])
    )
    assert width(pooled) != width(alone)


def test_one_run_at_an_end_decides_nothing():
    generator = np.random.default_rng(5)
    networks = drawn(generator, [0.01] * 3, [8, 8, 1], gain=0.2)
    pairs = [*following(networks), ("n2", "n9")]
    first, second, third = gains.estimate(networks, pairs, [list(networks)])
    assert first.low > 0 and first.p < 0.001
    assert (second.low, second.p, second.bound) == (None, None, None)
    assert second.mean == pytest.approx(0.2, abs=0.08) and second.seeds == (8, 1)
    assert third is None
