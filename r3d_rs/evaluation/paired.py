"""Is one network better than another on the same videos? Differences and their size.

All runs are evaluated on the same videos with the same views, so that networks are
compared video by video. Seeds are not paired: one that two networks share gives them
the same order of the videos, and little else.
"""

import bisect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

#: Numbers of seeds and of videos that may be asked for.
_SEEDS = range(2, 1000)
_VIDEOS = range(2, 10**7)

#: Share of repetitions in which a difference has to be found for its size to count as
#: told from zero.
_POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """A difference of accuracies, as shares from -1 to 1.

    Args:
        mean: over seeds and videos.
        low: lower end of the 95 % interval.
        high: upper end.
        p: two-sided probability of a difference as large, if there were none.
        seeds: of the first network and of the second.
        videos: that both were evaluated on.
        seed_variance: of the accuracy between seeds of one network, the same for both;
            None where neither has two.
        video_variance: of the difference between videos, beyond that of seeds.
    """

    mean: float
    low: float
    high: float
    p: float
    seeds: tuple[int, int]
    videos: int
    seed_variance: float | None
    video_variance: float

    def seeds_needed(self, size: float) -> int | None:
        """Return how many seeds of each would tell a difference of a size from zero.

        So many that in four of five repetitions the interval of a true difference of
        that size has no zero in it (a power of 80 %), with the variances found here.
        None where no number would: the videos are too few, or nothing is known of how
        seeds spread.
        """
        return self._fewest(
            _SEEDS, lambda seeds: self._detectable((seeds, seeds), self.videos) <= size
        )

    def videos_needed(self, size: float) -> int | None:
        """Return how many videos would, with as many seeds as there are."""
        return self._fewest(
            _VIDEOS, lambda videos: self._detectable(self.seeds, videos) <= size
        )

    def _fewest(self, allowed: range, enough: Callable[[int], bool]) -> int | None:
        """Return the least number that is enough, though more may not be.

        With more videos what remains is the variance of seeds, which has fewer degrees
        of freedom, so that an interval may grow again. Numbers a hundredth apart are
        tried, and then those below the first that is enough.
        """
        if self.seed_variance is None:
            return None
        last, number = allowed.start - 1, allowed.start
        while number in allowed:
            if enough(number):
                between = range(last + 1, number + 1)
                return between[bisect.bisect_left(between, True, key=enough)]
            last, number = number, number + 1 + number // 100
        return None

    def _detectable(self, seeds: tuple[int, int], videos: int) -> float:
        """Return the size of a difference that so many would tell from zero."""
        of_seeds = self.seed_variance * sum(1 / number for number in seeds)
        parts = (of_seeds, sum(seeds) - 2, self.video_variance / videos, videos - 1)
        return _half(*parts) + _quantile(_POWER, *parts)


def difference(before: np.ndarray, after: np.ndarray) -> Difference:
    """Compare two networks that were trained with some seeds, on the same videos.

    The variance of the mean difference is the sum of two parts. That of seeds is
    `s² (1/n + 1/m)` with the variance `s²` of accuracies between the `n` and `m` seeds
    of one network, pooled over both: a network with a single seed is taken to spread as
    the other does. That of videos is the variance of the mean outcomes' differences,
    less what is due to seeds, and is the same for any number of seeds, as all see the
    same videos. The interval is Student's, with Satterthwaite's degrees of freedom for
    such a sum. Where neither network has two seeds, nothing is known of seeds, and it
    is over videos alone.

    Args:
        before: `(seed, video)`, whether the first network was right.
        after: `(seed, video)`, of the second, for the same videos in the same order.

    Raises:
        ValueError: when the shapes do not fit.
    """
    before, after = np.asarray(before, float), np.asarray(after, float)
    shapes = (before.shape, after.shape)
    if any(len(shape) != 2 for shape in shapes) or (
        shapes[0][1] != shapes[1][1] or not before.size or not after.size
    ):
        raise ValueError(
            f"the outcomes are {shapes[0]} and {shapes[1]}; expected are two"
            " arrays (seed, video) with the same videos"
        )
    groups, videos = (before, after), before.shape[1]
    d = after.mean(0) - before.mean(0)
    each = sum(1 / len(group) for group in groups)
    degrees = sum(len(group) - 1 for group in groups)
    of_seeds, of_videos = 0.0, d.var(ddof=1) / videos if videos > 1 else 0.0
    if degrees:
        squares = [((own.mean(1) - own.mean()) ** 2).sum() for own in groups]
        residual = sum((_residual(own) ** 2).sum() for own in groups)
        of_seeds = sum(squares) / degrees * each
        chance = residual / (degrees * max(1, videos - 1)) * each / videos
        of_videos = max(0.0, of_videos - chance)
    mean, error = float(d.mean()), math.sqrt(of_seeds + of_videos)
    parts = (of_seeds, degrees, of_videos, videos - 1)
    half = _half(*parts)
    p = 2 * special.stdtr(_degrees(*parts), -abs(mean) / error) if error else mean == 0
    return Difference(
        mean,
        mean - half,
        mean + half,
        float(p),
        (len(before), len(after)),
        videos,
        of_seeds / each if degrees else None,
        float(of_videos * videos),
    )


def _residual(outcomes: np.ndarray) -> np.ndarray:
    """Return what neither a seed's mean nor a video's explains."""
    return (
        outcomes - outcomes.mean(0) - outcomes.mean(1, keepdims=True) + outcomes.mean()
    )


def _degrees(one: float, of_one: int, two: float, of_two: int) -> float:
    """Return the degrees of freedom of a sum of two variances (Satterthwaite, 1946)."""
    parts = ((one, of_one), (two, of_two))
    return (one + two) ** 2 / sum(part**2 / of for part, of in parts if part)


def _half(*parts: float) -> float:
    """Return half of Student's 95 % interval where two variances are summed."""
    return _quantile(0.975, *parts)


def _quantile(share: float, one: float, of_one: int, two: float, of_two: int) -> float:
    """Return Student's quantile for a sum of two variances, times its error."""
    if not (error := math.sqrt(one + two)):
        return 0.0
    return float(special.stdtrit(_degrees(one, of_one, two, of_two), share) * error)


def holm(p: Sequence[float]) -> list[float]:
    """Adjust probabilities for their number (Holm, 1979).

    Each is multiplied by how many are not smaller, and none is less than one before it.
    """
    order = np.argsort(p, kind="stable")
    adjusted, largest = np.empty(len(p)), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = largest
    return adjusted.tolist()
