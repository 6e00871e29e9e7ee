"""What a video file holds: a part, damage, a cover, or the frames of a real clip."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from r3d_rs.videos import clip
from tests.shared.containers import counted, cut_off, read_video, remux, write

REAL = Path(__file__).parents[3] / "shared" / "real-videos" / "clips"
NOISE = np.random.default_rng(0).integers(0, 256, (75, 48, 64, 3), "uint8")
CODECS = {
    "h264.mp4": "libx264",
    "hevc.mp4": "libx265",
    "vp8.webm": "libvpx",
    "vp9.webm": "libvpx-vp9",
    "mpeg4.avi": "mpeg4",
    "mpeg2.mkv": "mpeg2video",
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return the folder of a sound video of each codec, of 40 frames."""
    folder = tmp_path_factory.mktemp("sound")
    for name, codec in CODECS.items():
        write(folder / name, counted(40), range(0, 1600, 40), codec)
    return folder


@pytest.mark.parametrize("share", [0.4, 0.7])
@pytest.mark.parametrize(
    ("ending", "codec"),
    [("mkv", "libx264"), ("webm", "libvpx-vp9"), ("webm", "libvpx"), ("avi", "mpeg4"),
     ("flv", "flv"), ("mov", "mpeg4")],
)  # fmt: skip
def test_a_file_that_is_cut_off_is_noticed(tmp_path, ending, codec, share):
    path = tmp_path / f"a.{ending}"
    write(path, NOISE, range(0, 3000, 40), codec)
    assert len(read_video(path)) == 75
    cut_off(path, share)
    assert "was cut off" in (found := clip.encoded(path)) or "decode" in found


def with_sound(path, seconds, frames):
    """Write a video with sound of another length, in Matroska."""
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", 25)
        pictures.height, pictures.width = frames.shape[1:3]
        sound = container.add_stream("aac", rate=8000)
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode())
        for number in range(int(seconds * 8000 / 1024)):
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), "float32"), format="fltp", layout="mono"
            )
            silence.rate, silence.pts = 8000, 1024 * number
            container.mux(sound.encode(silence))
        container.mux(sound.encode())


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_sound_that_outlasts_the_pictures_is_no_cut(tmp_path, ending):
    with_sound(tmp_path / f"a.{ending}", 4, counted(25))
    assert len(read_video(tmp_path / f"a.{ending}")) == 25


def hurt(data):
    """Damage a packet so that its decoder cannot but notice."""
    return data[:8] + b"\xff" * (len(data) - 8)


def zero(data):
    """Put zeros in the place of a packet."""
    return bytes(len(data))


@pytest.mark.parametrize("name", CODECS)
def test_a_broken_picture_is_left_out_and_counted(sound, tmp_path, name):
    harm = hurt if name == "vp9.webm" else zero  # its muxer reads the packets
    which = 10 if name == "hevc.mp4" else 20  # no other picture refers to it
    remux(sound / name, tmp_path / name, lambda i, d: harm(d) if i == which else d)
    jpegs, rate, repairs = clip.encoded(tmp_path / name)
    assert (len(jpegs), rate) == (40, 25)
    assert repairs.startswith("1 broken pictures")


@pytest.mark.parametrize("name", CODECS)
def test_a_tenth_of_the_pictures_may_be_broken(sound, tmp_path, name):
    harm = hurt if name == "vp9.webm" else zero
    remux(sound / name, tmp_path / name, lambda i, d: harm(d) if 20 <= i < 30 else d)
    found = clip.encoded(tmp_path / name)
    assert "broken pictures of" in found and "allowed are 10% broken" in found


@pytest.mark.parametrize("name", [name for name in CODECS if "hevc" not in name])
def test_missing_pictures_are_counted(sound, tmp_path, name):
    remux(sound / name, tmp_path / name, lambda i, data: None if 30 <= i < 33 else data)
    jpegs, _, repairs = clip.encoded(tmp_path / name)
    assert len(jpegs) == 40 and "frames that repeat the one before" in repairs


def cover(path, codec, flagged):
    """Write a song with a picture, which is flagged as its cover or not."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream(codec, rate=44100)
        picture = container.add_stream("mjpeg", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuvj420p"
        if flagged:
            picture.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(counted(1)[0], format="rgb24")
        container.mux(picture.encode(frame))
        container.mux(picture.encode())
        for number in range(40):
            silence = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), "float32"), format="fltp", layout="mono"
            )
            silence.rate, silence.pts = 44100, 1024 * number
            container.mux(sound.encode(silence))
        container.mux(sound.encode())


@pytest.mark.parametrize(
    ("name", "codec", "flagged"),
    [("a.mp4", "aac", True), ("a.mkv", "aac", True), ("a.mkv", "aac", False)],
)
def test_a_song_with_a_cover_is_no_video(tmp_path, name, codec, flagged):
    cover(tmp_path / name, codec, flagged)
    found = clip.encoded(tmp_path / name)
    assert "no video" in found and name in found


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_that_is_named_as_a_video_is_none(tmp_path, form):
    Image.fromarray(counted(2)[1]).save(tmp_path / "a.mp4", form)
    assert "does not decode: it is a picture" in clip.encoded(tmp_path / "a.mp4")


@pytest.mark.skipif(not REAL.is_dir(), reason="there are no real videos here")
@pytest.mark.skipif(not shutil.which("ffprobe"), reason="there is no ffprobe here")
def test_real_clips_have_the_frames_rate_and_size_that_ffprobe_counts():
    asked = ["width", "height", "avg_frame_rate", "nb_read_frames"]
    clips = sorted(path for path in REAL.iterdir() if path.suffix in (".mp4", ".avi"))
    assert clips
    for path in clips:
        command = ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v"]
        command += ["-show_entries", f"stream={','.join(asked)}", "-of", "json", path]
        done = subprocess.run(command, check=True, capture_output=True)
        [stream] = json.loads(done.stdout)["streams"]
        width, height, rate, count = (stream[name] for name in asked)
        jpegs, found, repairs = clip.encoded(path)
        top, bottom = map(int, rate.split("/"))
        assert (len(jpegs), repairs) == (int(count), ""), path.name
        assert found == pytest.approx(top / bottom, rel=1e-6), path.name
        with Image.open(io.BytesIO(jpegs[0])) as image:
            assert image.size == (width, height), path.name
