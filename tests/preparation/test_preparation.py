"""From folders of videos to datasets, at once and in parts, and bad videos."""

import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from r3d_rs import cores as usable
from r3d_rs import progress
from r3d_rs.data import datasets, inspect
from r3d_rs.pantomime import CLASSES_30, SETS
from r3d_rs.pantomime import make as make_function
from r3d_rs.preparation import assembly, preparation, processes, shards, verify
from r3d_rs.videos import clip
from tests.shared import decoder
from tests.shared.tiny import (
    CLASSES,
    clock,
    in_process,
    write_csv,
    write_video,
    write_videos,
)

NAME = "kinetics-400"

make_module = sys.modules[make_function.__module__]


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Forty training videos and five others, and no dataset yet."""
    folder = tmp_path_factory.mktemp("videos")
    write_videos(folder, {"train": 40, "validate": 5})
    return folder


@pytest.fixture(scope="module")
def dataset(videos, tmp_path_factory):
    return prepare(videos, tmp_path_factory.mktemp("data"))


def prepare(videos, data_dir, **options):
    options = {"short_side": 48, "videos": videos} | options
    with in_process():
        return preparation.prepare(NAME, data_dir, False, **options)


def contents(dataset):
    """Return the content of every file of a dataset."""
    folder = Path(dataset.splits["train"].files[0]).parent
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def stored(dataset, split="train"):
    return {video["id"].decode(): video for video in inspect.videos(dataset, split)}


def partial(data_dir):
    return data_dir / "tfds" / NAME / "partial"


def test_a_folder_of_videos_becomes_a_dataset(videos, tmp_path):
    dataset = prepare(videos, tmp_path, short_side=36)
    assert dataset.classes == CLASSES
    counts = [dataset.num_videos(split) for split in ("train", "validation", "test")]
    assert counts == [40, 5, 0]
    assert len(dataset.splits["train"].files) == 2  # of 32 and 8 videos
    video = stored(dataset)["train-1_000003_000013"]
    assert dataset.classes[video["label"]] == CLASSES[1]
    assert video["fps"] == 25
    frames = [tf.io.decode_jpeg(jpeg).numpy() for jpeg in video["frames"]]
    assert np.shape(frames) == (20, 36, 48, 3)
    red = np.mean(frames, (1, 2))[:, 0]
    assert np.abs(red - 10 * np.arange(20)).max() < 4


def test_tensorflow_datasets_reads_it_too(dataset):
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = Path(dataset.splits["train"].files[0]).parent
    builder = tfds.builder_from_directory(folder)
    example = next(iter(builder.as_dataset(split="validation")))
    assert example["frames"].shape == (20, 48, 64, 3)
    assert builder.info.splits["train"].num_examples == 40
    found = [str(path) for path in builder.info.splits["train"].filepaths]
    assert found == list(dataset.splits["train"].files)
    assert tuple(builder.info.features["label"].names) == CLASSES


def test_no_dataset_of_videos_needs_tensorflow_datasets(
    videos, dataset, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    monkeypatch.setattr(shutil, "which", lambda program: program)  # ffmpeg is there
    assert contents(prepare(videos, tmp_path)) == contents(dataset)
    with pytest.raises(ModuleNotFoundError, match="prepared by the package tensorfl"):
        preparation.prepare("ucf101", tmp_path)


def test_a_dataset_of_an_older_version_is_loaded(dataset, tmp_path):
    """TensorFlow Datasets wrote its small files then, with more fields."""
    folder = tmp_path / "tfds" / NAME / "kinetics" / "1.1.0"
    shutil.copytree(Path(dataset.splits["train"].files[0]).parent, folder)
    for path in (folder / "sealed.json", *folder.glob("frames-*.npz")):
        path.unlink()
    info = json.loads((folder / "dataset_info.json").read_text())
    info |= {"moduleName": "r3d_rs.data.kinetics", "releaseNotes": {"1.1.0": ""}}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    older = preparation.prepare(NAME, tmp_path, progress=False)
    assert (older.classes, older.aside) == (dataset.classes, dataset.aside)
    changed = {Path("dataset_info.json"), Path("sealed.json")}
    found, expected = contents(older), contents(dataset)
    assert {path for path in expected if found[path] != expected[path]} == changed


def test_videos_are_written_in_random_order(dataset):
    numbers = [int(name.split("-")[1].split("_")[0]) for name in stored(dataset)]
    assert sorted(numbers) == list(range(40))
    assert np.mean(np.abs(np.diff(numbers)) == 1) < 0.3


def test_neither_processes_nor_a_disk_without_links_change_anything(
    videos, dataset, tmp_path, monkeypatch
):
    def link(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    options = {"videos": videos, "short_side": 48, "workers": 2}
    other = preparation.prepare(NAME, tmp_path, False, **options)
    assert contents(other) == contents(dataset)


def test_without_links_nothing_is_decoded_twice_where_the_last_step_stops(
    videos, dataset, tmp_path, monkeypatch
):
    def link(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def stop(path, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", link)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(videos, tmp_path)
    assert not datasets.is_prepared(NAME, tmp_path)
    monkeypatch.setattr(clip, "encoded", None)
    assert contents(prepare(videos, tmp_path)) == contents(dataset)


# Bad videos.


@pytest.fixture(scope="module")
def mixed(videos, tmp_path_factory):
    """A folder in which seven of forty videos are bad, each in its own way."""
    folder = tmp_path_factory.mktemp("mixed") / "videos"
    shutil.copytree(videos, folder)

    def path(i):
        return folder / "train" / CLASSES[i % 3] / f"train-{i}_000003_000013.mp4"

    path(0).write_bytes(b"")
    path(1).write_bytes(path(1).read_bytes()[:700])
    path(2).write_bytes(b"<html>404</html>" * 40)
    path(3).unlink()
    path(4).write_bytes(bytes(5000))
    write_video(path(5).with_suffix(".avi"), clock(), codec="mpeg4")  # another codec
    path(5).unlink()
    # Odd, but videos all the same.
    write_video(path(6), clock(1))
    write_video(path(7), clock(20, 49, 31))
    write_video(path(8), clock(), rotation=90)
    return folder


BAD = {f"train-{i}_000003_000013" for i in range(5)}


def test_bad_videos_are_set_aside_with_the_reason(mixed, tmp_path):
    options = {"max_aside": 0.2, "annotations": mixed}
    dataset = prepare(mixed, tmp_path, **options)
    reasons = {video.id: video.reason for video in dataset.aside}
    assert set(reasons) == BAD
    assert "there is no file" in reasons["train-3_000003_000013"]
    assert "does not decode" in reasons["train-2_000003_000013"]
    videos = stored(dataset)
    assert len(videos) == dataset.num_videos("train") == 35
    assert not BAD & set(videos)

    def shape(i):
        video = videos[f"train-{i}_000003_000013"]
        size = tf.io.extract_jpeg_shape(video["frames"][0]).numpy()
        return len(video["frames"]), *size[:2].tolist()

    assert [shape(i) for i in (5, 6)] == [(20, 48, 64), (1, 48, 64)]
    assert [shape(i) for i in (7, 8)] == [(20, 75, 48), (20, 64, 48)]
    report = verify.check_split(dataset, "train", dataset.annotations, progress=False)
    assert {video.id for video in report.missing} == BAD
    assert report.short["turn left"] == (13, 11)
    assert report.surplus == report.broken == ()
    # The same command again changes nothing, and others are refused.
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tfrecord-*")}
    assert prepare(mixed, tmp_path, **options).splits == dataset.splits
    assert prepare("nowhere", tmp_path).aside == dataset.aside
    assert times == {path: path.stat().st_mtime_ns for path in times}
    lists = tmp_path / "lists"
    shutil.copytree(dataset.annotations, lists)
    header, *rows = (lists / "train.csv").read_text().splitlines()
    (lists / "train.csv").write_text("\r\n".join([header, *reversed(rows), ""]))
    again = preparation.prepare(NAME, tmp_path, False, annotations=lists)
    assert again.splits == dataset.splits
    with (lists / "train.csv").open("a") as file:
        file.write("wave,new,0,10,train\n")
    folder = Path(dataset.splits["train"].files[0]).parent
    for options, message in (
        ({"short_side": 320}, "short_side is 320, but the stored frames have 48"),
        ({"max_aside": 0.1}, "max_aside is 0.1: split train: 5 of 40 videos cannot"),
        ({"annotations": lists}, f"annotations is {lists}, but its CSV files for tr"),
        ({"videos": lists}, f"videos is {lists}, but its CSV files for train differ"),
        ({"short_side": 64, "max_aside": 0}, "short_side is 64, but the stored frames"),
    ):
        with pytest.raises(ValueError, match=f"but differently: {message}") as e:
            preparation.prepare(NAME, tmp_path, False, **options)
        assert f"Remove {folder} to prepare it again" in str(e.value)


def test_a_link_that_leads_nowhere_is_a_video_without_a_file(tmp_path, monkeypatch):
    write_videos(tmp_path, {"train": 4, "validate": 1})
    link, gone, *_ = sorted((tmp_path / "train").rglob("*.mp4"))
    link.unlink()
    link.symlink_to(tmp_path / "nowhere.mp4")
    plan = shards.plan

    def slow(*arguments):  # the file goes after it was found
        planned = plan(*arguments)
        gone.unlink(missing_ok=True)
        return planned

    monkeypatch.setattr(shards, "plan", slow)
    dataset = prepare(tmp_path, tmp_path / "data", max_aside=0.5)
    reasons = {video.id: video.reason for video in dataset.aside}
    assert "or only a link that leads nowhere" in reasons.pop(link.stem)
    assert reasons == {gone.stem: f"video {gone}: there is no such file"}


def test_too_many_bad_videos_stop_the_preparation_until_they_are_replaced(
    mixed, tmp_path
):
    copy = tmp_path / "videos"
    shutil.copytree(mixed, copy)
    with pytest.raises(
        shards.TooManyAsideError,
        match=r"split train: \d of 40 videos cannot be used, allowed are 5.0% "
        r"\(max_aside\); the first are train-\d",
    ):
        prepare(copy, tmp_path)
    with pytest.raises(FileNotFoundError, match="not prepared"):
        datasets.load(NAME, tmp_path)
    for i in range(5):
        place = copy / "train" / CLASSES[i % 3] / f"train-{i}_000003_000013.mp4"
        write_video(place, clock())
    assert prepare(copy, tmp_path).num_videos("train") == 40


def test_parts_that_may_lack_more_are_no_dataset_that_may_lack_less(mixed, tmp_path):
    prepare(mixed, tmp_path, part="1/1", max_aside=0.2)
    with pytest.raises(shards.TooManyAsideError, match="5 of 40 videos cannot be used"):
        prepare(mixed, tmp_path)
    assert not datasets.is_prepared(NAME, tmp_path)
    merged = preparation.merge(NAME, tmp_path, False)
    assert len(merged.aside) == 5


def test_missing_files_are_known_before_anything_is_decoded(tmp_path, monkeypatch):
    """Those of the last split too: a test split may have a list and no files."""
    for split, name in (("train", "v"), ("test", "u")):
        rows = [("wave", f"{name}{i}", 0, 10, "") for i in range(9)]
        write_csv(tmp_path / f"{split}.csv", rows)
    for i in range(9):
        (tmp_path / f"v{i}.mp4").touch()
    monkeypatch.setattr(clip, "encoded", None)
    with pytest.raises(shards.TooManyAsideError, match=r"test: 9 of 9 .* leave out"):
        prepare(tmp_path, tmp_path)


def test_a_class_that_training_lacks_is_found_before_decoding(tmp_path):
    write_videos(tmp_path, {"train": 2})
    write_csv(tmp_path / "val.csv", [("juggle", "x", 0, 10, "val")])
    with pytest.raises(ValueError, match=r"val\.csv, line 2: unknown label 'juggle'"):
        prepare(tmp_path, tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"kinetics-600/train\.csv: there is no such CSV file"
    ):
        preparation.prepare("kinetics-600", tmp_path)


def test_a_video_that_crashes_or_hangs_its_process_is_set_aside(videos, monkeypatch):
    monkeypatch.setattr(processes, "TIMEOUT_SECONDS", 5)
    paths = [
        videos / "train" / CLASSES[i % 3] / f"train-{i}_000003_000013.mp4"
        for i in range(6)
    ]
    results = list(
        processes.isolated_map(decoder.crash_or_hang, ((p, 48) for p in paths), 2)
    )
    assert "crashed its process" in results[1]
    assert results[2] == "decoding took longer than 5 seconds"
    good = [result for i, result in enumerate(results) if i not in (1, 2)]
    assert all(len(jpegs) == 20 for jpegs, *_ in good)


def test_as_many_processes_decode_as_cores_may_be_used(monkeypatch):
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5, 6}, False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable.usable_cores() == 3


@pytest.mark.parametrize(
    ("group", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000", "a/b/cpu.max": "max 100000"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "900000 100000\n"}, 3),
        ("4:cpu,cpuacct:/gone\n", {"cpu/cpu.cfs_quota_us": "200000"}, 2),
        ("4:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1"}, 3),
        ("7:memory:/\n", {"cpu.max": "100000 100000"}, 3),
        ("nonsense\n", {"cpu.max": "nonsense"}, 3),
    ],
)
def test_a_container_may_have_less_time_than_cores(
    tmp_path, monkeypatch, group, files, cores
):
    for name, content in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.with_name("cpu.cfs_period_us").write_text("100000")
    (tmp_path / "own").write_text(group)
    monkeypatch.setattr(usable, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(usable, "OWN_GROUP", tmp_path / "own")
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5, 6}, False)
    assert usable.usable_cores() == cores


UNGUARDED = """
print("once")
from r3d_rs.preparation import processes
from r3d_rs.videos import clip
tasks = [("lost.mp4", 48), ("gone.mp4", 48)]
print(len(list(processes.isolated_map(clip.encoded, tasks, 2))), __file__)
"""


@pytest.mark.parametrize("way", ["script", "module"])
def test_a_program_needs_no_main_guard(tmp_path, way):
    program = tmp_path / "program.py"
    program.write_text(UNGUARDED)
    how = [str(program)] if way == "script" else ["-m", "program"]
    done = subprocess.run(
        [sys.executable, *how],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"once\n2 {program}\n", done.stderr


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "data", Path("/proc/data")):
        for options in ({}, {"part": "1/2"}):
            with pytest.raises(OSError, match=r"--data-dir or R3D_RS_DATA: '.*data'"):
                preparation.prepare(NAME, place, False, **options)


def test_without_a_home_the_folder_has_to_be_named(monkeypatch, tmp_path):
    def nameless(path):  # as of a user without an entry
        return path

    monkeypatch.delenv("R3D_RS_DATA", raising=False)
    monkeypatch.setattr(os.path, "expanduser", nameless)
    with pytest.raises(ValueError, match=r"no home folder: set .* R3D_RS_DATA"):
        preparation.prepare(NAME)
    with pytest.raises(FileNotFoundError, match=r"train\.csv"):
        preparation.prepare(NAME, tmp_path)


def test_a_bar_is_made_of_lines_in_a_log(capsys):
    list(progress.bar(range(3), desc="Reading"))
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("Reading:   0%") and last.startswith("Reading: 100%")


def test_pantomime_of_another_edition_is_refused(tmp_path, monkeypatch):
    """Its videos are as many, but others."""
    name = "pantomime-web"
    few = {"classes": CLASSES_30[:3], "train": 1, "validate": 1}
    monkeypatch.setitem(SETS, name, dataclasses.replace(SETS[name], **few))

    def prepared():
        with in_process():
            return preparation.prepare(name, tmp_path, False)

    with monkeypatch.context() as older:
        older.setattr(make_module, "VERSION", 1)
        prepared()
    message = r"3 videos like p1we-tr\S+, expected 3 like p2we-tr0000; another version"
    with pytest.raises(ValueError, match=message):
        prepared()


# In parts, killed, and a full disk.

PROGRAM = """
import sys

