"""Model Garden's TFRecords, used as datasets."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import datasets, inspect, model_garden, pipeline
from r3d_rs.preparation import preparation
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.videos import clip
from tests.shared.tiny import (
    CLASSES,
    SMALL,
    clock,
    sequence_example,
    write_records,
)

RECIPE = Recipe(**SMALL | {"spatial_views": 1})
JPEG = clip.encode_jpeg(clock(1)[0])
PNG = tf.io.encode_png(clock(1)[0]).numpy()


def used(folder, data_dir, **options):
    model_garden.use_records(
        "kinetics-400", folder, data_dir, progress=False, **options
    )
    return datasets.load("kinetics-400", data_dir)


def as_records(dataset, folder, ident=True, names=True):
    """Write a dataset as Model Garden's records, two files a split."""
    for split in dataset.splits:
        rows = [
            sequence_example(
                video["frames"],
                int(video["label"]),
                video["id"] if ident else None,
                dataset.classes[video["label"]].encode() if names else None,
            )
            for video in inspect.videos(dataset, split)
        ]
        half = len(rows) // 2
        for number, part in enumerate((rows[:half], rows[half:])):
            name = f"{split}-{number:05d}-of-00002.tfrecord"
            write_records(folder / name, part)


@pytest.fixture(scope="module")
def garden(dataset, tmp_path_factory):
    """The tiny videos as Model Garden's records, used where they are."""
    folder = tmp_path_factory.mktemp("garden")
    as_records(dataset, folder / "records")
    return used(folder / "records", folder)


def test_records_are_used_where_they_are(dataset, garden):
    assert garden.classes[:3] == CLASSES
    assert garden.classes[3] == "class 3" and len(garden.classes) == 400
    assert garden.num_videos("train") == 10 and garden.num_videos("validation") == 3
    folder = Path(garden.splits["train"].files[0]).parents[1]
    assert sorted(path.name for path in folder.iterdir()) == ["model-garden", "records"]
    assert datasets.load("kinetics-400", folder) == garden


def test_they_give_the_same_clips_and_views(dataset, garden):
    def batches(stream):
        return [
            [np.asarray(part) for part in tf.nest.flatten(element)]
            for element in stream.as_numpy_iterator()
        ]

    for make in (
        lambda d: pipeline.training_clips(d, RECIPE, seed=3).take(5),  # 2½ epochs
        lambda d: pipeline.evaluation_views(d, RECIPE, split="validation"),
    ):
        ours, theirs = (batches(make(d)) for d in (dataset, garden))
        assert len(ours) == len(theirs) >= 3
        for one, other in zip(ours, theirs, strict=True):
            for a, b in zip(one, other, strict=True):
                assert (a == b).all()


def test_without_ids_a_video_is_named_after_its_place(dataset, tmp_path):
    as_records(dataset, tmp_path, ident=False, names=False)
    labels = tmp_path / "labels.txt"
    lines = "".join(f"name {i}\n" for i in range(400))
    labels.write_text(lines, encoding="utf-8-sig")  # as Windows' editors do
    dataset = used(tmp_path, tmp_path, labels=labels)
    assert dataset.classes[:2] == ("name 0", "name 1")
    ids = [v["id"].decode() for v in inspect.videos(dataset, "train")]
    assert ids[:2] == [f"train-00000-of-00002.tfrecord__{i}" for i in (0, 1)]
    assert len(set(ids)) == 10
    labels.write_bytes(lines.encode() + b"caf\xe9\n")
    with pytest.raises(ValueError, match=r"labels\.txt: not UTF-8: .* byte 0xe9"):
        used(tmp_path, tmp_path, labels=labels)
    labels.write_text("one\ntwo\n")
    with pytest.raises(ValueError, match=r"labels\.txt: found 2 names .* expected 400"):
        used(tmp_path, tmp_path, labels=labels)


def test_records_do_not_replace_what_is_prepared(data_dir, tmp_path):
    with pytest.raises(FileExistsError, match="kinetics-400 is prepared already, in"):
        used(tmp_path, data_dir)


def test_options_of_videos_are_refused_where_records_are_used(garden):
    data_dir = Path(garden.splits["train"].files[0]).parents[1]
    message = "but differently: short_side is 320, but these are Model Garden's"
    with pytest.raises(ValueError, match=message):
        preparation.prepare("kinetics-400", data_dir, False, short_side=320)
    assert preparation.prepare("kinetics-400", data_dir, False, workers=1) == garden


def test_records_that_are_gone_are_named(tmp_path):
    path = tmp_path / "records" / "train.tfrecord"
    write_records(path, [sequence_example([JPEG], 0)])
    used(path.parent, tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"train\.tfrecord: .*lists it, but"):
        datasets.load("kinetics-400", tmp_path)


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
        used(tmp_path, tmp_path)


