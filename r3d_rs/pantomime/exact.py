"""Arithmetic that gives the same bits on every machine.

IEEE 754 fixes the results of elementwise `+ - * / sqrt`, comparisons and rounding. It
does not fix `sin` and `exp`: their last bits differ between libraries and SIMD levels.
Nor does it fix sums over an axis, because their order differs. Pantomime therefore uses
only the former, and `Generator.random`, which is an integer times a power of two.
"""

import numpy as np

_TWO_PI = 6.283185307179586
# Ratios of successive terms of the sine series x - x³/3! + x⁵/5! - …, divided by x².
_STEPS = tuple(-1.0 / (n * (n + 1)) for n in range(2, 20, 2))


def sine(degrees: np.ndarray | float) -> np.ndarray:
    """Return the sine of angles in degrees, accurate to about 1e-12."""
    turns = np.asarray(degrees, np.float64) / 360.0
    turns = turns - np.floor(turns + 0.5)
    turns = np.where(turns > 0.25, 0.5 - turns, turns)
    turns = np.where(turns < -0.25, -0.5 - turns, turns)
    x = turns * _TWO_PI
    square = x * x
    term, total = x, x
    for step in _STEPS:
        term = term * square * step
        total = total + term
    return total


def cosine(degrees: np.ndarray | float) -> np.ndarray:
    """Return the cosine of angles in degrees, accurate to about 1e-12."""
    return sine(np.asarray(degrees, np.float64) + 90.0)


class Draws:
    """Random numbers for one video, which depend only on the integers in `key`."""

    def __init__(self, *key: int):
        """Start the random stream for `key`."""
        seed = np.random.SeedSequence(key)
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def between(self, low: float, high: float) -> float:
        """Return a number drawn uniformly between `low` and `high`."""
        return low + (high - low) * float(self._generator.random())

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return float(self._generator.random()) < probability

    def sign(self) -> float:
        """Return -1.0 or 1.0 with equal probability."""
        return 1.0 if self.chance(0.5) else -1.0

    def uniform(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array of numbers drawn uniformly from [0, 1)."""
        return self._generator.random(shape)