if __name__ == "__main__":
    from r3d_rs.preparation import preparation, shards

    shards.SHARD_VIDEOS = 4
    videos, data_dir = sys.argv[1:]
    options = {"videos": videos, "short_side": 48, "part": "2/2", "workers": 1}
    preparation.prepare("kinetics-400", data_dir, False, **options)
"""


def files(folder, pattern):
    """Return inode and time of the files of a folder, by their names."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.glob(pattern)
    }


def test_parts_side_by_side_of_which_one_is_killed_give_the_same_bytes(
    videos, tmp_path, monkeypatch
):
    monkeypatch.setattr(shards, "SHARD_VIDEOS", 4)
    whole = prepare(videos, tmp_path / "whole")
    assert [len(part.files) for part in whole.splits.values()] == [10, 2]
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    second = subprocess.Popen(
        [sys.executable, program, videos, tmp_path],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        with ThreadPoolExecutor() as pool:
            first = pool.submit(prepare, videos, tmp_path, part="1/2")
            while not (partial(tmp_path) / "train-00001.json").exists():
                assert second.poll() is None
                time.sleep(0.005)
            second.kill()
            assert second.wait() == -signal.SIGKILL
            assert first.result() is None
    finally:
        second.kill()
    before = files(partial(tmp_path), "*.tfrecord")
    names = {f"train-{i:05d}.tfrecord" for i in (0, 1, 2, 4, 6, 8)}
    assert {*names, "validation-00000.tfrecord"} <= set(before)
    with pytest.raises(ValueError, match=f"{NAME} lacks the parts 2/2; prepare them"):
        preparation.merge(NAME, tmp_path, False)
    assert not datasets.is_prepared(NAME, tmp_path)
    assert prepare(videos, tmp_path, part="2/2") is None
    after = files(partial(tmp_path), "*.tfrecord")
    assert len(after) == 12
    assert {name: after[name] for name in before} == before  # none is written twice
    monkeypatch.setattr(clip, "encoded", None)
    merged = preparation.merge(NAME, tmp_path, False)
    assert contents(merged) == contents(whole)
    assert not partial(tmp_path).exists()
    # All is done: neither a part nor merging again does anything.
    assert prepare(videos, tmp_path, part="1/2").splits == merged.splits
    with pytest.raises(ValueError, match="but differently: short_side is 36"):
        prepare(videos, tmp_path, part="1/2", short_side=36)
    assert preparation.merge(NAME, tmp_path, False).splits == merged.splits
    assert not partial(tmp_path).exists()


def test_all_parts_together_are_all_shards_once(videos, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_VIDEOS", 8)
    with pytest.raises(FileNotFoundError, match=r"has no parts: .* --part 1/N` to N/N"):
        preparation.merge(NAME, tmp_path)
    found = []
    for part in ("1/3", "2/3", "3/3"):
        prepare(videos, tmp_path, part=part)
        now = files(partial(tmp_path), "*.tfrecord")
        found.append(now.keys() - {name for names in found for name in names})
    assert [len(names) for names in found] == [3, 2, 1]  # of 5 and 1
    with pytest.raises(ValueError, match="short_side is 36, but 48 in other parts of"):
        prepare(videos, tmp_path, part="1/3", short_side=36)
    # By another number of parts, or by none, what is there is used.
    monkeypatch.setattr(clip, "encoded", None)
    prepare(videos, tmp_path, part="4/7")
    assert prepare(videos, tmp_path).num_videos("train") == 40


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("max_aside", -0.1, "0 to 1"),
        ("max_aside", 1.5, "0 to 1"),
        ("max_aside", float("nan"), "0 to 1"),
        ("workers", 0, "1 or more"),
        ("workers", -1, "1 or more"),
        ("short_side", 0, "1 or more"),
    ],
)
def test_a_number_that_is_not_allowed_is_named(tmp_path, option, value, allowed):
    message = f"parameter {option}: received {value}, allowed is {allowed}"
    with pytest.raises(ValueError, match=message):
        preparation.prepare(NAME, tmp_path / "data", **{option: value})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["0/3", "4/3", "1", "1/0", "a/b", "-1/3", "1/3/5"])
