"""Render the whole dataset into video files in Kinetics' layout."""

import csv
import dataclasses
import io
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import numpy as np

from r3d_rs import files
from r3d_rs.cores import spawning, usable_cores
from r3d_rs.pantomime.scene import FRAMES, RATE
from r3d_rs.pantomime.sets import SETS
from r3d_rs.pantomime.video import SPLITS, video
from r3d_rs.progress import bar

#: Version of the frames; increased whenever a seed gives other frames.
VERSION = 2
#: Columns of Kinetics' CSV files, as `videos.listing` reads them.
COLUMNS = ("label", "youtube_id", "time_start", "time_end")
#: Start and end in the videos' names and lists, in whole seconds.
TIME = (0, -(-FRAMES // RATE))

_X264 = "qp=18:aq-mode=0:mbtree=0:psy=0:threads=1:keyint=20:scenecut=0"
#: Code point of SMPTE 170M in ITU-T H.273.
_BT601 = 6


def video_id(name: str, split: str, index: int) -> str:
    """Return a video's id of 11 characters, like YouTube's, such as p220-tr0001."""
    return f"p{VERSION}{name.removeprefix('pantomime-')[:2]}-{split[:2]}{index:04d}"


def make(
    directory: str | os.PathLike,
    *,
    name: str = "pantomime-20",
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Render Pantomime into a directory.

    The directory appears once it is complete. If it is complete already, nothing is
    rendered. As in Kinetics, it holds `<split>/<class>/<id>_<start>_<end>.mp4` and
    `<split>.csv` for the splits "train", "validate" and "test" that have videos. It
    also holds `pantomime.json`.

    Args:
        directory: directory to make, within a writable directory.
        name: name of the set of videos, one of `SETS`.
        seed: seeds everything random; the same seed gives the same frames everywhere.
        workers: number of processes that render; all usable cores by default.
        progress: whether to show a progress bar.

    Returns:
        The absolute path of the directory.

    Raises:
        ValueError: if there is no set of this name.
        FileExistsError: if the directory holds something else.
        OSError: if the directory cannot be written, for example on a full disk.
    """
    directory = Path(directory).absolute()
    if name not in SETS:
        raise ValueError(f"name: {name!r}; allowed are {', '.join(SETS)}")
    videos = SETS[name]
    about = {"version": VERSION, "seed": seed}
    about |= json.loads(json.dumps(dataclasses.asdict(videos)))
    if _finished(directory, about):
        return directory
    incomplete = directory.with_name(f"{directory.name}.incomplete-{os.getpid()}")
    try:
        jobs = []
        for split in SPLITS:
            if not videos.count(split):
                continue
            for label in videos.classes:
                (incomplete / split / label).mkdir(parents=True, exist_ok=True)
            _write_list(incomplete, name, split)
            jobs += _jobs(incomplete, name, seed, split)
        _write_videos(jobs, workers or usable_cores(), name, progress)
        (incomplete / "pantomime.json").write_text(json.dumps(about, indent=1) + "\n")
        incomplete.rename(directory)
    except OSError as error:
        # Another process may have finished in the meantime.
        if _finished(directory, about):
            return directory
        raise OSError(
            error.errno,
            f"cannot write {name} to {directory}: {error.strerror or error}; free some"
            " space and start again",
        ) from error
    finally:
        shutil.rmtree(incomplete, ignore_errors=True)
    return directory


def _finished(directory: Path, about: dict) -> bool:
    """Return whether a directory holds this dataset.

    Returns:
        True, or False if the directory is missing or empty.

    Raises:
        FileExistsError: if the directory holds something else.
    """
    try:
        found = files.parse_json(directory / "pantomime.json")
    except FileNotFoundError:
        if not directory.exists() or not any(directory.iterdir()):
            return False
        raise FileExistsError(
            f"{directory} exists but is no Pantomime (it has no pantomime.json); "
            "remove it or choose another directory"
        ) from None
    for key, value in about.items():
        if found.get(key) != value:
            raise FileExistsError(
                f"{directory} holds a Pantomime whose {key} is {found.get(key)!r}, not "
                f"{value!r}; remove it or choose another directory"
            )
    return True


#: A file to write, and the arguments of `video` for its frames.
Job = tuple[Path, tuple[str, int, str, int, int]]


def _jobs(directory: Path, name: str, seed: int, split: str) -> Iterator[Job]:
    videos = SETS[name]
    for index in range(videos.count(split)):
        file = f"{video_id(name, split, index)}_{TIME[0]:06d}_{TIME[1]:06d}.mp4"
        shown = videos.shown(seed, split, index)
        yield (
            directory / split / videos.label(index) / file,
            (shown, seed, split, index, videos.stream),
        )


def _write_videos(jobs: list[Job], workers: int, name: str, progress: bool) -> None:
    shown = bar(
        total=len(jobs), desc=f"Rendering {name}", unit="video", disable=not progress
    )
    with shown:
        if workers == 1:
            for job in jobs:
                _write_video(job)
                shown.update()
            return
        with ProcessPoolExecutor(workers, mp_context=spawning()) as pool:
            try:
                for _ in pool.map(_write_video, jobs, chunksize=10):
                    shown.update()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def _write_video(job: Job) -> None:
    path, arguments = job
    path.write_bytes(encode(video(*arguments)))


def _write_list(directory: Path, name: str, split: str) -> None:
    videos = SETS[name]
    with open(directory / f"{split}.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow((*COLUMNS, "split"))
        for index in range(videos.count(split)):
            ident = video_id(name, split, index)
            rows.writerow((videos.label(index), ident, *TIME, split))


def to_yuv(frames: np.ndarray) -> np.ndarray:
    """Convert RGB frames to limited-range BT.601 Y'CbCr 4:2:0 in integer arithmetic.

    Args:
        frames: uint8 `(time, height, width, 3)`.

    Returns:
        uint8 `(time, 3 * height // 2, width)`, with the planes Y', Cb and Cr stacked
        vertically.
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
    """Encode RGB frames as H.264 with a constant quantizer, and return the MP4 file."""
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
