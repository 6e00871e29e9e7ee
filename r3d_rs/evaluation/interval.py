"""The uncertainty of an accuracy, over the videos or the seeds it was measured on."""

from collections.abc import Sequence

import numpy as np

#: 97.5 % quantile of the normal distribution.
NORMAL = 1.959963984540054


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of an accuracy, as shares from 0 to 1.

    `scipy.stats` has it too, and takes half a second to import.
    """
    share, z = correct / total, NORMAL
    middle = share + z**2 / (2 * total)
    half = z * np.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    ends = (middle - half, middle + half)
    low, high = np.clip(np.array(ends) / (1 + z**2 / total), 0, 1)
    return float(low), float(high)


def half(values) -> float:
    """Return half of Student's 95 % interval of a mean of two or more values."""
    degrees = len(values) - 1
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return float(_student(degrees) * error)


def prediction_half(groups: Sequence[Sequence[float]], seeds: int) -> float:
    """Return half of the 95 % interval in which one more run falls.

    Args:
        groups: accuracies of runs that differ in their seed alone, by group; their
            pooled spread is taken, so one group at least has two.
        seeds: how many runs the middle of the interval is a mean of.
    """
    degrees = sum(len(group) - 1 for group in groups)
    squares = sum(np.var(group) * len(group) for group in groups)
    spread = np.sqrt(squares / degrees)
    return float(_student(degrees) * spread * np.sqrt(1 + 1 / seeds))


def _student(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's distribution."""
    from scipy import special  # late: help and short lists do without

    return special.stdtrit(degrees, 0.975)


def described(mean, low, high, seeds, sign: str = "") -> str:
    """Describe a mean with its interval and seeds, all with one digit.

    Args:
        mean: per cent, or points of it.
        low: lower end of the interval.
        high: upper end.
        seeds: how many there are.
        sign: "+" for a difference.
    """
    # The tables keep two digits: from more of them one would not always be the same.
    mean, low, high = (round(number, 2) for number in (mean, low, high))
    plural = "" if int(seeds) == 1 else "s"
    ends = f"{low:{sign}z.1f} to {high:{sign}z.1f}"
    return f"{mean:{sign}z.1f} ({ends}, {int(seeds)} seed{plural})"
