"""Confidence intervals of accuracies, over videos or over seeds."""

from collections.abc import Sequence

import numpy as np

#: 97.5 % quantile of the normal distribution.
NORMAL = 1.959963984540054


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of an accuracy, as shares from 0 to 1.

    `scipy.stats` has it too, but takes half a second to import.
    """
    share, z = correct / total, NORMAL
    middle = share + z**2 / (2 * total)
    half = z * np.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    ends = (middle - half, middle + half)
    low, high = np.clip(np.array(ends) / (1 + z**2 / total), 0, 1)
    return float(low), float(high)


def half_width(values) -> float:
    """Return the half-width of the 95 % Student interval of a mean.

    Args:
        values: two or more values.
    """
    degrees = len(values) - 1
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return float(_student(degrees) * error)


def prediction_half_width(groups: Sequence[Sequence[float]], seeds: int) -> float:
    """Return the half-width of the 95 % prediction interval for one more run.

    Args:
        groups: accuracies of runs, in groups that differ only by seed. Their spread is
            pooled, so at least one group needs two runs.
        seeds: number of runs whose mean is the middle of the interval.
    """
    degrees = sum(len(group) - 1 for group in groups)
    squares = sum(np.var(group) * len(group) for group in groups)
    spread = np.sqrt(squares / degrees)
    return float(_student(degrees) * spread * np.sqrt(1 + 1 / seeds))


def _student(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's distribution."""
    from scipy import special  # late: help and short lists do not need it

    return special.stdtrit(degrees, 0.975)


def described(mean, low, high, seeds, sign: str = "") -> str:
    """Format a mean and its interval with one decimal, and the number of seeds.

    Args:
        mean: in per cent, or in percentage points.
        low: lower end of the interval.
        high: upper end.
        seeds: number of seeds.
        sign: "+" for a difference.
    """
    # Tables keep two decimals. Rounding more of them could end in another digit.
    mean, low, high = (round(number, 2) for number in (mean, low, high))
    plural = "" if int(seeds) == 1 else "s"
    ends = f"{low:{sign}z.1f} to {high:{sign}z.1f}"
    return f"{mean:{sign}z.1f} ({ends}, {int(seeds)} seed{plural})"
