"""Decoding a video file: frames upright, at a constant rate, of a stated size."""

import contextlib
import errno
import io
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

#: A file with more frames is refused: at 25 a second this is two minutes, and the clips
#: of Kinetics have ten seconds.
MAX_FRAMES = 3000
#: A file with larger frames is refused: 8K has 33 million pixels.
MAX_PIXELS = 2**26
#: A video that takes more memory to decode, bytes, is set aside.
MAX_MEMORY = 2**32
#: One whose frames are larger as JPEG, in bytes, is set aside: a record holds 2 GiB.
MAX_STORED = 2**30
#: Where a stream ends before this share of the length it states, it was cut off.
WHOLE = 0.9
#: Of the frames as they are stored.
JPEG_QUALITY = 95

#: Errors that say nothing about a video.
_OF_THE_MACHINE = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)


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


def read_video(path: str | Path, short_side: int | None = None) -> np.ndarray:
    """Decode all frames of a video file, as `frames` gives them.

    Returns:
        `(time, height, width, 3)` uint8.
    """
    return np.stack(list(frames(path, short_side)))


def frames(path: str | Path, short_side: int | None = None) -> Iterator[np.ndarray]:
    """Decode a video file frame by frame.

    Frames are upright (a rotation that the file states is applied) and at a constant
    rate, the stream's average: where the file's rate varies, a frame is shown until
    the next is due, as a player shows it.

    Args:
        path: of the file, in any format that FFmpeg reads.
        short_side: pixels to resize the shorter side to: by area when that shrinks the
            frames and bilinearly when it enlarges them. None keeps the frames' size.

    Yields:
        `(height, width, 3)` uint8, all of one size.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, when it does not decode, holds no frames, was cut
            off, or is larger than `MAX_FRAMES` and `MAX_PIXELS` allow.
        OSError: naming the file, when the machine is short of memory or file handles.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"video {path}: there is no such file")
    try:
        with av.open(str(path)) as container:
            stream = _stream(container, path)
            count = 0
            for frame in _steady(_upright(container, stream, short_side), stream, path):
                count += 1
                if count > MAX_FRAMES:
                    raise ValueError(
                        f"video {path} holds more than {MAX_FRAMES} frames, which is"
                        " the most allowed: cut it to the seconds that its label is of"
                    )
                yield frame
    except av.error.FFmpegError as error:
        if error.errno in _OF_THE_MACHINE:
            raise OSError(error.errno, error.strerror, str(path)) from error
        reason = error.strerror or type(error).__name__
        raise ValueError(f"video {path} does not decode: {reason}") from error
    if not count:
        raise ValueError(f"video {path} does not decode: it holds no frames")


def encoded(
    path: str | Path | None, short_side: int | None = None
) -> tuple[list[bytes], float] | str:
    """Decode a video file and encode its frames as JPEG, one at a time.

    Returns:
        The JPEGs and the frames per second or, where the video cannot be used, a text
        that says why.

    Raises:
        OSError: when the machine is short of memory or file handles: that says nothing
            about the video.
    """
    if path is None:
        return "there is no file of this name, or only a link that leads nowhere"
    try:
        jpegs, stored = [], 0
        for frame in frames(path, short_side):
            jpegs.append(encode_jpeg(frame))
            stored += len(jpegs[-1])
            if stored > MAX_STORED:
                return (
                    f"video {path} takes more than {MAX_STORED} bytes as JPEG, which is"
                    " the most allowed: choose a short_side"
                )
        return jpegs, frame_rate(path)
    except ValueError as error:
        return str(error)
    except (OSError, MemoryError) as error:
        if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
            if _is_short():
                raise OSError(errno.ENOMEM, "out of memory", str(path)) from error
            return (
                f"video {path} takes more memory to decode than is allowed,"
                f" {MAX_MEMORY} bytes"
            )
        if error.errno in _OF_THE_MACHINE:
            raise
        return str(error)
    except Exception as error:  # a broken file may ask anything of a decoder
        if _is_short():  # what does not fit in memory may be a part of the decoder
            raise OSError(
                errno.ENOMEM, f"out of memory, or {error}", str(path)
            ) from error
        return f"video {path} does not decode: {type(error).__name__}: {error}"


def limit_memory() -> None:
    """Let this process have no more memory than `MAX_MEMORY`, if it may have as much.

    Where the system has no such limit, there is none.
    """
    with contextlib.suppress(ValueError, OSError):
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if soft == resource.RLIM_INFINITY or soft > MAX_MEMORY:
            resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, hard))


def _is_short() -> bool:
    """Return whether this process may have less memory than a video may take."""
    limits = {resource.RLIMIT_DATA: MAX_MEMORY, resource.RLIMIT_AS: 2 * MAX_MEMORY}
    return any(
        0 <= resource.getrlimit(kind)[0] < enough for kind, enough in limits.items()
    )


def encode_jpeg(frame: np.ndarray) -> bytes:
    """Encode a uint8 frame `(height, width, 3)`."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return file.getvalue()


def is_whole_jpeg(jpeg: bytes) -> bool:
    """Return whether bytes begin and end as a JPEG does."""
    return jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9"


def frame_rate(path: str | Path) -> float:
    """Return a video file's frames per second, 0 where the file does not say."""
    with av.open(str(path)) as container:
        return float(container.streams.best("video").average_rate or 0)


def _stream(container, path):
    """Return the video stream, if its frames are not too large."""
    stream = container.streams.best("video")
    if stream is None:
        raise ValueError(f"video {path} does not decode: it has no video stream")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"video {path} has frames of {width}x{height} pixels; allowed are"
            f" {MAX_PIXELS} in all"
        )
    # Frames of a stream may grow.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    # Videos are decoded side by side, one a process.
    stream.codec_context.thread_count = 1
    return stream


def _upright(
    container, stream, short_side
) -> Iterator[tuple[float | None, np.ndarray]]:
    """Yield the time and the pixels of every frame, resized and turned upright."""
    size = None
    # One for all frames: a frame's own would be set up anew for each.
    reformatter = VideoReformatter()
    for frame in container.decode(stream):
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
            interpolation=Interpolation.AREA if shrinks else Interpolation.BILINEAR,
            threads=1,
        )
        # The file's angle and NumPy's are both counter-clockwise.
        yield frame.time, np.rot90(rgb.to_ndarray(), round(frame.rotation / 90))


def _steady(timed, stream, path) -> Iterator[np.ndarray]:
    """Yield frames at the stream's average rate, and check that none are missing."""
    rate = float(stream.average_rate or 0)
    start = last = None
    due = 0
    for time, frame in timed:
        if start is None:
            start = time
        tick = due + 1
        if rate and time is not None and start is not None:
            tick = round((time - start) * rate)
        if last is not None:
            while due < tick:
                yield last
                due += 1
        last = frame
    if last is None:
        return
    yield last
    stated = _stated_seconds(stream)
    if rate and stated and (due + 1) / rate < WHOLE * stated:
        raise ValueError(
            f"video {path} was cut off: it holds {(due + 1) / rate:.1f} of"
            f" {stated:.1f} seconds"
        )


def _stated_seconds(stream) -> float:
    """Return the length that a stream states, 0 where it states none."""
    if stream.duration is None:
        return 0.0
    return float(stream.duration * stream.time_base)
