"""Video files whose times, packets and geometry tests decide, and what they hold."""

from fractions import Fraction

import av
import numpy as np

from r3d_rs.videos import clip


def read_video(path, short_side=None):
    """Decode all frames of a video file, `(time, height, width, 3)` uint8."""
    return np.stack(clip.decode(path, short_side).frames())


def frame_rate(path):
    """Return a video file's frames per second, 0 where that is unknown."""
    return clip.decode(path, wanted=()).steady.rate


def counted(number, height=48, width=64):
    """Return frames whose gray tells the number: its eight bits from left to right."""
    frames = np.zeros((number, height, width, 3), "uint8")
    for i in range(number):
        for bit in range(8):
            if i >> bit & 1:
                frames[i, :, bit * width // 8 : (bit + 1) * width // 8] = 255
    return frames


def numbers(frames):
    """Return which frames of `counted` these are."""
    height, width = frames.shape[1:3]
    stripes = frames[..., 1].reshape(len(frames), height, 8, width // 8).mean((1, 3))
    return ((stripes > 127) @ (1 << np.arange(8))).tolist()


def write(path, frames, milliseconds, codec="libx264", rate=25, **options):
    """Encode frames at times in milliseconds, whatever rate the file states.

    They are rounded to whole ones, but in codecs that know a rate, to its frames.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.options = "yuv420p", options
        exact = codec not in ("mpeg4", "mpeg2video", "flv")  # these know their rates
        unit = Fraction(1, 1000) if exact else 1 / Fraction(rate)
        stream.codec_context.time_base = unit
        for pixels, time in zip(frames, milliseconds, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.time_base = unit
            frame.pts = round(Fraction(time) / 1000 / unit)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def remux(source, target, change):
    """Copy a video's packets, each as `change(number, bytes)` has it, None to drop."""
    with av.open(str(source)) as found, av.open(str(target), "w") as output:
        [video] = found.streams.video
        stream = output.add_stream_from_template(video)
        for number, packet in enumerate(found.demux(video)):
            data = change(number, bytes(packet)) if packet.size else None
            if data is not None:
                packet.update(data)
                packet.stream = stream
                output.mux(packet)


def cut_off(path, share):
    """Keep only a share of a file's bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
