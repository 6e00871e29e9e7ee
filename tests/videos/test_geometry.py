"""Pictures are as a player shows them: turned, mirrored, with square pixels."""

from fractions import Fraction

import av
import numpy as np
import pytest

from r3d_rs.videos import clip
from r3d_rs.videos.geometry import displayed
from tests.shared.containers import read_video
from tests.shared.tiny import clock


def write(path, pixels, *, aspect=1, **display):
    """Encode three frames with pixels of an aspect, and a display matrix."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt, stream.options = "yuv444p", {"crf": "1"}
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if display:
            stream.set_display_rotation(**display)
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def corner():
    """Return a picture that all turns and mirrors change."""
    return np.ascontiguousarray(
        clock(1)[0] + np.arange(48, dtype="uint8")[:, None, None]
    )


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [(), ("hflip",), ("vflip",)])
def test_turned_and_mirrored_pictures_are_shown_as_stated(tmp_path, degrees, mirror):
    write(tmp_path / "a.mp4", corner(), degrees=degrees, **dict.fromkeys(mirror, True))
    flips = {"hflip": np.fliplr, "vflip": np.flipud}
    expected = np.rot90(corner(), degrees // 90)
    for name in mirror:  # it mirrors what it has turned
        expected = flips[name](expected)
    found = read_video(tmp_path / "a.mp4")[0]
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 8


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize(
    ("aspect", "size", "small"),
    [("16/15", (48, 68), (24, 34)), ("64/45", (48, 91), (24, 45)),
     ("8/9", (48, 57), (24, 28)), ("1/2", (48, 32), (36, 24))],
)  # fmt: skip
def test_pixels_become_square(tmp_path, ending, aspect, size, small):
    path = tmp_path / f"a.{ending}"
    write(path, corner(), aspect=aspect)
    assert read_video(path).shape[1:3] == size
    assert read_video(path, 24).shape[1:3] == small


def test_pixels_become_square_before_the_picture_is_turned(tmp_path):
    write(tmp_path / "a.mp4", corner(), aspect=2, degrees=90)
    assert read_video(tmp_path / "a.mp4").shape[1:3] == (128, 48)


def test_pixels_are_counted_when_they_are_square(tmp_path, monkeypatch):
    write(tmp_path / "a.mp4", corner(), aspect=2)
    monkeypatch.setattr(clip, "MAX_PIXELS", 48 * 64)
    assert "frames of 128x48 pixels; allowed" in clip.encoded(tmp_path / "a.mp4")


def test_an_empty_matrix_changes_nothing():
    assert (displayed(corner(), bytes(36)) == corner()).all()