def test_what_is_no_part_is_named(tmp_path, part):
    message = f"parameter part: received {part!r}, allowed are 1/N to N/N"
    with pytest.raises(ValueError, match=re.escape(message)):
        prepare(tmp_path, tmp_path, part=part)


def test_a_full_disk_is_one_clear_error_and_keeps_the_shards(
    videos, dataset, tmp_path, monkeypatch
):
    replace = os.replace

    def full(old, new):
        if "train-00001" in str(new):
            raise OSError(28, "No space left on device")
        replace(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(
            OSError,
            match=r"^cannot write .*train-00001\.tfrecord: No space left on device;"
            " what is finished stays: start it again, and it goes on from there$",
        ):
            prepare(videos, tmp_path)
    before = files(partial(tmp_path), "*")
    endings = ("json", "npz", "tfrecord")
    assert set(before) == {f"train-00000.{ending}" for ending in endings}

    def full_in_the_end(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(assembly, "write", full_in_the_end)
        with pytest.raises(
            OSError, match=r"write .*/1\.1\.0: No space left on device; wh"
        ):
            prepare(videos, tmp_path)
        assert not datasets.is_prepared(NAME, tmp_path)
    # Goes on without reading a video, and where a file was from before there were such.
    (partial(tmp_path) / "train-00000.npz").unlink()
    monkeypatch.setattr(clip, "encoded", None)
    again = prepare(videos, tmp_path)
    assert contents(again) == contents(dataset)
    inode, modified = before["train-00000.tfrecord"]
    stat = Path(again.splits["train"].files[0]).stat()
    assert (stat.st_ino, stat.st_mtime_ns) == (inode, modified)
    left = {path.name for path in (tmp_path / "tfds" / NAME).iterdir()}
    assert left == {".lock", "kinetics"}


#: What notes that a process asks the network for something, and refuses it.
REFUSE = """
import os, socket

def refuse(own, *args):
    if not isinstance(own, socket.socket) or own.family != socket.AF_UNIX:
        with open(os.environ["ASKED"], "a") as file:
            file.write(f"{own} {args}\\n")
        raise OSError("there is no network")
    return connect(own, *args)

connect = socket.socket.connect
socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.gethostbyname = refuse
"""
#: Prepares two classes of Pantomime.
TWO = """
import dataclasses
from r3d_rs import pantomime
from r3d_rs.__main__ import main
whole = pantomime.SETS["pantomime-20"]
few = {"classes": whole.classes[:2], "train": 2, "validate": 1, "test": 1}
pantomime.SETS["pantomime-20"] = dataclasses.replace(whole, **few)
main()
"""


def test_pantomime_asks_the_network_for_nothing(tmp_path):
    """In no process, and of a proxy that takes calls and never answers."""
    (tmp_path / "sitecustomize.py").write_text(REFUSE)
    asked = tmp_path / "asked"
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        proxy.setblocking(False)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        addresses = {n: address for name in names for n in (name, name.lower())}
        words = [sys.executable, "-c", TWO, "data", "prepare", "pantomime-20"]
        done = subprocess.run(
            [*words, "--data-dir", str(tmp_path / "data")],
            env=os.environ
            | addresses
            | {"ASKED": str(asked), "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"},
            capture_output=True,
            text=True,
            check=False,
        )
        with pytest.raises(BlockingIOError):
            proxy.accept()
    assert done.returncode == 0, done.stderr[-3000:]
    assert "pantomime-20 test: 2 videos" in done.stdout
    assert not asked.exists(), asked.read_text()
    check = "import socket; socket.create_connection(('localhost', 1))"
    env = os.environ | {"ASKED": str(asked), "PYTHONPATH": str(tmp_path)}
    assert subprocess.run(
        [sys.executable, "-c", check], env=env, check=False
    ).returncode
    assert "localhost" in asked.read_text()  # so it would have been noticed
