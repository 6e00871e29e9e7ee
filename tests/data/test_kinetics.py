"""From folders of videos to datasets, and what becomes of bad videos."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from r3d_rs import cores, progress
from r3d_rs.data import clip, datasets, kinetics, layout, pipeline, shards, verify
from tests.shared import decoder
from tests.shared.tiny import (
    CLASSES,
    HEADER,
    clock,
    write_csv,
    write_video,
    write_videos,
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Forty training videos and five others, and no dataset yet."""
    folder = tmp_path_factory.mktemp("videos")
    write_videos(folder, {"train": 40, "validate": 5})
    return folder


@pytest.fixture(scope="module")
def dataset(videos, tmp_path_factory):
    return prepare(videos, tmp_path_factory.mktemp("data"))


def prepare(videos, data_dir, name="kinetics-400", **options):
    return datasets.prepare(name, data_dir, progress=False, videos=videos, **options)


def run_program(program, *arguments):
    subprocess.run(
        [sys.executable, program, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
    )


def contents(dataset):
    return {
        split: [Path(path).read_bytes() for path in part.files]
        for split, part in dataset.splits.items()
    }


def stored(dataset, split="train"):
    return {
        video["id"].decode(): video
        for video in pipeline.videos(dataset, split).as_numpy_iterator()
    }


@pytest.mark.parametrize("name", ["kinetics-400", "kinetics-600", "kinetics-700"])
def test_a_folder_of_videos_becomes_a_dataset(videos, tmp_path, name):
    dataset = prepare(videos, tmp_path, name, short_side=36)
    assert dataset.classes == CLASSES
    assert dataset.evaluated == "validation"
    assert dataset.num_videos("train") == 40
    assert dataset.num_videos("validation") == 5
    assert dataset.num_videos("test") == 0
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
    assert example["frames"].shape == (20, 256, 341, 3)
    assert builder.info.splits["train"].num_examples == 40
    found = [str(path) for path in builder.info.splits["train"].filepaths]
    assert found == list(dataset.splits["train"].files)
    assert tuple(builder.info.features["label"].names) == CLASSES


#: Where TensorFlow Datasets cannot be imported, as on some of Colab's runtimes.
WITHOUT_TFDS = """
import sys
from pathlib import Path

sys.modules["tensorflow_datasets"] = None

if __name__ == "__main__":
    from r3d_rs.data import datasets, pipeline
    from r3d_rs.recipes.recipe import Recipe

    videos, data_dir = map(Path, sys.argv[1:])
    datasets.prepare("kinetics-400", data_dir, progress=False, videos=videos)
    dataset = datasets.load("kinetics-400", data_dir)
    recipe = Recipe(size=16, span=8, batch_size=4)
    [(clips, labels)] = pipeline.training_clips(dataset, recipe, seed=0).take(1)
    assert clips.shape == (4, recipe.frames, 16, 16, 3), clips.shape
    try:
        datasets.prepare("ucf101", data_dir)
    except ModuleNotFoundError as error:
        assert "downloaded by the package tensorflow-datasets" in str(error)
    else:
        raise AssertionError("UCF-101 was downloaded by something else")
"""


def test_no_dataset_of_videos_needs_tensorflow_datasets(videos, dataset, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(WITHOUT_TFDS)
    run_program(program, videos, tmp_path)
    assert contents(datasets.load("kinetics-400", tmp_path)) == contents(dataset)


def test_the_names_of_the_datasets_need_no_tensorflow():
    program = "import sys; sys.modules['tensorflow'] = None; import r3d_rs.data.names"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_dataset_of_an_older_version_is_loaded(dataset, tmp_path):
    """TensorFlow Datasets wrote its small files then, with more fields."""
    folder = tmp_path / "tfds" / "kinetics-400" / "kinetics" / "1.1.0"
    shutil.copytree(Path(dataset.splits["train"].files[0]).parent, folder)
    for path in (folder / "sealed.json", *folder.glob("frames-*.npz")):
        path.unlink()
    info = json.loads((folder / "dataset_info.json").read_text())
    info |= {"moduleName": "r3d_rs.data.kinetics", "releaseNotes": {"1.1.0": ""}}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    older = datasets.prepare("kinetics-400", tmp_path, progress=False)
    assert contents(older) == contents(dataset)
    assert older.classes == dataset.classes and older.aside == dataset.aside
    for split, part in older.splits.items():
        assert part.num_videos == dataset.num_videos(split)
        assert part.index.read_bytes() == dataset.splits[split].index.read_bytes()
    assert (folder / "sealed.json").exists()


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
    assert contents(prepare(videos, tmp_path, workers=1)) == contents(dataset)


# Bad videos.


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A folder in which seven of forty videos are bad, each in its own way."""
    folder = tmp_path_factory.mktemp("mixed")
    write_videos(folder, {"train": 40, "validate": 5})

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


@pytest.fixture(scope="module")
def without_bad(mixed, tmp_path_factory):
    """The dataset of that folder."""
    return prepare(mixed, tmp_path_factory.mktemp("without-bad"), max_aside=0.2)


def test_bad_videos_are_set_aside_with_the_reason(without_bad):
    dataset = without_bad
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

    assert shape(5) == (20, 256, 341)
    assert shape(6) == (1, 256, 341)
    assert shape(7) == (20, 404, 256)
    assert shape(8) == (20, 341, 256)
    report = verify.check_split(dataset, "train", dataset.annotations, progress=False)
    assert {video.id for video in report.missing} == BAD
    assert report.short["turn left"] == (13, 11)
    assert report.surplus == report.broken == ()


def test_too_many_bad_videos_stop_the_preparation(mixed, tmp_path):
    with pytest.raises(
        shards.TooManyAsideError,
        match=r"split train: \d of 40 videos cannot be used, allowed are 5.0% "
        r"\(max_aside\); the first of them are train-\d",
    ):
        prepare(mixed, tmp_path)
    with pytest.raises(FileNotFoundError, match="not prepared"):
        datasets.load("kinetics-400", tmp_path)


def test_missing_files_are_known_before_anything_is_decoded(tmp_path, monkeypatch):
    """Those of the last split too: a test split may have a list and no files."""
    for split, name in (("train", "v"), ("test", "u")):
        rows = [("wave", f"{name}{i}", 0, 10, "") for i in range(9)]
        write_csv(tmp_path / f"{split}.csv", rows)
    for i in range(9):
        (tmp_path / f"v{i}.mp4").touch()
    monkeypatch.setattr(shards, "isolated_map", None)
    with pytest.raises(shards.TooManyAsideError, match=r"test: 9 of 9 .* without a"):
        prepare(tmp_path, tmp_path)


def test_a_video_that_is_replaced_is_read_again(mixed, tmp_path):
    copy = tmp_path / "videos"
    shutil.copytree(mixed, copy)
    with pytest.raises(shards.TooManyAsideError):
        prepare(copy, tmp_path)
    for i in range(5):
        place = copy / "train" / CLASSES[i % 3] / f"train-{i}_000003_000013.mp4"
        write_video(place, clock())
    assert prepare(copy, tmp_path).num_videos("train") == 40


def test_a_video_that_crashes_or_hangs_its_process_is_set_aside(videos, monkeypatch):
    monkeypatch.setattr(shards, "TIMEOUT_SECONDS", 5)
    paths = [
        videos / "train" / CLASSES[i % 3] / f"train-{i}_000003_000013.mp4"
        for i in range(6)
    ]
    results = list(
        shards.isolated_map(decoder.crash_or_hang, ((p, 48) for p in paths), 2)
    )
    assert "crashed its process" in results[1]
    assert results[2] == "decoding took longer than 5 seconds"
    good = [result for i, result in enumerate(results) if i not in (1, 2)]
    assert all(len(jpegs) == 20 for jpegs, _ in good)


def test_as_many_processes_decode_as_cores_may_be_used(monkeypatch):
    monkeypatch.delattr(os, "process_cpu_count", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 5, 6}, False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert cores.usable_cores() == 3


def test_a_bar_is_made_of_lines_in_a_log(capsys):
    list(progress.bar(range(3), desc="Reading"))
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("Reading:   0%") and last.startswith("Reading: 100%")


# Stopped and resumed.

PROGRAM = """
import sys
from pathlib import Path

if __name__ == "__main__":
    from r3d_rs.data import datasets

    videos, data_dir = map(Path, sys.argv[1:])
    datasets.prepare("kinetics-400", data_dir, progress=False, videos=videos)
"""


def test_a_killed_preparation_goes_on_where_it_was(videos, dataset, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    partial = tmp_path / "tfds" / "kinetics-400" / "partial"
    process = subprocess.Popen(
        [sys.executable, program, videos, tmp_path],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        while not (partial / "train-00000.json").exists():
            assert process.poll() is None
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    before = (partial / "train-00000.tfrecord").stat()
    with pytest.raises(FileNotFoundError, match="not prepared"):
        datasets.load("kinetics-400", tmp_path)
    again = prepare(videos, tmp_path)
    assert contents(again) == contents(dataset)
    after = Path(again.splits["train"].files[0]).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not partial.exists()


def test_a_full_disk_is_one_clear_error_and_keeps_the_shards(
    videos, tmp_path, monkeypatch
):
    replace = os.replace

    def full(old, new):
        if "train-00001" in str(new):
            raise OSError(28, "No space left on device")
        replace(old, new)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        OSError,
        match=r"^cannot write .*train-00001\.tfrecord: No space left on device; what is"
        " finished stays: start it again, and it goes on from there$",
    ):
        prepare(videos, tmp_path)
    partial = tmp_path / "tfds" / "kinetics-400" / "partial"
    assert {path.name for path in partial.iterdir()} == {
        "train-00000.json",
        "train-00000.npz",
        "train-00000.tfrecord",
    }


def test_a_disk_that_is_full_in_the_end_is_one_clear_error(
    videos, dataset, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(28, "No space left on device")

        patch.setattr(layout, "write", full)
        with pytest.raises(
            OSError, match=r"write .*/1\.1\.0: No space left on device; wh"
        ):
            prepare(videos, tmp_path)
        assert not datasets.is_prepared("kinetics-400", tmp_path)
    # Goes on without reading a video, and where a file was from before there were such.
    (tmp_path / "tfds" / "kinetics-400" / "partial" / "train-00000.npz").unlink()
    monkeypatch.setattr(clip, "encoded", None)
    again = prepare(videos, tmp_path)
    assert contents(again) == contents(dataset)
    assert {path.name for path in (tmp_path / "tfds" / "kinetics-400").iterdir()} == {
        ".lock",
        "kinetics",
    }
    for split, part in again.splits.items():
        assert part.index.read_bytes() == dataset.splits[split].index.read_bytes()


# Names and mistakes.


def test_an_unknown_dataset_is_named_with_those_there_are(tmp_path):
    message = "parameter dataset: received 'ucf', allowed are pantomime, pantomime-20,"
    for function in (datasets.canonical_name, datasets.prepare, datasets.load):
        with pytest.raises(ValueError, match=message):
            function("ucf")
    assert datasets.canonical_name("pantomime") == "pantomime-20"


def test_a_dataset_that_is_not_there_says_how_to_prepare_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="data prepare pantomime-20 --data-dir"):
        datasets.load("pantomime", tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"kinetics-600/train\.csv: there is no such CSV file"
    ):
        datasets.prepare("kinetics-600", tmp_path)


def test_a_prepared_dataset_names_its_splits(dataset):
    with pytest.raises(ValueError, match="received 'val', allowed are train, valid"):
        dataset.num_videos("val")
    with pytest.raises(ValueError, match="no videos in its split 'test'"):
        dataset.split("test")


def test_a_class_that_training_lacks_is_found_before_decoding(tmp_path):
    write_videos(tmp_path, {"train": 2})
    write_csv(tmp_path / "val.csv", [("juggle", "x", 0, 10, "val")])
    with pytest.raises(ValueError, match=r"val\.csv, line 2: unknown label 'juggle'"):
        prepare(tmp_path, tmp_path)


def test_preparing_again_needs_no_videos(dataset):
    data_dir = Path(dataset.splits["train"].files[0]).parents[4]
    again = prepare("nowhere", data_dir)
    assert again.num_videos("train") == dataset.num_videos("train")


def test_the_same_command_again_changes_nothing(mixed, tmp_path):
    options = {"short_side": 48, "max_aside": 0.2, "annotations": mixed, "workers": 2}
    first = prepare(mixed, tmp_path, **options)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tfrecord-*")}
    assert prepare(mixed, tmp_path, **options).splits == first.splits
    assert datasets.prepare("kinetics-400", tmp_path).aside == first.aside
    assert times == {path: path.stat().st_mtime_ns for path in times}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"short_side": 320}, "short_side is 320, that of the stored frames 256"),
        ({"max_aside": 0.1}, r"max_aside is 0\.1: split train: 5 of 40 videos cannot"),
        (
            {"annotations": "lists"},
            "annotations is lists, whose CSV files of train ",
        ),
        (
            {"videos": "lists"},
            "videos is lists, whose CSV files of train are ",
        ),
        ({"short_side": 64, "max_aside": 0}, "short_side is 64, .*; max_aside is 0: "),
    ],
)
def test_options_that_a_prepared_dataset_does_not_have_are_named(
    without_bad, tmp_path, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(without_bad.annotations, "lists")
    with Path("lists/train.csv").open("a") as file:
        file.write("wave,new,0,10,train\n")
    folder = Path(without_bad.splits["train"].files[0]).parent
    with pytest.raises(ValueError, match=f"already, and otherwise: {message}") as error:
        datasets.prepare("kinetics-400", folder.parents[3], False, **options)
    assert f"Remove {folder} to prepare it anew" in str(error.value)


def test_what_was_set_aside_comes_back_as_written(tmp_path):
    aside = [shards.Aside("train", "a_000000_000010", "wave, left", 'say "no"\n')]
    kinetics.write_aside(aside, tmp_path / "aside.csv")
    assert kinetics.read_aside(tmp_path / "aside.csv") == aside


# Verifying.


def test_verify_hashes_the_ids_and_finds_what_the_list_lacks(dataset, tmp_path):
    report = verify.check_split(dataset, "validation", dataset.annotations, False)
    assert report.listed == report.stored
    assert report.missing == report.surplus == report.broken == ()
    ids = "".join(f"validate-{i}_000003_000013\n" for i in range(5))
    expected = subprocess.run(
        ["sha256sum"], input=ids.encode(), capture_output=True, check=True
    )
    assert report.sha256 == expected.stdout.decode().split()[0]
    (tmp_path / "validate.csv").write_text(
        HEADER + "turn left,validate-1,3,13,\nturn left,validate-0,3,13,\n"
        "turn left,new,0,10,\n"
    )
    report = verify.check_split(dataset, "validation", tmp_path, False)
    assert [video.id for video in report.missing] == ["new_000000_000010"]
    assert report.surplus == tuple(f"validate-{i}_000003_000013" for i in (0, 2, 3, 4))
    assert verify.check_split(dataset, "validation", None, False).listed is None


def test_verify_finds_a_flipped_bit_and_a_cut(videos, tmp_path):
    dataset = prepare(videos, tmp_path)
    first, second = map(Path, dataset.splits["train"].files)
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    second.write_bytes(second.read_bytes()[:-10])
    report = verify.check_split(dataset, "train", dataset.annotations, False)
    assert len(report.broken) == 2
    assert first.name in report.broken[0] and "corrupted" in report.broken[0]
    assert second.name in report.broken[1] and "record 7: truncated" in report.broken[1]
    assert len(report.missing) > 1


def test_files_that_are_not_there_are_found_without_a_dataset(mixed):
    found = verify.check_folder(mixed, mixed)
    assert found["train"] == (40, ["train-3_000003_000013"])
    assert found["validation"] == (5, [])
    with pytest.raises(FileNotFoundError, match="no CSV file of any split"):
        verify.check_folder(mixed, mixed / "train")


@pytest.mark.parametrize("name", ["pantomime", "ucf101"])
def test_options_of_a_dataset_that_takes_none_are_named(tmp_path, name):
    with pytest.raises(ValueError, match="received short_side, videos, allowed are no"):
        datasets.prepare(name, tmp_path, videos=tmp_path, short_side=64)
