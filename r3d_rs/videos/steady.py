"""Frames at a constant rate, from the presentation times of a video's pictures.

A container may state a rate and a length that its pictures do not have. Some containers
keep times in whole milliseconds. In every container, only the pictures' times decide
the frames.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

#: Intervals between pictures that differ by less than this factor have the same rate.
SAME_RATE = 1.75


@dataclasses.dataclass(frozen=True)
class Steady:
    """The frames of a video.

    Attributes:
        rate: frames per second, 0 if unknown.
        ticks: `(pictures,)` number of the frame in which each picture is first shown.
    """

    rate: float
    ticks: np.ndarray

    @property
    def count(self) -> int:
        """Number of frames. The last picture is shown in one frame."""
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

        If several pictures are due in one frame, it shows the last.
        """
        return np.searchsorted(self.ticks, frames, side="right") - 1


def steady(
    times: Sequence[float | None], stated: Iterable[float] = (), unit: float = 0.0
) -> Steady:
    """Return the frames of pictures with these presentation times.

    The rate is one over the mean interval between successive pictures, without pauses.
    A rate that the file states is used instead if it agrees with this rate and with
    every picture's time, up to the precision of the times.

    A picture is first shown in the frame nearest to its time, and stays until the next
    is due. A picture without a time, or not later than the one before, is placed one
    interval after that one. All later pictures move with it.

    Args:
        times: times of the pictures in the order in which they are shown, seconds;
            None for a picture without a time.
        stated: rates that the file states, frames per second.
        unit: precision of the times, seconds.

    Raises:
        OverflowError: if a frame's number is too large.
    """
    stated = [float(rate) for rate in stated if rate]
    steps = np.diff(np.asarray(times, float))
    distance = _distance(steps[steps > 0], stated, unit)
    if not distance:  # no two times that increase
        return Steady(next(iter(stated), 0.0), np.arange(len(times)))
    steps[~(steps > 0)] = distance
    ticks = np.rint(np.cumsum(steps) / distance)
    if not ticks[-1] < 2**53:  # beyond, floats skip whole numbers
        raise OverflowError(f"its last picture is due in frame {ticks[-1]:.0f}")
    return Steady(1 / distance, np.concatenate([[0], ticks]).astype(np.int64))


def plausible(
    presentation: Sequence[float | None], decoding: Sequence[float | None]
) -> Sequence[float | None]:
    """Return the presentation times, or the decoding times if more of these increase.

    AVI files of DivX with B-frames have presentation times that do not increase. The
    rule is the same as in FFmpeg's programs.

    Args:
        presentation: presentation times of the pictures in display order.
        decoding: decoding times of the same pictures.
    """

    def faults(times: Sequence[float | None]) -> int:
        return np.count_nonzero(~(np.diff(np.asarray(times, float)) > 0))

    return min(presentation, decoding, key=faults)


def _distance(steps: np.ndarray, stated: Sequence[float], unit: float) -> float:
    """Return the usual interval between pictures, seconds; 0 if there is none."""
    if not len(steps):
        return 0.0
    # Start from the lower quartile: if two rates alternate, the higher one counts.
    distance = np.quantile(steps, 0.25, method="lower")
    for _ in range(5):
        near = (steps < distance * SAME_RATE) & (steps * SAME_RATE > distance)
        distance = steps[near].mean()
    # Rounding moves both ends of every stretch between pauses.
    tolerance = 2 * unit * (1 + np.count_nonzero(~near)) / np.count_nonzero(near)
    times = np.cumsum(steps)
    for rate in stated:
        if abs(1 / rate - distance) <= tolerance + 1e-9:
            off = times - np.rint(times * rate) / rate
            if np.abs(off).max() <= 2 * unit + 1e-6:  # for every picture
                return 1 / rate
    return float(distance)
