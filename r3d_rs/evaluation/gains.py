"""Gains: how much better one network is than another, over seeds and videos.

All networks are evaluated on the same videos with the same views. Runs with equal seeds
start kernels of equal shape from equal values, and train on videos in the same order.
So seeds are blocks: a seed's common effect on all networks is no part of a gain. If
seeds have no common effect, the model stays valid and loses a few degrees of freedom.

Accuracy is modelled as `network + seed + residual`. The residual variance is pooled
over the networks of a group. If Levene's test at 20 % finds that their spreads differ,
a gain uses the variance of its own two networks. The variance over videos is added,
with Satterthwaite's degrees of freedom. A gain with only one run at either end has no
interval.

The gains that are compared together form a family. Holm's method adjusts their
intervals for their number: an adjusted 95 % interval excludes zero exactly when the
adjusted probability is below 5 %. A gain that has no interval yet counts as not
significant. So a significant gain stays significant when further networks are run.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

#: Whether each video was classified correctly, by seed.
Outcomes = Mapping[int, np.ndarray]
#: A network's name.
Name = Hashable

#: Significance levels: for a family of gains, and for the test of equal spreads.
LEVEL, SPREADS = 0.05, 0.2


@dataclass(frozen=True)
class Gain:
    """A difference of two accuracies, as a share from -1 to 1.

    Args:
        mean: mean over seeds and videos.
        low: lower end of the adjusted 95 % interval; None without two runs at each end.
        high: upper end.
        p: adjusted two-sided probability of so large a gain if there were none.
        seeds: numbers of seeds of the first and the second network.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    seeds: tuple[int, int]

    @property
    def bound(self) -> float | None:
        """Largest size of a gain, in either direction, within the interval."""
        return None if self.low is None else max(abs(self.low), abs(self.high))


@dataclass(frozen=True)
class _Estimate:
    """A gain before adjustment, with its standard error and degrees of freedom."""

    mean: float
    seeds: tuple[int, int]
    error: float = 0.0
    degrees: float = 0.0

    @property
    def p(self) -> float:
        if not self.error:
            return float(self.mean == 0)
        return float(2 * special.stdtr(self.degrees, -abs(self.mean) / self.error))

    def adjusted(self, p: float, level: float) -> Gain:
        """Return the gain with the interval of confidence `1 - level`."""
        half = special.stdtrit(self.degrees, 1 - level / 2) * self.error
        ends = (float(self.mean - half), float(self.mean + half))
        return Gain(self.mean, *ends, p, self.seeds)


def estimate(
    networks: Mapping[Name, Outcomes],
    pairs: Sequence[tuple[Name, Name]],
    alike: Sequence[Sequence[Name]] = (),
    *,
    adjust: bool = True,
) -> list[Gain | None]:
    """Estimate gains, adjusted for their number.

    Args:
        networks: outcomes by name. Compared networks have the same videos in the same
            order.
        pairs: names of the two networks of each gain, the baseline first.
        alike: groups of networks that are expected to spread equally over seeds.
        adjust: whether to adjust for the number of gains; False estimates each gain as
            if it were the only one.

    Returns:
        One gain per pair; None if a network has no run.
    """
    groups = [{n: networks[n] for n in own if networks.get(n)} for own in alike]
    fits = [_Fit(own) for own in groups if len(own) > 1]
    found = [
        _estimate(networks, pair, fits) if all(map(networks.get, pair)) else None
        for pair in pairs
    ]
    decided = [i for i, one in enumerate(found) if one and one.degrees]
    adjusted = [found[i].p for i in decided]
    if adjust:
        rest = [1.0] * (len(found) - len(decided))
        adjusted = holm([*adjusted, *rest])[: len(decided)]
    # Holm's steps: the i-th smallest probability, from 0, gets LEVEL / (number - i).
    # From the first gain that is not significant on, the level stays the same.
    order = sorted(decided, key=lambda i: found[i].p)
    first = sum(p < LEVEL for p in adjusted)
    gains = [one and Gain(one.mean, None, None, None, one.seeds) for one in found]
    for rank, i in enumerate(order):
        level = LEVEL / (len(found) - min(rank, first)) if adjust else LEVEL
        gains[i] = found[i].adjusted(adjusted[decided.index(i)], level)
    return gains


