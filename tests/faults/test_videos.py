"""Damaged and hostile videos: each is decoded within bounds, or set aside with why.

A process decodes it that may crash.
"""

import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from r3d_rs.preparation import preparation, processes
from r3d_rs.videos import clip
from tests.shared import tiny_run
from tests.shared.tiny import clock, write_video, write_videos


def results_of(*paths, function=clip.encoded):
    """Decode videos as a preparation does."""
    return list(processes.isolated_map(function, ((path, 48) for path in paths), 2))


@pytest.fixture
def video(tmp_path):
    """The file of a sound video."""
    write_video(tmp_path / "video.mp4", clock())
    return tmp_path / "video.mp4"


@pytest.mark.slow
def test_mutated_videos(video):
    """Whatever a file's bytes are, it is a video or has a reason why it is not."""
    content, generator = video.read_bytes(), np.random.default_rng(0)
    paths = [video.with_name(f"{i}.mp4") for i in range(100)]
    for i, path in enumerate(paths):
        changed = bytearray(content)
        for place in generator.integers(len(content), size=generator.integers(1, 30)):
            changed[place] = generator.integers(256)
        path.write_bytes(changed[: generator.integers(1, len(content) + (i % 4 > 0))])
    for found in results_of(*paths):
        assert isinstance(found, str) or 0 < len(found[0]) <= clip.MAX_FRAMES


def write_black(path: Path, *sizes):
    """Encode black frames of some sizes, (width, height, count), one after another."""
    with path.open("wb") as file:
        for width, height, count in sizes:
            part = path.with_name("part.h264")
            with av.open(str(part), "w", format="h264") as output:
                stream = output.add_stream("libx264", rate=25)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
                frame = av.VideoFrame(width, height, "yuv420p")
                for plane in frame.planes:
                    plane.update(bytes(plane.buffer_size))
                for i in range(count):
                    frame.pts, frame.time_base = i, Fraction(1, 25)
                    output.mux(stream.encode(frame))
                output.mux(stream.encode())
            file.write(part.read_bytes())
            part.unlink()


@pytest.mark.slow
def test_videos_that_ask_for_too_much(tmp_path):
    """They are set aside; the reason names the bound. The others are the dataset."""
    write_videos(tmp_path, {"train": 12})
    frames, large, grows, hours, *_ = sorted((tmp_path / "train").rglob("*.mp4"))
    write_video(frames, np.zeros((clip.MAX_FRAMES + 2, 16, 16, 3), "uint8"))
    write_black(large, (8192, 8208, 1))
    # Frames that grow are refused, or those before them are the video.
    write_black(grows, (64, 48, 3), (8192, 8208, 1))
    # Two frames in ten hours are a video of few frames, or refused.
    write_video(hours, clock(2), pts=[0, 36_000_000])
    dataset = preparation.prepare(
        *(tiny_run.NAME, tmp_path / "data", False), videos=tmp_path, max_aside=0.4
    )
    aside = {video.id: video.reason for video in dataset.aside}
    assert f"holds more than {clip.MAX_FRAMES} frames" in aside.pop(frames.stem)
    assert f"allowed are {clip.MAX_PIXELS} in all" in aside.pop(large.stem)
    for path in (grows, hours):
        assert "allowed" in (reason := aside.pop(path.stem, "allowed")) or (
            "decode" in reason
        )
    assert not aside


def greedy(path, short_side):
    """Decode a video that takes more memory than any may."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    assert soft == clip.MAX_MEMORY

    clip.encode_jpeg = lambda frame: bytes(np.zeros(clip.MAX_MEMORY, "uint8"))
    return clip.encoded(path, short_side)


@pytest.mark.slow
def test_memory_is_bounded(video):
    [found] = results_of(video, function=greedy)
    assert found == (
        f"video {video} takes more memory to decode than is allowed,"
        f" {clip.MAX_MEMORY} bytes"
    )


def test_what_is_stored_is_bounded(video, monkeypatch):
    monkeypatch.setattr(clip, "MAX_STORED", 1000)
    assert "takes more than 1000 bytes as JPEG" in clip.encoded(video)
