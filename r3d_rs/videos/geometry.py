"""Conversion of decoded pictures: upright, with square pixels and at a given size."""

from collections.abc import Callable

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import Interpolation, VideoReformatter


def scaled_size(
    height: int, width: int, short_side: int, larger: Callable = max
) -> tuple[int, int]:
    """Return height and width, scaled to a shorter side of `short_side` pixels.

    The longer side is rounded down, as in the official implementation
    (`preprocess_ops_3d.resize_smallest`).

    Args:
        height: height of the frames.
        width: width of the frames.
        short_side: shorter side after scaling.
        larger: function for the larger of two numbers; `tf.maximum` for tensors.
    """
    return (
        larger(short_side, height * short_side // width),
        larger(short_side, width * short_side // height),
    )


class Upright:
    """Converts a stream's pictures to what a player shows, all of the same size."""

    def __init__(self, stream, short_side: int | None, check: Callable):
        """Keep how to scale pictures; the first picture fixes their size.

        Args:
            stream: gives the aspect ratio of a pixel.
            short_side: shorter side after scaling, pixels; None keeps the size.
            check: called with the width and height of the pictures.
        """
        self.aspect = float(stream.sample_aspect_ratio or 1)
        self.short_side, self.check = short_side, check
        self.size = None
        # Shared by all frames: a reformatter for each would be set up every time.
        self.reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """Return a picture `(height, width, 3)` uint8."""
        # Frames of a stream may change size. All frames get the size of the first.
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
    """Rotate and mirror a picture by a display matrix, to the nearest right angle.

    The matrix (a, b, u, c, d, v, …) shows the pixel (x, y) at (a x + c y, b x + d y).

    Args:
        pixels: `(height, width, 3)`.
        matrix: bytes of int32; None changes nothing.
    """
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
