"""Is one network better than another on the same videos? Differences and their size.

Runs of one seed share the order of the videos and every crop, and all runs are
evaluated on the same videos, so that differences are taken seed by seed and video by
video.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

#: Resamples that are made at once.
_CHUNK = 500


@dataclass(frozen=True)
class Difference:
    """A difference of accuracies, as shares from -1 to 1.

    Args:
        mean: over seeds and videos.
        low: lower end of the 95 % interval.
        high: upper end.
        p: two-sided probability of a difference as large, if there were none.
        seeds: that both have.
        videos: that both were evaluated on.
        seed_variance: of the difference between seeds, beyond what videos explain.
        video_variance: of the difference between videos, averaged over the seeds.
    """

    mean: float
    low: float
    high: float
    p: float
    seeds: int
    videos: int
    seed_variance: float
    video_variance: float

    def seeds_needed(self, size: float) -> int | None:
        """Return how many seeds would tell a difference of a size from zero.

        None where no number would: the videos are too few.
        """
        room = (size / stats.norm.ppf(0.975)) ** 2 - self.video_variance / self.videos
        if room <= 0:
            return None
        return max(1, math.ceil(self.seed_variance / room))

    def videos_needed(self, size: float) -> int | None:
        """Return how many videos would, with as many seeds as there are."""
        room = (size / stats.norm.ppf(0.975)) ** 2 - self.seed_variance / self.seeds
        if room <= 0:
            return None
        return max(1, math.ceil(self.video_variance / room))


def difference(
    before: np.ndarray, after: np.ndarray, *, resamples: int = 10_000, seed: int = 0
) -> Difference:
    """Compare two networks by a bootstrap over seeds and videos.

    A resample draws seeds with replacement, and videos with replacement. The videos are
    those of every seed, so they are drawn once for all of them; drawn anew within each
    seed, as nested samples would be, their share of the uncertainty would seem to fall
    with the number of seeds. A single seed says nothing about seeds: then videos alone
    are drawn.

    Args:
        before: `(seed, video)`, whether the first network was right.
        after: of the second, for the same seeds and videos in the same order.
        resamples: how many.
        seed: of the draws.

    Raises:
        ValueError: when the shapes differ.
    """
    before, after = np.asarray(before, float), np.asarray(after, float)
    if before.shape != after.shape or before.ndim != 2 or not before.size:
        raise ValueError(
            f"the outcomes are {before.shape} and {after.shape}; expected are two"
            " arrays (seed, video) of one shape"
        )
    d = after - before
    seeds, videos = d.shape
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    for start in range(0, resamples, _CHUNK):
        size = min(_CHUNK, resamples - start)
        of_seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), size)
        of_videos = random.multinomial(videos, np.full(videos, 1 / videos), size)
        means[start : start + size] = ((of_seeds @ d) * of_videos).sum(1) / d.size
    low, high = np.quantile(means, [0.025, 0.975])
    # As in a permutation test, what was observed counts as one of the resamples.
    tail = (1 + min((means <= 0).sum(), (means >= 0).sum())) / (1 + resamples)
    residual = d - d.mean(0) - d.mean(1, keepdims=True) + d.mean()
    noise = (residual**2).sum() / max(1, (seeds - 1) * (videos - 1))
    seed_variance = d.mean(1).var(ddof=1) - noise / videos if seeds > 1 else 0.0
    return Difference(
        float(d.mean()),
        float(low),
        float(high),
        float(min(1.0, 2 * tail)),
        seeds,
        videos,
        float(max(0.0, seed_variance)),
        float(d.mean(0).var(ddof=1)) if videos > 1 else 0.0,
    )


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
