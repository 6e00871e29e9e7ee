"""Pictures as a player shows them: upright, with square pixels, of a stated size."""

from collections.abc import Callable

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Interpolation, VideoReformatter


def scaled_size(
    height: int, width: int, short_side: int, larger: Callable = max
) -> tuple[int, int]:
    """Return the height and width with the shorter one at `short_side` pixels.

    The longer one is rounded down, as in the official implementation
    (`preprocess_ops_3d.resize_smallest`).

    Args:
        height: of the frames.
        width: of the frames.
        short_side: wanted.
        larger: gives the larger of two numbers; `tf.maximum` where they are tensors.
    """
    return (
        larger(short_side, height * short_side // width),
        larger(short_side, width * short_side // height),
    )


class Upright:
    """Makes pictures of a stream what a player shows, all of one size."""

    def __init__(self, stream, short_side: int | None, check: Callable):
        """Keep the size that pictures get.

        Args:
            stream: gives the ratio of a pixel's sides.
            short_side: wanted, pixels; None for the pictures' own.
            check: is called with the width and height that they get.
        """
        self.aspect = float(stream.sample_aspect_ratio or 1)
        self.short_side, self.check = short_side, check
        self.size = None
        # One for all frames: a frame's own would be set up anew for each.
        self.reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Return a picture `(height, width, 3)` uint8."""
        # Frames of a stream may change size; a clip has one, the first's.
        if self.size is None:
            size = frame.height, max(1, round(frame.width * self.aspect))
            if self.short_side is not None:
                size = scaled_size(*size, self.short_side)
            self.check(size[1], size[0])
            self.size = size
        height, width = self.size
        shrinks = height < frame.height
        rgb = self.reformatter.reformat(
            frame,
            width,
            height,
            "rgb24",
            interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
            threads=1,
        )
        return displayed(rgb.to_ndarray(), frame.side_data.get(Type.DISPLAYMATRIX))


def displayed(pixels: np.ndarray, matrix) -> np.ndarray:
    """Turn and mirror a picture by a display matrix, in steps of right angles.

    The matrix (a, b, u, c, d, v, …) shows the pixel (x, y) at (a x + c y, b x + d y).
    """
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
