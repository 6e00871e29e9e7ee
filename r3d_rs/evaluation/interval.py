"""The uncertainty of an accuracy, over the videos or the seeds it was measured on."""

from scipy import stats


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of an accuracy, as shares from 0 to 1."""
    interval = stats.binomtest(correct, total).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def half_over_seeds(values) -> float:
    """Return half of Student's 95 % interval of a mean over seeds, of two or more."""
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))


def described(mean, low, high, seeds, sign: str = "") -> str:
    """Describe a mean with its interval and seeds, all with one digit.

    Args:
        mean: per cent, or points of it.
        low: lower end of the interval.
        high: upper end.
        seeds: how many there are.
        sign: "+" for a difference.
    """
    plural = "" if int(seeds) == 1 else "s"
    ends = f"{low:{sign}.1f} to {high:{sign}.1f}"
    return f"{mean:{sign}.1f} ({ends}, {seeds} seed{plural})"
