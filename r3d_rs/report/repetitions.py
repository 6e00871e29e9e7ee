"""What repetitions of a measurement say: quartiles, and ratios with intervals."""

from collections.abc import Sequence

import numpy as np

#: Draws of the bootstrap.
DRAWS = 10_000


def summary(values: Sequence[float], reference: Sequence[float]) -> dict[str, float]:
    """Summarize one side's repetitions beside those of another.

    Args:
        values: one number a repetition.
        reference: of the other side, in the same repetitions.

    Returns:
        `median`, `low` and `high` (quartiles); `ratio` of the medians, `ratio_low` and
        `ratio_high` (its 95 % bootstrap interval); `repetitions`.
    """
    low, median, high = np.percentile(values, [25, 50, 75])
    middle, below, above = ratio(values, reference)
    return {
        "median": float(median),
        "low": float(low),
        "high": float(high),
        "ratio": middle,
        "ratio_low": below,
        "ratio_high": above,
        "repetitions": len(values),
    }


def ratio(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Return the ratio of two medians, with its 95 % bootstrap interval.

    A repetition is drawn as a whole: both sides saw the same machine.

    Args:
        a: one number a repetition.
        b: of another side, in the same repetitions.

    Raises:
        ValueError: when their numbers of repetitions differ or are zero.
    """
    if len(a) != len(b) or not len(a):
        raise ValueError(
            f"repetitions: found {len(a)} and {len(b)}; allowed are equal numbers > 0"
        )
    drawn = np.random.default_rng(0).integers(len(a), size=(DRAWS, len(a)))
    a, b = np.asarray(a, float), np.asarray(b, float)
    ratios = np.median(a[drawn], 1) / np.median(b[drawn], 1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(np.median(a) / np.median(b)), float(low), float(high)
