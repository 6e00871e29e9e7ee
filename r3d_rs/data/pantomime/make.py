"""Rendering the whole dataset into files laid out like Kinetics."""

import csv
import io
import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import numpy as np
from tqdm import tqdm

from r3d_rs.data.pantomime.scene import FRAMES, RATE
from r3d_rs.data.pantomime.video import SPLITS, class_names, label, video

#: Raised whenever the frames of a seed change.
VERSION = 1
#: Videos of a class in each split.
PER_CLASS = {"train": 100, "validate": 20, "test": 50}
#: Start and end in the videos' names and lists, whole seconds.
TIME = (0, -(-FRAMES // RATE))

_X264 = "qp=18:aq-mode=0:mbtree=0:psy=0:threads=1:keyint=20:scenecut=0"
#: SMPTE 170M, in the numbering of ITU-T H.273.
_BT601 = 6


def video_id(classes: int, split: str, index: int) -> str:
    """Return a video's id, 11 characters like YouTube's: pm20-tr0001."""
    return f"pm{classes}-{split[:2]}{index:04d}"


def make(
    directory: str | os.PathLike,
    *,
    classes: int = 20,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Render Pantomime into a directory, and return it.

    The directory appears when it is complete; one that is complete is returned at once.
    It holds `<split>/<class>/<id>_<start>_<end>.mp4` and `<split>.csv`, as Kinetics
    does, for the splits "train", "validate" and "test", and `pantomime.json`.

    Args:
        directory: to make, in a directory that may be written to.
        classes: 20 or 30.
        seed: of all that is random; the same seed gives the same frames everywhere.
        workers: processes to render in; all processors by default.
        progress: show a bar.

    Raises:
        ValueError: the number of classes is neither 20 nor 30.
        FileExistsError: the directory holds something else.
        OSError: the directory cannot be written, the disk being full for example.
    """
    directory = Path(directory).absolute()
    about = {"version": VERSION, "classes": list(class_names(classes)), "seed": seed}
    if _finished(directory, about):
        return directory
    incomplete = directory.with_name(f"{directory.name}.incomplete-{os.getpid()}")
    try:
        for split in SPLITS:
            for name in class_names(classes):
                (incomplete / split / name).mkdir(parents=True, exist_ok=True)
        _write_videos(
            incomplete, classes, seed, workers or os.cpu_count() or 1, progress
        )
        for split in SPLITS:
            _write_list(incomplete, split, classes)
        (incomplete / "pantomime.json").write_text(json.dumps(about, indent=1) + "\n")
        incomplete.rename(directory)
    except OSError as error:
        # another process may have finished in the meantime
        if _finished(directory, about):
            return directory
        raise OSError(
            error.errno,
            f"cannot write Pantomime-{classes} to {directory}: "
            f"{error.strerror or error}",
        ) from error
    finally:
        shutil.rmtree(incomplete, ignore_errors=True)
    return directory


def _finished(directory: Path, about: dict) -> bool:
    """Return whether the directory is this dataset; False if it may become it."""
    try:
        found = json.loads((directory / "pantomime.json").read_text())
    except FileNotFoundError:
        if not directory.exists() or not any(directory.iterdir()):
            return False
        raise FileExistsError(
            f"{directory} is there but is no Pantomime (it has no pantomime.json); "
            "remove it or choose another directory"
        ) from None
    for key, value in about.items():
        if found.get(key) != value:
            raise FileExistsError(
                f"{directory} holds a Pantomime whose {key} is {found.get(key)!r}, not "
                f"{value!r}; remove it or choose another directory"
            )
    return True


def _write_videos(
    directory: Path, classes: int, seed: int, workers: int, progress: bool
) -> None:
    jobs = [
        (directory, classes, seed, split, index)
        for split in SPLITS
        for index in range(PER_CLASS[split] * classes)
    ]
    bar = tqdm(
        total=len(jobs), desc=f"Pantomime-{classes}", unit="video", disable=not progress
    )
    with bar:
        if workers == 1:
            for job in jobs:
                _write_video(job)
                bar.update()
            return
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
            try:
                for _ in pool.map(_write_video, jobs, chunksize=10):
                    bar.update()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _write_video(job: tuple[Path, int, int, str, int]) -> None:
    directory, classes, seed, split, index = job
    name = label(index, classes)
    path = directory / split / name / _file_name(classes, split, index)
    path.write_bytes(encode(video(name, seed, split, index)))


def _file_name(classes: int, split: str, index: int) -> str:
    return f"{video_id(classes, split, index)}_{TIME[0]:06d}_{TIME[1]:06d}.mp4"


def _write_list(directory: Path, split: str, classes: int) -> None:
    with open(directory / f"{split}.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("label", "youtube_id", "time_start", "time_end", "split"))
        for index in range(PER_CLASS[split] * classes):
            ident = video_id(classes, split, index)
            rows.writerow((label(index, classes), ident, *TIME, split))


def to_yuv(frames: np.ndarray) -> np.ndarray:
    """Return RGB frames in BT.601 Y'CbCr 4:2:0 of limited range, in integers.

    From `(time, height, width, 3)` to `(time, 3 * height // 2, width)`, the planes of
    Y', Cb and Cr one below the other.
    """
    time, height, width, _ = frames.shape
    r, g, b = (frames[..., i].astype(np.int32) for i in range(3))
    luma = ((66 * r + 129 * g + 25 * b + 128) >> 8) + 16

    def chroma(weights: tuple[int, int, int]) -> np.ndarray:
        full = weights[0] * r + weights[1] * g + weights[2] * b
        rows = full[:, ::2] + full[:, 1::2]
        square = rows[:, :, ::2] + rows[:, :, 1::2]
        return (((square + 512) >> 10) + 128).reshape(time, height // 4, width)

    planes = [luma, chroma((-38, -74, 112)), chroma((112, -94, -18))]
    return np.concatenate(planes, axis=1).astype(np.uint8)


def encode(frames: np.ndarray) -> bytes:
    """Return an MP4 file of H.264 video of RGB frames, at a constant quantizer."""
    _, height, width, _ = frames.shape
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"preset": "veryfast", "x264-params": _X264}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 1
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT601
        context.color_range = av.video.reformatter.ColorRange.MPEG
        for planes in to_yuv(frames):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
