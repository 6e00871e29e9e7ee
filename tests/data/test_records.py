"""Model Garden's TFRecords, UCF-101, and what broken records do to a run."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import clip, datasets, pipeline, records
from r3d_rs.evaluation.multiview import evaluate
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training.fit import build_model
from tests.shared.steps import build_and_fit
from tests.shared.tiny import (
    CLASSES,
    clock,
    sequence_example,
    shallow,
    write_records,
    write_video,
    write_videos,
)

RECIPE = Recipe(
    model="r3d-50",
    stem="7x7",
    squeeze_excitation=0.0,
    width=0.125,
    span=4,
    size=16,
    eval_size=16,
    batch_size=4,
    epochs=1,
    temporal_views=2,
    spatial_views=1,
    precision="float32",
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A dataset of ours."""
    folder = tmp_path_factory.mktemp("prepared")
    write_videos(folder, {"train": 12, "validate": 3})
    return datasets.prepare("kinetics-400", folder, False, videos=folder)


def as_records(dataset, folder, ident=True, names=True):
    """Write a dataset of ours as Model Garden's records, two files a split."""
    for split in dataset.splits:
        rows = [
            sequence_example(
                video["frames"],
                int(video["label"]),
                video["id"] if ident else None,
                dataset.classes[video["label"]].encode() if names else None,
            )
            for video in pipeline.videos(dataset, split).as_numpy_iterator()
        ]
        half = len(rows) // 2
        for number, part in enumerate((rows[:half], rows[half:])):
            name = f"{split}-{number:05d}-of-00002.tfrecord"
            write_records(folder / name, part)


@pytest.fixture(scope="module")
def garden(prepared, tmp_path_factory):
    """The same dataset as Model Garden's records, used where they are."""
    folder = tmp_path_factory.mktemp("garden")
    as_records(prepared, folder / "records")
    return datasets.use_records(
        "kinetics-400", folder / "records", folder, progress=False
    )


def test_records_are_used_where_they_are(prepared, garden):
    assert garden.classes[:3] == CLASSES
    assert garden.classes[3] == "class 3" and len(garden.classes) == 400
    assert garden.num_videos("train") == 12 and garden.num_videos("validation") == 3
    folder = Path(garden.splits["train"].files[0]).parents[1]
    assert sorted(path.name for path in folder.iterdir()) == ["model-garden", "records"]
    assert datasets.load("kinetics-400", folder) == garden


def test_they_give_the_same_clips_and_views(prepared, garden):
    def batches(dataset, stream):
        return [
            [np.asarray(part) for part in tf.nest.flatten(element)]
            for element in stream.as_numpy_iterator()
        ]

    for make in (
        lambda d: pipeline.training_clips(d, RECIPE, seed=3).take(7),  # 2⅓ epochs
        lambda d: pipeline.evaluation_views(d, RECIPE, split="validation"),
    ):
        ours, theirs = (batches(d, make(d)) for d in (prepared, garden))
        assert len(ours) == len(theirs) >= 3
        for one, other in zip(ours, theirs, strict=True):
            for a, b in zip(one, other, strict=True):
                assert (a == b).all()


def test_without_ids_a_video_is_named_after_its_place(prepared, tmp_path):
    as_records(prepared, tmp_path, ident=False, names=False)
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"name {i}\n" for i in range(400)))
    dataset = datasets.use_records(
        "kinetics-400", tmp_path, tmp_path, labels=labels, progress=False
    )
    assert dataset.classes[:2] == ("name 0", "name 1")
    ids = [
        v["id"].decode() for v in pipeline.videos(dataset, "train").as_numpy_iterator()
    ]
    assert ids[:2] == [f"train-00000-of-00002.tfrecord__{i}" for i in (0, 1)]
    assert len(set(ids)) == 12
    labels.write_text("one\ntwo\n")
    with pytest.raises(ValueError, match=r"labels\.txt: found 2 names .* expected 400"):
        datasets.use_records("kinetics-400", tmp_path, tmp_path, labels=labels)


def test_records_do_not_replace_what_is_prepared(prepared, tmp_path):
    data_dir = Path(prepared.splits["train"].files[0]).parents[4]
    with pytest.raises(FileExistsError, match="kinetics-400 is prepared already, in"):
        datasets.use_records("kinetics-400", tmp_path, data_dir)


