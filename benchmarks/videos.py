"""Videos to measure with: moving textures, as records of the official implementation.

A record is a `tf.train.SequenceExample` with one JPEG a frame in the feature list
`image/encoded`, and the label and the video's id in the context (`clip/label/index`,
`clip/media_id`), as `official/vision/dataloaders/video_input.py` of tf-models-official
2.20.0 reads it.
"""

import argparse
import dataclasses
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from r3d_rs.cores import usable_cores
from r3d_rs.data.clip import encode_jpeg

#: Side of the square texture that a camera pans over; it repeats at its edges.
TEXTURE = 512

#: Contrast of the textures, grey levels.
CONTRAST = 45


@dataclasses.dataclass(frozen=True)
class Videos:
    """What to make. The defaults are like Kinetics: 10 s at 25 frames a second."""

    videos: int = 64
    frames: int = 250
    height: int = 256
    width: int = 340
    files: int = 16
    classes: int = 400

    def folder(self, data: Path) -> Path:
        """Return where such videos lie; other settings lie elsewhere."""
        name = "-".join(str(value) for value in dataclasses.astuple(self))
        return data / f"videos-{name}"


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where videos lie."""
    cache = Path("~", ".cache", "r3d_rs", "benchmarks").expanduser()
    parser.add_argument(
        "--data", type=Path, default=cache, help="for the videos, made once"
    )


def make(settings: Videos, data: Path) -> Path:
    """Write the records, unless they are there, and return their folder.

    A folder that exists is complete: it gets its name last.
    """
    data = data.expanduser().absolute()
    folder = settings.folder(data)
    if folder.exists():
        return folder
    data.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=data))
    try:
        with ThreadPoolExecutor(usable_cores()) as pool:
            for done, _ in enumerate(
                pool.map(
                    lambda file: _write_file(settings, file, unfinished),
                    range(settings.files),
                ),
                1,
            ):
                print(f"records: {done} of {settings.files} files", end="\r")
        print()
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _write_file(settings: Videos, file: int, folder: Path) -> None:
    import tensorflow as tf

    name = f"train-{file:05d}-of-{settings.files:05d}.tfrecord"
    with tf.io.TFRecordWriter(str(folder / name)) as writer:
        for video in range(file, settings.videos, settings.files):
            writer.write(_record(settings, video).SerializeToString())


def _record(settings: Videos, video: int):
    import tensorflow as tf

    random = np.random.default_rng(video)
    example = tf.train.SequenceExample()
    context = example.context.feature
    context["clip/label/index"].int64_list.value.append(video % settings.classes)
    context["clip/media_id"].bytes_list.value.append(f"video-{video:05d}".encode())
    jpegs = example.feature_lists.feature_list["image/encoded"].feature
    for frame in render(settings, random):
        jpegs.add().bytes_list.value.append(encode_jpeg(frame))
    return example


def render(settings: Videos, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield a video's frames, uint8 `(height, width, 3)`.

    A camera pans over a texture, in front of which textured ellipses move.
    """
    height, width = settings.height, settings.width
    background, foreground = (np.tile(texture(random), (2, 2, 1)) for _ in range(2))
    pan, drift = random.uniform(-3, 3, (2, 2))
    radii = random.uniform(0.08, 0.25, (3, 2, 1, 1)) * height
    starts = random.uniform((0, 0), (height, width), (3, 2))
    speeds = random.uniform(-4, 4, (3, 2))
    rows, columns = np.ogrid[:height, :width]
    for time in range(settings.frames):
        centres = (starts + speeds * time) % (height, width)
        down = (rows - centres[:, 0, None, None]) / radii[:, 0]
        right = (columns - centres[:, 1, None, None]) / radii[:, 1]
        inside = (down**2 + right**2 < 1).any(axis=0)
        frame = _window(background, pan * time, height, width)
        near = _window(foreground, drift * time, height, width)
        yield np.where(inside[..., None], near, frame)


def texture(random: np.random.Generator) -> np.ndarray:
    """Return noise with the spectrum of filmed scenes, uint8 `(side, side, 3)`.

    Amplitudes fall with the frequency as 1/f, as natural images' do, and faster from
    a fifteenth of a cycle a pixel on, as they do in frames out of a video codec.
    Colours vary less than brightness.
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


def _window(plane: np.ndarray, corner, height: int, width: int) -> np.ndarray:
    """Cut a window out of a texture, of which there are two by two."""
    top, left = np.rint(corner).astype(int) % TEXTURE
    return plane[top : top + height, left : left + width]


def mean_frame_bytes(folder: Path, settings: Videos) -> float:
    """Return the mean size of a stored frame, the records' overhead included."""
    size = sum(path.stat().st_size for path in folder.iterdir())
    return size / (settings.videos * settings.frames)
