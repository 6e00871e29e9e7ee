"""Which frames a video has: its pictures at a constant rate, by presentation times.

Containers state a rate and a length that need not be those of the pictures, and some
keep times in whole milliseconds. So only the times count, in every container alike.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

#: Distances of pictures that differ by less than this factor are of the same rate.
SAME_RATE = 1.75


@dataclasses.dataclass(frozen=True)
class Steady:
    """The frames of a video.

    Attributes:
        rate: frames per second, 0 where that is unknown.
        ticks: `(pictures,)` number of the frame in which each picture is shown first.
    """

    rate: float
    ticks: np.ndarray

    @property
    def count(self) -> int:
        """Number of frames. The last picture is shown in one."""
        return int(self.ticks[-1]) + 1

    @property
    def repeated(self) -> int:
        """Number of frames that show the picture of the frame before."""
        return self.count - len(np.unique(self.ticks))

    @property
    def left_out(self) -> int:
        """Number of pictures that no frame shows."""
        return len(self.ticks) - len(np.unique(self.ticks))

    def pictures(self, frames: Iterable[int]) -> np.ndarray:
        """Return the numbers of the pictures that frames show.

        Of several pictures due in one frame it shows the last.
        """
        return np.searchsorted(self.ticks, frames, side="right") - 1


def steady(
    times: Sequence[float | None], stated: Iterable[float] = (), unit: float = 0.0
) -> Steady:
    """Return the frames of pictures with these presentation times.

    The rate is one over the mean distance of successive pictures, pauses left out. A
    rate that the file states is taken where it agrees with that and with every
    picture's time, as far as times are precise. A picture is shown first in the frame
    nearest to its time, and until the next is due. One without a time, or not later
    than the one before, comes after it at the mean distance, and so do those that
    follow.

    Args:
        times: of the pictures in the order in which they are shown, seconds; None for
            one without a time.
        stated: rates that the file states, frames per second.
        unit: precision of the times, seconds.
    """
    stated = [float(rate) for rate in stated if rate]
    steps = np.diff(np.asarray(times, float))
    distance = _distance(steps[steps > 0], stated, unit)
    if not distance:  # no two times
        return Steady(next(iter(stated), 0.0), np.arange(len(times)))
    steps[~(steps > 0)] = distance
    ticks = np.rint(np.cumsum(steps) / distance)
    if not ticks[-1] < 2**53:  # where neighbours differ
        raise OverflowError(f"its last picture is due in frame {ticks[-1]:.0f}")
    return Steady(1 / distance, np.concatenate([[0], ticks]).astype(np.int64))


def plausible(
    presentation: Sequence[float | None], decoding: Sequence[float | None]
) -> Sequence[float | None]:
    """Return the times of pictures that rise: those of decoding where a file's are odd.

    AVI files of DivX with B-frames have such, and FFmpeg's programs do likewise.

    Args:
        presentation: times of pictures in the order in which they are shown.
        decoding: times in which the decoder gave them.
    """

    def faults(times: Sequence[float | None]) -> int:
        return np.count_nonzero(~(np.diff(np.asarray(times, float)) > 0))

    return min(presentation, decoding, key=faults)


def _distance(steps: np.ndarray, stated: Sequence[float], unit: float) -> float:
    """Return the usual distance of pictures, seconds; 0 where there is none."""
    if not len(steps):
        return 0.0
    # A quarter of all are shorter: with two rates in turn the higher one counts.
    distance = np.quantile(steps, 0.25, method="lower")
    for _ in range(5):
        near = (steps < distance * SAME_RATE) & (steps * SAME_RATE > distance)
        distance = steps[near].mean()
    # Rounding moves the ends of every stretch between pauses.
    tolerance = 2 * unit * (1 + np.count_nonzero(~near)) / np.count_nonzero(near)
    times = np.cumsum(steps)
    for rate in stated:
        if abs(1 / rate - distance) <= tolerance + 1e-9:
            off = times - np.rint(times * rate) / rate
            if np.abs(off).max() <= 2 * unit + 1e-6:  # of every picture
                return 1 / rate
    return float(distance)
