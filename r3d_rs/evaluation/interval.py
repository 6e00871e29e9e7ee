"""The uncertainty of an accuracy over the videos it was measured on."""

from scipy import stats


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of an accuracy, as shares from 0 to 1."""
    interval = stats.binomtest(correct, total).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
