"""Arithmetic that gives the same bits on every machine.

IEEE 754 fixes the result of `+ - * / sqrt`, comparisons and rounding, elementwise.
It fixes neither `sin` and `exp`, whose last bits differ between libraries and SIMD
levels, nor sums over an axis, whose order does. All of Pantomime is therefore made of
the former, and of `Generator.random`, which is an integer times a power of two.
"""

import numpy as np

_TWO_PI = 6.283185307179586
# of x³/3!, x⁵/5!, ...: their ratios to the term before
_STEPS = tuple(-1.0 / (n * (n + 1)) for n in range(2, 20, 2))


def sine(degrees: np.ndarray | float) -> np.ndarray:
    """Return the sine of angles in degrees, right to some 1e-12."""
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
    """Return the cosine of angles in degrees, right to some 1e-12."""
    return sine(np.asarray(degrees, np.float64) + 90.0)


class Draws:
    """Random numbers for one video, a function of the integers in `key` alone."""

    def __init__(self, *key: int):
        """Start the stream of `key`."""
        seed = np.random.SeedSequence(key)
        self._generator = np.random.Generator(np.random.PCG64(seed))

    def between(self, low: float, high: float) -> float:
        """Return a number drawn uniformly between `low` and `high`."""
        return low + (high - low) * float(self._generator.random())

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return float(self._generator.random()) < probability

    def sign(self) -> float:
        """Return -1.0 or 1.0."""
        return 1.0 if self.chance(0.5) else -1.0

    def uniform(self, shape: tuple[int, ...]) -> np.ndarray:
        """Return an array of numbers drawn uniformly from [0, 1)."""
        return self._generator.random(shape)