def test_options_of_videos_are_refused_where_records_are_used(garden):
    data_dir = Path(garden.splits["train"].files[0]).parents[1]
    message = "already, and otherwise: short_side is 320, and these are Model Garden's"
    with pytest.raises(ValueError, match=message):
        datasets.prepare("kinetics-400", data_dir, False, short_side=320)
    assert datasets.prepare("kinetics-400", data_dir, False, workers=1) == garden


def test_records_that_are_gone_are_named(prepared, tmp_path):
    as_records(prepared, tmp_path / "records")
    datasets.use_records("kinetics-400", tmp_path / "records", tmp_path, progress=False)
    (tmp_path / "records" / "train-00001-of-00002.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-00001-of-00002.*lists it, but"):
        datasets.load("kinetics-400", tmp_path)


JPEG = clip.encode_jpeg(clock(1)[0])
PNG = tf.io.encode_png(clock(1)[0]).numpy()


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (sequence_example([JPEG], 400), r"record 1: clip/label/index is \[400\], exp"),
        (sequence_example([], 3), "record 1: no frames in image/encoded"),
        (sequence_example([JPEG, PNG], 3), "record 1: frame 1 is PNG, expected JPEG"),
        (sequence_example([b""], 3), "record 1: frame 0 is bytes that begin with b''"),
        (b"\x0a\xff\xff", "record 1: "),
        (tf.train.SequenceExample().SerializeToString(), "record 1: .*label/index is"),
    ],
)
def test_a_record_that_is_not_allowed_is_named(tmp_path, record, message):
    write_records(tmp_path / "train.tfrecord", [sequence_example([JPEG], 0), record])
    with pytest.raises(ValueError, match=rf"train\.tfrecord, {message}"):
        records.make_index(tmp_path, 400, progress=False)


def test_a_truncated_file_is_named_when_it_is_counted(prepared, tmp_path):
    as_records(prepared, tmp_path)
    path = tmp_path / "train-00001-of-00002.tfrecord"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"train-00001.*, record 5: truncated record"):
        records.make_index(tmp_path, 400, progress=False)
    with pytest.raises(FileNotFoundError, match="no training records"):
        (tmp_path / "empty").mkdir()
        records.make_index(tmp_path / "empty", 400)


def test_a_split_without_records_is_refused(tmp_path):
    write_records(tmp_path / "train.tfrecord", [sequence_example([JPEG], 0)])
    empty = tmp_path / "validation-0.tfrecord"
    empty.touch()
    with pytest.raises(
        ValueError, match=f"split validation: found no records in {empty}, expected one"
    ):
        datasets.use_records("kinetics-400", tmp_path, tmp_path, progress=False)
    assert not datasets.is_prepared("kinetics-400", tmp_path)


# Records that break later.


@shallow()
def run(dataset, what):
    if what == "training":
        build_and_fit(dataset, RECIPE)
    else:
        model = build_model(RECIPE, len(dataset.classes), size=RECIPE.eval_size)
        evaluate(model, dataset, RECIPE, split="train")


@pytest.fixture
def copied(prepared, tmp_path):
    """A copy of the dataset of ours, and the file of its training records."""
    data_dir = Path(prepared.splits["train"].files[0]).parents[4]
    shutil.copytree(data_dir / "tfds", tmp_path / "tfds")
    dataset = datasets.load("kinetics-400", tmp_path)
    return dataset, Path(dataset.splits["train"].files[0])


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("training", "not the whole JPEG that was indexed, a frame of train-[0-9]+_.*"),
        ("evaluation", ""),
    ],
)
def test_a_record_that_breaks_is_named_by_the_run(copied, what, message):
    dataset, path = copied
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 3, len(content) // 2, 50):
        content[place] ^= 1
    path.write_bytes(content)
    record = ", record [3-5]: corrupted record" if what == "evaluation" else "$"
    with pytest.raises(
        ValueError,
        match=rf"kinetics-400, split train: {message}.*{path.name}{record}",
    ):
        run(dataset, what)


@pytest.mark.parametrize("what", ["training", "evaluation"])
def test_a_file_that_is_cut_off_is_named_by_the_run(copied, what):
    dataset, path = copied
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=rf"{path.name}, record 11: truncated record"):
        run(dataset, what)


