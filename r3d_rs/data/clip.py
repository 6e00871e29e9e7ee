"""Reading a video file."""

from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter


def scaled_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Return the height and width with the shorter one at `short_side` pixels.

    The longer one is rounded down, as in the official implementation
    (`preprocess_ops_3d.resize_smallest`).
    """
    return (
        max(short_side, height * short_side // width),
        max(short_side, width * short_side // height),
    )


def read_video(path: str | Path, short_side: int | None = None) -> np.ndarray:
    """Decode all frames of a video file.

    Args:
        path: of the file, in any format that FFmpeg reads.
        short_side: pixels to resize the shorter side to: by area when that shrinks the
            frames and bilinearly when it enlarges them. None keeps the frames' size.

    Returns:
        `(time, height, width, 3)` uint8.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, when it does not decode or holds no frames.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"video {path}: there is no such file")
    frames = []
    size = None
    # One for all frames: a frame's own would be set up anew for each.
    reformatter = VideoReformatter()
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                # Frames of a stream may change size; a clip has one, the first's.
                if size is None:
                    size = (frame.height, frame.width)
                    if short_side is not None:
                        size = scaled_size(*size, short_side)
                height, width = size
                shrinks = height < frame.height
                rgb = reformatter.reformat(
                    frame,
                    width,
                    height,
                    "rgb24",
                    interpolation=Interpolation.AREA
                    if shrinks
                    else Interpolation.BILINEAR,
                    threads=1,
                )
                frames.append(rgb.to_ndarray())
    except (av.error.FFmpegError, IndexError) as error:
        # An IndexError is a file without a video stream.
        reason = getattr(error, "strerror", None) or "no video stream"
        raise ValueError(f"video {path} does not decode: {reason}") from error
    if not frames:
        raise ValueError(f"video {path} does not decode: it holds no frames")
    return np.stack(frames)


def frame_rate(path: str | Path) -> float:
    """Return a video file's frames per second, 0 where the file does not say."""
    with av.open(str(path)) as container:
        return float(container.streams.video[0].average_rate or 0)
