"""Videos for benchmarks: moving textures, as records of the official implementation.

A record is a `tf.train.SequenceExample`. The feature list `image/encoded` has one JPEG
per frame. The context has the label and the video's id (`clip/label/index`,
`clip/media_id`). This is the format that `official/vision/dataloaders/video_input.py`
of tf-models-official 2.20.0 reads.
"""

import argparse
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from r3d_rs.cores import usable_cores
from r3d_rs.videos.clip import encode_jpeg

#: Like Kinetics: 10 s at 25 frames per second, 256 pixels high.
FRAMES, HEIGHT, WIDTH, CLASSES = 250, 256, 340, 400

#: Side of the square texture that the camera pans over. The texture is periodic.
TEXTURE = 512

#: Contrast of the textures, in grey levels.
CONTRAST = 45


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the option for the folder of the videos."""
    cache = Path("~", ".cache", "r3d_rs", "benchmarks").expanduser()
    parser.add_argument(
        "--data", type=Path, default=cache, help="folder of the videos, made once"
    )


def make(data: Path, videos: int, frames: int = FRAMES) -> Path:
    """Write videos to at most 16 files, unless they exist, and return their folder.

    The folder gets its name only when it is complete.
    """
    folder = data.expanduser().absolute() / f"textures-{videos}-{frames}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    files = min(videos, 16)

    def write(file):
        import tensorflow as tf

        path = unfinished / f"train-{file:05d}-of-{files:05d}.tfrecord"
        with tf.io.TFRecordWriter(str(path)) as writer:
            for video in range(file, videos, files):
                writer.write(_record(video, frames))

    print(f"Writing {videos} videos to {folder}", flush=True)
    try:
        with ThreadPoolExecutor(usable_cores()) as pool:
            list(pool.map(write, range(files)))
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _record(video: int, frames: int) -> bytes:
    import tensorflow as tf

    random = np.random.default_rng(video)
    example = tf.train.SequenceExample()
    context = example.context.feature
    context["clip/label/index"].int64_list.value.append(video % CLASSES)
    context["clip/media_id"].bytes_list.value.append(f"video-{video:05d}".encode())
    jpegs = example.feature_lists.feature_list["image/encoded"].feature
    plane = np.tile(texture(random), (2, 2, 1))
    speed = random.uniform(-3, 3, 2)
    for time in range(frames):
        top, left = np.rint(speed * time).astype(int) % TEXTURE
        frame = plane[top : top + HEIGHT, left : left + WIDTH]
        jpegs.add().bytes_list.value.append(encode_jpeg(frame))
    return example.SerializeToString()


def texture(random: np.random.Generator) -> np.ndarray:
    """Return noise with the spectrum of filmed scenes, uint8 `(side, side, 3)`.

    Amplitudes fall with frequency as 1/f, as in natural images. Above 1/15 cycle per
    pixel they fall faster, as in frames from a video codec. Colors vary less than
    brightness.
    """
    frequency = np.hypot(np.fft.fftfreq(TEXTURE)[:, None], np.fft.rfftfreq(TEXTURE))
    frequency[0, 0] = np.inf
    amplitude = 1 / frequency / (1 + (frequency * 15) ** 2)
    shape = (3, *amplitude.shape)
    noise = random.normal(size=shape) + 1j * random.normal(size=shape)
    planes = np.fft.irfft2(noise * amplitude, s=(TEXTURE, TEXTURE))
    brightness, red, blue = planes / planes.std(axis=(1, 2), keepdims=True)
    red, blue = 0.2 * red, 0.2 * blue
    colours = np.stack(
        [brightness + red, brightness - (red + blue) / 2, brightness + blue], axis=-1
    )
    return np.clip(120 + CONTRAST * colours, 0, 255).astype(np.uint8)