def test_an_index_is_made_where_there_is_none(prepared, copied):
    dataset, _ = copied
    index = dataset.splits["train"].index
    made = index.read_bytes()
    index.unlink()
    clips = [
        [
            clips.numpy()
            for clips, _ in pipeline.training_clips(d, RECIPE, seed=0).take(2)
        ]
        for d in (prepared, dataset)
    ]
    assert np.array_equal(*clips)
    assert index.read_bytes() == made


def four_videos(third):
    """Serialize four videos, of which the third has other frames."""
    frames = [JPEG, JPEG, third, JPEG]
    return [
        sequence_example([frame] * 4, 0, b"video-%d" % number)
        for number, frame in enumerate(frames)
    ]


def test_a_jpeg_that_was_cut_off_is_named_by_the_run(tmp_path):
    write_records(tmp_path / "train.tfrecord", four_videos(JPEG[:-9]))
    dataset = datasets.use_records("kinetics-400", tmp_path, tmp_path, progress=False)
    for stream, message in (
        (
            pipeline.training_clips(dataset, RECIPE, seed=0),
            "not a whole JPEG when it was indexed, a frame of video-2 in .*train.tfr",
        ),
        (
            pipeline.evaluation_views(dataset, RECIPE, split="train"),
            "not a whole JPEG among the frames of video-2$",
        ),
    ):
        with (
            pytest.raises(ValueError, match=f"split train: {message}"),
            pipeline.naming_broken_records(dataset, "train"),
        ):
            list(stream)


@pytest.mark.parametrize("bad", [JPEG[:-9], b"", b"no JPEG", JPEG[1:]])
def test_a_frame_that_is_no_jpeg_any_more_is_named_in_evaluation(tmp_path, bad):
    path = tmp_path / "train.tfrecord"
    write_records(path, four_videos(JPEG))
    dataset = datasets.use_records("kinetics-400", tmp_path, tmp_path, progress=False)
    write_records(path, four_videos(bad))
    views = pipeline.evaluation_views(dataset, RECIPE, split="train")
    with (
        pytest.raises(ValueError, match="not a whole JPEG among the frames of video-2"),
        pipeline.naming_broken_records(dataset, "train"),
    ):
        list(views)


# UCF-101.


@pytest.fixture
def ucf101(tmp_path, monkeypatch):
    """TFDS's own builder of UCF-101, on three videos that need no download."""
    tfds = pytest.importorskip("tensorflow_datasets")
    if shutil.which("ffmpeg") is None:
        pytest.skip("TFDS reads UCF-101 with the program ffmpeg, which is not here")
    source = tmp_path / "source"
    lists = source / "lists" / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    names = [f"v_{label}_g01_c01.avi" for label in ("Archery", "YoYo", "TaiChi")]
    for name in names:
        write_video(source / "UCF101" / name, clock(), codec="mpeg4")
    (lists / "trainlist01.txt").write_text(
        f"Archery/{names[0]} 3\nYoYo/{names[1]} 101\n"
    )
    (lists / "testlist01.txt").write_text(f"TaiChi/{names[2]}\n")
    monkeypatch.setattr(
        tfds.download.DownloadManager,
        "download_and_extract",
        lambda self, urls: {"videos": str(source), "splits": str(source / "lists")},
    )
    return datasets.prepare("ucf101", tmp_path / "data", progress=False)


def test_ucf101_is_read_through_tfds(ucf101):
    assert len(ucf101.classes) == 101 and ucf101.evaluated == "test"
    assert ucf101.num_videos("train") == 2 and ucf101.num_videos("test") == 1
    [video] = pipeline.videos(ucf101, "test").as_numpy_iterator()
    assert ucf101.classes[video["label"]] == "TaiChi"
    assert video["id"] == b"ucf101-test.tfrecord-00000-of-00001__0"
    assert len(video["frames"]) == 20
    recipe = dataclasses.replace(RECIPE, batch_size=2)
    [(clips, labels)] = pipeline.training_clips(ucf101, recipe, seed=0).take(1)
    assert clips.shape == (2, 2, 16, 16, 3)
    assert {ucf101.classes[label] for label in labels} == {"Archery", "YoYo"}
