"""Reading video files: whole, upright, steady, and with a clear word where not."""

import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

from r3d_rs.videos import clip, geometry
from tests.shared.containers import frame_rate, read_video
from tests.shared.tiny import FRAMES, clock, write_video


def numbers(video):
    """Which frames of `clock` these are."""
    return np.round(video[..., 0].mean((1, 2)) / 10).astype(int).tolist()


def test_a_video_is_read_frame_by_frame(tmp_path):
    path = tmp_path / "video.mp4"
    write_video(path, clock(), rate=12)
    frames = read_video(path)
    assert frames.shape == (FRAMES, 48, 64, 3) and frames.dtype == np.uint8
    assert np.abs(frames.astype(int) - clock()).max() <= 6
    assert frame_rate(path) == 12
    assert read_video(path, short_side=24).shape == (FRAMES, 24, 32, 3)
    assert read_video(path, short_side=96).shape == (FRAMES, 96, 128, 3)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.mov", "libx264"),
     ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4")],
)  # fmt: skip
@pytest.mark.parametrize("rate", [25, 60, Fraction(30000, 1001)])
def test_every_frame_of_a_steady_video_is_there_once(tmp_path, name, codec, rate):
    # Times in Matroska are whole milliseconds, so none falls on its tick.
    write_video(tmp_path / name, clock(), rate=rate, codec=codec)
    found = numbers(read_video(tmp_path / name))
    assert len(found) == FRAMES
    assert np.abs(np.array(found) - np.arange(FRAMES)).max() <= (codec == "mpeg4")


def test_a_name_with_a_colon_is_no_protocol(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", clock())
    (tmp_path / "a.mp4").rename(tmp_path / "12:30:05 clip.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(clip.decode("12:30:05 clip.mp4").pictures) == FRAMES


def test_frames_at_varying_times_become_steady(tmp_path):
    times = [0, 40, 80, 400, 440, 1000]  # milliseconds, in a file of 25 a second
    write_video(tmp_path / "a.mkv", clock(6), pts=times)
    assert frame_rate(tmp_path / "a.mkv") == 25
    shown = [0, 1] + [2] * 8 + [3] + [4] * 14 + [5]
    assert numbers(read_video(tmp_path / "a.mkv")) == shown


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (-90, -1), (180, 2)])
def test_a_stated_rotation_is_applied(tmp_path, rotation, turns):
    write_video(tmp_path / "a.mp4", clock(3), rotation=rotation)
    upright = np.rot90(clock(3), turns, axes=(1, 2))
    video = read_video(tmp_path / "a.mp4")
    assert video.shape == upright.shape
    assert np.abs(video.astype(int) - upright).max() <= 6
    assert read_video(tmp_path / "a.mp4", 24).shape[1:3] == (
        (24, 32) if rotation == 180 else (32, 24)
    )


@pytest.mark.parametrize("shape", [(1, 2, 2), (1, 49, 65), (3, 130, 10)])
def test_odd_tiny_and_single_frames_are_read(tmp_path, shape):
    write_video(tmp_path / "a.mkv", np.full((*shape, 3), 90, "uint8"))
    assert read_video(tmp_path / "a.mkv").shape == (*shape, 3)
    height, width = geometry.scaled_size(*shape[1:], 16)
    assert min(height, width) == 16
    assert read_video(tmp_path / "a.mkv", 16).shape[1:3] == (height, width)


def test_a_jpeg_has_the_frame(tmp_path):
    write_video(tmp_path / "a.mp4", clock())
    jpegs, rate, repairs = clip.encoded(tmp_path / "a.mp4", 24)
    assert (len(jpegs), rate, repairs) == (FRAMES, 25, "")
    assert all(clip.is_whole_jpeg(jpeg) for jpeg in jpegs)
    assert not clip.is_whole_jpeg(jpegs[0][:-1]) and not clip.is_whole_jpeg(b"")


def audio(path):
    """Write a file with sound and no pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), "float32"), format="fltp", layout="mono"
        )
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def bad(tmp_path):
    """Files that are no videos or not whole ones, by what is wrong with them."""
    write_video(tmp_path / "good.mp4", clock(60))
    good = (tmp_path / "good.mp4").read_bytes()
    write_video(tmp_path / "good.mkv", clock(60))
    # The index at the front, as in files made for the web: cut off, they still open.
    fast = ["ffmpeg", "-v", "error", "-i", tmp_path / "good.mp4", "-c", "copy"]
    contents = {
        "empty.mp4": b"",
        "text.mp4": b"this is not a video" * 100,
        "no-index.mp4": good[: len(good) // 2],
        "zeros.mp4": bytes(1000),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    audio(tmp_path / "audio.mp4")
    try:
        subprocess.run(
            [*fast, "-movflags", "faststart", tmp_path / "cut.mp4"], check=True
        )
        whole = (tmp_path / "cut.mp4").read_bytes()
        (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    except FileNotFoundError:
        pass  # no ffmpeg here
    return tmp_path


def test_a_bad_file_is_named_with_the_reason(bad):
    reasons = {
        "empty.mp4": "does not decode",
        "text.mp4": "does not decode",
        "no-index.mp4": "does not decode",
        "zeros.mp4": "does not decode",
        "audio.mp4": "has no video stream",
        "cut.mp4": "was cut off|does not decode",
    }
    for name, reason in reasons.items():
        if (bad / name).exists():
            with pytest.raises(ValueError, match=rf"{name}.* ({reason})"):
                read_video(bad / name)
            assert name in clip.encoded(bad / name)
    with pytest.raises(FileNotFoundError, match=r"absent\.mp4"):
        read_video(bad / "absent.mp4")


def test_a_video_that_is_too_long_or_too_large_is_refused(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4", clock())
    monkeypatch.setattr(clip, "MAX_FRAMES", 19)
    with pytest.raises(ValueError, match=r"a\.mp4 holds more than 19 frames"):
        read_video(tmp_path / "a.mp4")
    monkeypatch.setattr(clip, "MAX_PIXELS", 48 * 64 - 1)
    with pytest.raises(ValueError, match=r"a\.mp4 has frames of 64x48 pixels"):
        read_video(tmp_path / "a.mp4")
