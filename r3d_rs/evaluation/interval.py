"""The uncertainty of an accuracy, over the videos or the seeds it was measured on."""

import numpy as np
from scipy import special


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of an accuracy, as shares from 0 to 1.

    It is that of `scipy.stats`, which takes half a second to import.
    """
    share, z = correct / total, special.ndtri(0.975)
    middle = share + z**2 / (2 * total)
    half = z * np.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    ends = (middle - half, middle + half)
    low, high = np.clip(np.array(ends) / (1 + z**2 / total), 0, 1)
    return float(low), float(high)


def half(values) -> float:
    """Return half of Student's 95 % interval of a mean of two or more values."""
    degrees = len(values) - 1
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return float(special.stdtrit(degrees, 0.975) * error)


def described(mean, low, high, seeds, sign: str = "") -> str:
    """Describe a mean with its interval and seeds, all with one digit.

    Args:
        mean: per cent, or points of it.
        low: lower end of the interval.
        high: upper end.
        seeds: how many there are; of a difference, those of both sides.
        sign: "+" for a difference.
    """
    # The tables keep two digits: from more of them one would not always be the same.
    mean, low, high = (round(number, 2) for number in (mean, low, high))
    numbers = seeds if isinstance(seeds, tuple) else (seeds,)
    numbers = list(dict.fromkeys(str(int(number)) for number in numbers))
    plural = "" if numbers == ["1"] else "s"
    ends = f"{low:{sign}z.1f} to {high:{sign}z.1f}"
    return f"{mean:{sign}z.1f} ({ends}, {' and '.join(numbers)} seed{plural})"
