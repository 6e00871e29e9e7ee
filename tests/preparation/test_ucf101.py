"""UCF-101, downloaded or of one's own copies, through TensorFlow Datasets."""

import dataclasses
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from r3d_rs.data import datasets, inspect, pipeline
from r3d_rs.preparation import preparation, ucf101
from r3d_rs.recipes.recipe import Recipe
from tests.shared.tiny import SMALL, clock, write_video

RECIPE = Recipe(**SMALL | {"spatial_views": 1})


@pytest.fixture
def own(tmp_path):
    """Three videos and the lists, in folders as people unpack them."""
    pytest.importorskip("tensorflow_datasets")
    if shutil.which("ffmpeg") is None:
        pytest.skip("TFDS reads UCF-101 with the program ffmpeg, which is not here")
    folder = tmp_path / "own"
    lists = folder / "lists" / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    names = [f"v_{label}_g01_c01.avi" for label in ("Archery", "YoYo", "TaiChi")]
    for name in names:
        write_video(folder / "UCF101" / name, clock(), codec="mpeg4")
    train = f"Archery/{names[0]} 3\nYoYo/{names[1]} 101\n"
    (lists / "trainlist01.txt").write_text(train)
    (lists / "testlist01.txt").write_text(f"TaiChi/{names[2]}\n")
    return folder


@pytest.fixture
def downloaded(own, tmp_path, monkeypatch):
    """TFDS's own builder of UCF-101, on three videos that need no download."""
    import tensorflow_datasets as tfds

    monkeypatch.setattr(
        tfds.download.DownloadManager,
        "download_and_extract",
        lambda self, urls: {"videos": str(own), "splits": str(own / "lists")},
    )
    monkeypatch.setattr(ucf101, "_announce", lambda *_: None)  # of a disk that is full
    return preparation.prepare("ucf101", tmp_path / "data", progress=False)


def test_ucf101_is_read_through_tfds(downloaded):
    assert len(downloaded.classes) == 101 and downloaded.evaluated == "test"
    assert downloaded.num_videos("train") == 2 and downloaded.num_videos("test") == 1
    [video] = inspect.videos(downloaded, "test")
    assert downloaded.classes[video["label"]] == "TaiChi"
    assert video["id"] == b"ucf101-test.tfrecord-00000-of-00001__0"
    assert len(video["frames"]) == 20
    recipe = dataclasses.replace(RECIPE, batch_size=2)
    [(clips, labels)] = pipeline.training_clips(downloaded, recipe, seed=0).take(1)
    assert clips.shape == (2, 2, 16, 16, 3)
    assert {downloaded.classes[label] for label in labels} == {"Archery", "YoYo"}


def test_own_copies_give_the_records_of_the_download(own, downloaded, tmp_path):
    """In another layout, as of the RAR file: a folder a class."""
    (own / "UCF-101" / "a").mkdir(parents=True)
    (own / "UCF101").rename(own / "UCF-101" / "a" / "b")
    words = [sys.executable, "-c", "import socket; socket.getaddrinfo = None;"]
    words[2] += "from r3d_rs.__main__ import main; main()"
    words += ["data", "prepare", "ucf101", "--videos", str(own)]
    words += ["--data-dir", str(tmp_path / "other")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "ucf101 train: 2 videos" in done.stdout
    other = datasets.load("ucf101", tmp_path / "other")
    for split in ("train", "test"):
        one, two = (
            [
                (video["id"], video["label"], video["frames"].tolist())
                for video in inspect.videos(dataset, split)
            ]
            for dataset in (downloaded, other)
        )
        assert one == two


def test_own_copies_that_lack_something_are_named(own, tmp_path):
    def prepare():
        preparation.prepare("ucf101", tmp_path / "data", False, videos=own)

    (own / "UCF101" / "v_YoYo_g01_c01.avi").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 of the 2 videos in trainlist01.*Yo"
    ):
        prepare()
    (own / "lists" / "ucfTrainTestlist" / "trainlist01.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"there is no trainlist01\.txt in it"):
        prepare()


def test_what_ucf101_needs_is_told_before_the_download(tmp_path, monkeypatch, capsys):
    tfds = pytest.importorskip("tensorflow_datasets")

    def begun(self, urls):
        raise KeyboardInterrupt

    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", begun)

    def prepare(free, programs=("ffmpeg",)):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
        found = dict.fromkeys(programs, "/bin/program").get
        monkeypatch.setattr(shutil, "which", found)
        preparation.prepare("ucf101", tmp_path)

    with pytest.raises(
        FileNotFoundError, match="needs the program ffmpeg, which is no"
    ):
        prepare(1e12, ())
    with pytest.raises(OSError, match=r"downloads 7\.0 GB, and as much .* 1\.0 GB fr"):
        prepare(1e9)
    assert capsys.readouterr().err == ""
    with pytest.raises(KeyboardInterrupt):
        prepare(1e12)
    assert "ucf101: downloads 7.0 GB, and as much again" in capsys.readouterr().err
    with pytest.raises(ValueError, match="received videos, part, allowed are videos"):
        preparation.prepare("ucf101", tmp_path, videos=tmp_path, part="1/2")
