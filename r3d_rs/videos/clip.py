"""Decoding of video files to upright frames at a constant rate and a given size."""

import contextlib
import dataclasses
import errno
import io
import os
import resource
from collections.abc import Callable, Container
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image

from r3d_rs.videos.geometry import Upright
from r3d_rs.videos.pictures import (
    OF_THE_MACHINE,
    Pictures,
    raise_machine,
    reason_of,
    video_stream,
)
from r3d_rs.videos.steady import Steady, plausible, steady

#: Most frames allowed in a file: two minutes at 25 frames a second. Kinetics' clips
#: have ten seconds.
MAX_FRAMES = 3000
#: Most pixels allowed in a frame. 8K has 33 million.
MAX_PIXELS = 2**26
#: Most memory for decoding a video, in bytes. A video that takes more is set aside.
MAX_MEMORY = 2**32
#: Most bytes for a video's frames as JPEG. A video with more is set aside: a record
#: holds at most 2 GiB.
MAX_STORED = 2**30
#: Least share of a video's pictures that must be present and intact. A video with less
#: is set aside.
WHOLE = 0.9
#: JPEG quality of the stored frames.
JPEG_QUALITY = 95


@dataclasses.dataclass(frozen=True)
class Decoded:
    """The contents of a video file.

    Attributes:
        pictures: result of `keep` for each intact picture, in the order of their times.
        steady: the frames in which the pictures are shown.
        broken: number of pictures that the decoder reported as broken or dropped.
    """

    pictures: list
    steady: Steady
    broken: int

    def frames(self) -> list:
        """Return, for each frame, what was kept of the picture that it shows."""
        shown = self.steady.pictures(range(self.steady.count))
        return [self.pictures[number] for number in shown]

    def repairs(self) -> str:
        """Return a text that counts all repairs, "" if there are none.

        It counts broken pictures, repeated frames and pictures left out.
        """
        counts = {
            "broken pictures": self.broken,
            "frames that repeat the one before": self.steady.repeated,
            "pictures left out": self.steady.left_out,
        }
        total = f"of {self.steady.count} frames"
        found = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
        return f"{found} ({total})" if found else ""


def decode(
    path: str | Path,
    short_side: int | None = None,
    keep: Callable = np.asarray,
    wanted: Container[int] | None = None,
    longest: int | None = None,
) -> Decoded:
    """Decode a video file picture by picture.

    Pictures are as a player shows them: rotated and mirrored as the file states, with
    square pixels. Frames are at a constant rate, from the pictures' times (see
    `steady`). A picture that the decoder reports as broken is left out, and the picture
    before it is shown instead.

    Args:
        path: path of the file, in any format that FFmpeg reads.
        short_side: pixels of the shorter side after resizing: by area to shrink,
            bilinear to enlarge. None keeps the size.
        keep: function of a picture `(height, width, 3)` uint8, returning what to keep
            of it. All pictures have the same size.
        wanted: numbers of the pictures to keep; the others become None. None keeps all.
        longest: most frames allowed; `MAX_FRAMES` by default.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file, if it does not decode, holds no video, was cut off,
            has more broken pictures than `WHOLE` allows, has more frames than `longest`
            or more pixels than `MAX_PIXELS`.
        OSError: naming the file, if the machine is short of memory or file handles.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"video {path}: there is no such file")
    longest = longest or MAX_FRAMES
    try:
        # In a relative path with a colon, FFmpeg takes the first part for a protocol.
        with av.open(os.path.abspath(path)) as container:
            stream = video_stream(container, path)
            context = stream.codec_context
            _check_size(context.width, context.height, path)
            # Later frames of a stream may be larger.
            context.options |= {"max_pixels": str(MAX_PIXELS)}
            upright = Upright(stream, short_side, partial(_check_size, path=path))
            found = Pictures(container, stream)
            unit = float(stream.time_base)
            times, decoded, kept = [], [], []
            for frame in found.sound():
                number = len(kept)
                if number == longest:
                    raise _too_long(path, longest)
                chosen = wanted is None or number in wanted
                kept.append(keep(upright(frame)) if chosen else None)
                times.append(frame.time)
                decoded.append(None if frame.dts is None else frame.dts * unit)
            rates = (stream.average_rate, stream.base_rate)
            shown = steady(plausible(times, decoded), rates, unit)
            found.note_silent(shown, times)
            found.check(path, len(kept), WHOLE)
    except av.error.FFmpegError as error:
        raise_machine(error, path)
        raise ValueError(f"video {path} does not decode: {reason_of(error)}") from error
    except OverflowError as error:
        raise ValueError(f"video {path} has no usable times: {error}") from error
    if shown.count > longest:
        raise _too_long(path, longest)
    return Decoded(kept, shown, len(found.broken))


def encoded(
    path: str | Path, short_side: int | None = None
) -> tuple[list[bytes], float, str] | str:
    """Decode a video file and encode its frames as JPEG, one at a time.

    Returns:
        The JPEGs, the frames per second and the text of `Decoded.repairs`. If the video
        cannot be used, only a text that says why.

    Raises:
        OSError: if the machine is short of memory or file handles, which says nothing
            about the video.
    """
    stored = 0

    def keep(frame: np.ndarray) -> bytes:
        nonlocal stored
        jpeg = encode_jpeg(frame)
        stored += len(jpeg)
        _check_stored(stored, path)
        return jpeg

    try:
        video = decode(path, short_side, keep)
        jpegs = video.frames()
        _check_stored(sum(map(len, jpegs)), path)
        return jpegs, video.steady.rate, video.repairs()
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
        if error.errno in OF_THE_MACHINE:
            raise
        return str(error)
    except Exception as error:  # a broken file may raise anything in a decoder
        if _is_short():  # it may be the decoder that finds no memory
            raise OSError(
                errno.ENOMEM, f"out of memory, or {error}", str(path)
            ) from error
        return f"video {path} does not decode: {type(error).__name__}: {error}"


def _check_stored(stored: int, path) -> None:
    if stored > MAX_STORED:
        raise ValueError(
            f"video {path} takes more than {MAX_STORED} bytes as JPEG, which is"
            " the most allowed: choose a short_side"
        )


def limit_memory() -> None:
    """Limit the data memory of this process to `MAX_MEMORY`.

    A lower limit is kept. On a system without such limits, this does nothing.
    """
    with contextlib.suppress(ValueError, OSError):
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if soft == resource.RLIM_INFINITY or soft > MAX_MEMORY:
            resource.setrlimit(resource.RLIMIT_DATA, (MAX_MEMORY, hard))


def _is_short() -> bool:
    """Return whether this process is limited to less memory than a video may take."""
    limits = {resource.RLIMIT_DATA: MAX_MEMORY, resource.RLIMIT_AS: 2 * MAX_MEMORY}
    return any(
        0 <= resource.getrlimit(kind)[0] < enough for kind, enough in limits.items()
    )


def encode_jpeg(frame: np.ndarray) -> bytes:
    """Encode a uint8 frame `(height, width, 3)` as JPEG."""
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:0")
    return file.getvalue()


def is_whole_jpeg(jpeg: bytes) -> bool:
    """Return whether bytes begin and end as a JPEG does."""
    return jpeg[:2] == b"\xff\xd8" and jpeg[-2:] == b"\xff\xd9"


def _too_long(path, longest: int) -> ValueError:
    return ValueError(
        f"video {path} holds more than {longest} frames, which is the most allowed: cut"
        " it to the seconds that its label describes"
    )


def _check_size(width: int, height: int, path) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(
            f"video {path} has frames of {width}x{height} pixels; allowed are"
            f" {MAX_PIXELS} in all"
        )