class _Fit:
    """Least-squares fit of `network + seed + residual` to a group of networks."""

    def __init__(self, networks: Mapping[Name, Outcomes]):
        self.names = list(networks)
        runs = [
            (name, seed, np.mean(right))
            for name, own in networks.items()
            for seed, right in own.items()
        ]
        seeds = sorted({seed for _, seed, _ in runs})
        self.design = np.array(
            [
                [*(name == n for n in self.names), *(seed == s for s in seeds[1:])]
                for name, seed, _ in runs
            ],
            float,
        )
        values = np.array([value for *_, value in runs])
        self.inverse = np.linalg.pinv(self.design)
        self.coefficients = self.inverse @ values
        rest = values - self.design @ self.coefficients
        self.degrees = len(runs) - np.linalg.matrix_rank(self.design)
        self.variance = (rest**2).sum() / self.degrees if self.degrees else 0.0
        groups = [rest[[n == name for n, *_ in runs]] for name in self.names]
        groups = [own for own in groups if len(own) > 2]
        self.is_alike = len(groups) < 2 or not (
            stats.levene(*groups, center="mean").pvalue < SPREADS
        )

    def compares(self, before: Name, after: Name) -> bool:
        """Return whether shared seeds connect two networks and define their gain."""
        if not self.degrees or not {before, after} <= set(self.names):
            return False
        weights = self._weights(before, after)
        return np.allclose(weights @ self.inverse @ self.design, weights)

    def contrast(self, before: Name, after: Name) -> tuple[float, float]:
        """Return a gain, and its variance as a multiple of the residual variance."""
        weights = self._weights(before, after)
        row = weights @ self.inverse
        return float(weights @ self.coefficients), float(row @ row)

    def _weights(self, before: Name, after: Name) -> np.ndarray:
        own = [(n == after) - (n == before) for n in self.names]
        return np.array(own + [0] * (len(self.coefficients) - len(own)), float)


def _estimate(networks, pair: tuple[Name, Name], fits: Sequence[_Fit]) -> _Estimate:
    before, after = (networks[name] for name in pair)
    seeds = (len(before), len(after))
    means = [np.mean(list(own.values()), axis=0) for own in (before, after)]
    mean = float(np.mean(means[1]) - np.mean(means[0]))
    if min(seeds) < 2:
        return _Estimate(mean, seeds)
    pooled = next((f for f in fits if f.is_alike and f.compares(*pair)), None)
    shared = sorted(set(before) & set(after))
    if pooled:
        mean, factor = pooled.contrast(*pair)
        of_seeds, degrees = pooled.variance * factor, pooled.degrees
    elif len(shared) > 1:
        own = [np.mean(after[s]) - np.mean(before[s]) for s in shared]
        mean, degrees = float(np.mean(own)), len(own) - 1
        of_seeds = np.var(own, ddof=1) / len(own)
    else:
        each = [[np.mean(right) for right in own.values()] for own in (before, after)]
        parts = [(np.var(one, ddof=1) / len(one), len(one) - 1) for one in each]
        of_seeds, degrees = sum(p for p, _ in parts), _degrees(parts)
    of_videos, videos = _of_videos(before, after, means)
    parts = [(of_seeds, degrees), (of_videos, videos - 1)]
    error = math.sqrt(of_seeds + of_videos)
    return _Estimate(mean, seeds, error, _degrees(parts))


def _of_videos(before: Outcomes, after: Outcomes, means) -> tuple[float, int]:
    """Return a gain's variance due to videos, and the number of videos.

    A video's mean outcome over a few seeds also varies by chance. That part is
    subtracted.
    """
    difference = means[1] - means[0]
    videos = len(difference)
    if videos < 2:
        return 0.0, videos
    chance = 0.0
    for own, mean in zip((before, after), means, strict=True):
        rest = np.array(list(own.values()), float) - mean
        rest -= rest.mean(1, keepdims=True)
        number = len(own)
        chance += (rest**2).sum() / (number - 1) / (videos - 1) / number
    found = difference.var(ddof=1) - chance
    return max(0.0, float(found)) / videos, videos


def holm(p: Sequence[float]) -> list[float]:
    """Adjust probabilities for their number (Holm, 1979).

    Each is multiplied by the number of probabilities that are not smaller. No result is
    below the result of a smaller probability.
    """
    order = np.argsort(p, kind="stable")
    adjusted, largest = np.empty(len(p)), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = largest
    return adjusted.tolist()


def _degrees(parts: Sequence[tuple[float, float]]) -> float:
    """Return the degrees of freedom of a sum of variances (Satterthwaite, 1946)."""
    total = sum(part for part, _ in parts)
    weights = sum(part**2 / of for part, of in parts if part and of)
    return total**2 / weights if weights else float(max(of for _, of in parts))