def test_a_truncated_file_is_named_when_it_is_read(tmp_path):
    path = tmp_path / "train.tfrecord"
    write_records(path, [sequence_example([JPEG], 0)] * 3)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=r"train\.tfrecord, record 2: truncated rec"):
        used(tmp_path, tmp_path)
    with pytest.raises(FileNotFoundError, match="no training records"):
        (tmp_path / "empty").mkdir()
        used(tmp_path / "empty", tmp_path)


def test_a_split_without_records_is_refused(tmp_path):
    write_records(tmp_path / "train.tfrecord", [sequence_example([JPEG], 0)])
    empty = tmp_path / "validation-0.tfrecord"
    empty.touch()
    with pytest.raises(
        ValueError, match=f"split validation: found no records in {empty}, expected one"
    ):
        used(tmp_path, tmp_path)
    assert not datasets.is_prepared("kinetics-400", tmp_path)


@pytest.mark.parametrize(
    ("train", "validation"),
    [
        # MediaSequence's, its script's own and those of a list of one's own.
        ("kinetics400_train-00000-of-00256", "kinetics400_validate-00000-of-00020"),
        ("kinetics_700_train_25fps_rgb_flow-00003-of-01000", "k/val-00000-of-00001"),
        ("tf/kinetics_700_custom_csv_train-0-of-2", "tf/kinetics_val.v2-1-of-2"),
        ("train/00000.tfrecord", "validation/a/00000.tfrecord"),
        ("train_256/shard-00000-of-00001", "Kinetics Val/x.TFRecords"),
        ("1.0.0/kinetics-train.tfrecord-00000-of-00001", "1.0.0/validation.0001"),
        ("train/x.tfrecord", "train/validate-0.tfrec"),
    ],
)
def test_records_are_found_by_the_names_that_people_have(tmp_path, train, validation):
    others = ["label_map.pbtxt", "train.csv", "train/a_000001_000011.mp4", "README",
              "train/LICENSE", ".train-00000-of-00001", "train_log.md"]  # fmt: skip
    for name in (train, validation, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = model_garden.find(tmp_path)
    assert found == {"train": [tmp_path / train], "validation": [tmp_path / validation]}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kinetics_700_custom_25fps-00000-of-00001", "name has no split, allowed is"),
        ("shard.tfrecord", "name has no split"),
        ("train_val-00000-of-00001", "name has train and validation, allowed is"),
    ],
)
def test_records_of_no_split_are_named(tmp_path, name, message):
    for path in (tmp_path / "train-00000-of-00001", tmp_path / "more" / name):
        write_records(path, [sequence_example([JPEG], 0)])
    with pytest.raises(ValueError, match=f"more/{name}: its {message}"):
        used(tmp_path, tmp_path / "data")


def test_a_link_to_records_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "train-00000-of-00001").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match="train-00000-of-00001: is no file, or"):
        used(tmp_path, tmp_path / "data")


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("GZIP", "train.tfrecord.gz"),
        ("GZIP", "k400_train-00000-of-00001"),
        ("ZLIB", "train-00000-of-00001"),
    ],
)
def test_compressed_records_are_named_as_such(tmp_path, how, name):
    with tf.io.TFRecordWriter(str(tmp_path / name), how) as writer:
        writer.write(sequence_example([JPEG], 0))
    with pytest.raises(ValueError, match=rf"{name}: is compressed \({how}\), and"):
        used(tmp_path, tmp_path / "data")


def test_two_clips_of_one_video_have_the_names_of_clips(tmp_path):
    """MediaSequence gives both the id of the video, and each one of its own."""
    clips = [
        sequence_example([JPEG], 0, b"video", own=own)
        for own in (b"video_3", b"video_40")
    ]
    write_records(tmp_path / "kinetics400_train-00000-of-00001", clips)
    dataset = used(tmp_path, tmp_path / "data")
    assert dataset.frames("train").ids.tolist() == ["video_3", "video_40"]
    videos = list(inspect.videos(dataset, "train"))
    assert [(video["id"], video["fps"]) for video in videos] == [
        (b"video_3", 25),
        (b"video_40", 25),
    ]


def test_records_of_test_videos_without_labels_are_left_out_and_said(tmp_path):
    labelled, without = sequence_example([JPEG], 0), sequence_example([JPEG])
    write_records(tmp_path / "k700_train-00000-of-00001", [labelled])
    write_records(tmp_path / "k700_test-00000-of-00001", [without])
    with pytest.warns(UserWarning, match="_test-00000-of-00001: has no labels, so the"):
        dataset = used(tmp_path, tmp_path / "data")
    assert list(dataset.splits) == ["train"]
    write_records(tmp_path / "k700_validate-00000-of-00001", [without])
    with pytest.raises(ValueError, match=r"record 0: clip/label/index is \[\], expec"):
        used(tmp_path, tmp_path / "other")
