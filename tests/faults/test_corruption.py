"""One byte changed, or a file cut off: an error that names the file, or no change.

Every kind of file that is read is damaged at random places. Either reading it fails
with one error that names it, or what is read is what was written; another number is
never read.
"""

import shutil
import warnings
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import (
    clip,
    datasets,
    listing,
    model_garden,
    pipeline,
    shards,
)
from r3d_rs.evaluation import trained
from r3d_rs.experiments import executed, record
from r3d_rs.files import read_json, write_json
from r3d_rs.models import load_model_garden_checkpoint
from r3d_rs.training.checkpoints import Checkpoints, State
from tests.shared import tiny_run
from tests.shared.made_up import made_up, made_up_scores
from tests.shared.tally import random, tallied, times
from tests.shared.tiny import FRAMES, write_csv

pytestmark = pytest.mark.slow

PART = "corruption"

#: What an expected failure is; `python -m r3d_rs` makes one line of it.
EXPECTED = (ValueError, OSError)


def damages(content: bytes, generator, number: int):
    """Yield damaged copies: a changed byte, or every fifth time a shorter file."""
    for i in range(number):
        place = int(generator.integers(len(content)))
        if i % 5 == 4:
            yield f"cut at {place}", content[:place]
            continue
        damaged = bytearray(content)
        damaged[place] ^= int(generator.integers(1, 256))
        yield f"byte {place} changed", bytes(damaged)


def try_all(
    tally, file: Path, read, number: int, name: str, places=None, named: str = ""
):
    """Damage a file again and again, and see that reading it fails or changes nothing.

    Args:
        tally: of the fault.
        file: to damage; it is as before afterwards.
        read: returns what is read, to be compared by `==`.
        number: of times.
        name: seeds the places.
        places: of the bytes to change; anywhere by default.
        named: what the error has to name; the file's name by default.
    """
    content, whole = file.read_bytes(), read()
    begin, end = places or (0, len(content))
    generator = random(name)
    for how, damaged in damages(content[begin:end], generator, number):
        file.write_bytes(content[:begin] + damaged + content[end:])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = read()
        except EXPECTED as error:
            told = (named or file.name) in str(error)
            tally.count(told, f"{how}: the error does not name it: {error!r}")
        except Exception as error:
            tally.count(False, f"{how}: {type(error).__name__}: {error}")
        else:
            tally.count(found == whole, f"{how}: other content was read")
    file.write_bytes(content)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tiny_run.make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("finished")
    tiny_run.do(data_dir, folder, epochs=1, warmup_epochs=0)
    return folder


@pytest.fixture
def copy(data_dir, tmp_path):
    """A copy of the dataset, to damage."""
    shutil.copytree(data_dir / "tfds", tmp_path / "tfds")
    return tmp_path


def load(data_dir):
    return datasets.load(tiny_run.NAME, data_dir)


def plain(arrays):
    return {name: np.asarray(array).tolist() for name, array in arrays.items()}


def test_a_record_and_its_scores(tmp_path):
    path = record.write(made_up(), tmp_path, made_up_scores())
    number = times(300, 4000)
    with tallied(PART, "a record's JSON", "test_a_record_and_its_scores") as tally:
        try_all(tally, path, lambda: record.read(path), number, "record")
    whole, scores = record.read(path), record.scores_path(path)

    def read():
        return plain(vars(record.scores_of(tmp_path, whole)))

    with tallied(
        PART, "scores beside a record", "test_a_record_and_its_scores"
    ) as tally:
        try_all(tally, scores, read, number, "scores")


def test_scores_without_a_record(tmp_path):
    path = tmp_path / "scores.npz"
    record.save_scores(path, **made_up_scores())
    name = "test_scores_without_a_record"
    with tallied(PART, "scores that no record is beside", name) as tally:
        try_all(
            tally,
            path,
            lambda: plain(vars(record.load_scores(path))),
            times(300, 4000),
            "lone scores",
        )


def test_a_checkpoint(tmp_path):
    """The state before is taken, with a warning that names the damaged one."""
    generator = np.random.default_rng(0)
    with Checkpoints(tmp_path, {"seed": 0}) as checkpoints:
        for epoch in (1, 2):
            values = [generator.normal(size=(3, 4)).astype("f4"), np.int64(epoch)]
            history = {"epoch": list(range(1, epoch + 1)), "loss": [0.5] * epoch}
            checkpoints.save(State(epoch, history, values))
        path = tmp_path / "epoch-0002.npz"
        whole, content = {2: checkpoints.last()}, path.read_bytes()
        path.unlink()
        whole[1] = checkpoints.last()
        with tallied(PART, "a checkpoint", "test_a_checkpoint") as tally:
            for how, damaged in damages(
                content, random("checkpoint"), times(300, 4000)
            ):
                path.write_bytes(damaged)
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    try:
                        found = checkpoints.last()
                    except Exception as error:
                        tally.count(False, f"{how}: {error!r}")
                        continue
                expected = whole[found.epoch]
                same = found.history == expected.history and [
                    a.tolist() for a in found.arrays
                ] == [a.tolist() for a in expected.arrays]
                named = found.epoch == 2 or path.name in str(said[0].message)
                tally.count(same and named, f"{how}: {found}")


def test_what_a_run_was(finished):
    """The `run.json` beside checkpoints and networks."""
    folder = finished.joinpath("checkpoints", tiny_run.NAME, *tiny_run.POINT)
    path = folder / "run.json"

    names = list(read_json(path))

    def read():
        # Where the checksum's own name is damaged, it is a field that nobody reads.
        found = read_json(path)
        return [found[name] for name in names]

    with tallied(PART, "run.json", "test_what_a_run_was") as tally:
        try_all(tally, path, read, times(300, 4000), "run.json")


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "on disk"])
def test_a_trained_network(finished, monkeypatch, in_memory):
    """Keras reads weights without their checksums when memory is short."""
    folder = finished.joinpath("checkpoints", tiny_run.NAME, *tiny_run.POINT)
    path = folder / "model.keras"
    if not in_memory:
        library = "keras.src.saving.saving_lib.is_memory_sufficient"
        monkeypatch.setattr(library, lambda model: False)
    with zipfile.ZipFile(path) as parts:
        weights = max(parts.infolist(), key=lambda part: part.file_size)

    def read():
        model, run = trained.read(folder)
        return [w.numpy().tobytes() for w in model.weights], run

    fault = f"model.keras, read {'in memory' if in_memory else 'on disk'}"
    with tallied(PART, fault, "test_a_trained_network") as tally:
        try_all(tally, path, read, times(6, 300), fault)
        # Most of the file is weights: the rest is damaged by itself.
        rest = (weights.header_offset + weights.compress_size, path.stat().st_size)
        try_all(tally, path, read, times(6, 300), fault + " rest", rest)


def test_a_file_of_records(copy):
    dataset = load(copy)
    path = Path(dataset.splits["train"].files[0])

    def read():
        with pipeline.naming_broken_records(dataset, "train"):
            return [
                plain(video)
                for video in pipeline.videos(dataset, "train").as_numpy_iterator()
            ]

    with tallied(PART, "a TFRecord, evaluated", "test_a_file_of_records") as tally:
        try_all(tally, path, read, times(25, 1000), "records")

    def train():
        index = dataset.frames("train")
        with pipeline.naming_broken_records(dataset, "train"):
            stream = tf.data.Dataset.range(len(index.ids)).map(
                lambda video: index.read(video, tf.range(FRAMES))
            )
            return [frames.tolist() for frames in stream.as_numpy_iterator()]

    with tallied(PART, "a TFRecord, trained on", "test_a_file_of_records") as tally:
        try_all(tally, path, train, times(25, 1000), "records in training")


def test_a_jpeg_within_a_record(copy):
    """Even where the record's own checksum is made to fit, training sees it."""
    dataset = load(copy)
    split = dataset.splits["train"]
    index = dataset.frames("train")
    path = Path(split.files[0])
    rows = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    content = path.read_bytes()
    generator = random("jpeg")
    with tallied(
        PART, "a JPEG, the record's checksum made to fit", "test_a_jpeg_within_a_record"
    ) as tally:
        for _ in range(times(20, 1000)):
            number = int(generator.integers(len(rows)))
            frame = int(generator.integers(FRAMES))
            row = int(index.row[number]) + frame
            begin = int(index.first[number] + index.begin[row])
            place = begin + int(generator.integers(index.size[row]))
            start = content.index(rows[number])
            changed = bytearray(rows[number])
            changed[place - start] ^= int(generator.integers(1, 256))
            with tf.io.TFRecordWriter(str(path)) as writer:
                for i, one in enumerate(rows):
                    writer.write(bytes(changed) if i == number else one)
            stream = tf.data.Dataset.from_tensors(np.int64(number)).map(
                lambda video, frame=frame: index.read(video, tf.constant([frame]))
            )
            try:
                with pipeline.naming_broken_records(dataset, "train"):
                    list(stream)
                tally.count(False, f"video {number}, frame {frame} was read")
            except ValueError as error:
                tally.count(index.ids[number] in str(error), str(error))


def test_an_index_of_frames(copy):
    dataset = load(copy)
    split = dataset.splits["train"]

    def read():
        index = dataset.frames("train")
        return plain({k: v for k, v in vars(index).items() if k != "tensors"})

    with tallied(PART, "an index of frames", "test_an_index_of_frames") as tally:
        try_all(tally, split.index, read, times(300, 4000), "index")


def small_files(copy):
    folder = Path(load(copy).splits["train"].files[0]).parent
    names = ("*.json", "*.txt", "*.csv", "annotations/*.csv")
    return [path for name in names for path in sorted(folder.glob(name))]


def test_the_small_files_of_a_dataset(copy):
    """Classes, numbers of videos, annotations, what was set aside."""

    def read():
        dataset = load(copy)
        annotations = sorted(dataset.annotations.glob("*.csv"))
        return (
            dataset.classes,
            dict(dataset.splits),
            dataset.aside,
            [listing.read(path) for path in annotations],
        )

    with tallied(
        PART, "classes and counts of a dataset", "test_the_small_files_of_a_dataset"
    ) as tally:
        for path in small_files(copy):
            try_all(tally, path, read, times(10, 300), path.name)


def test_an_index_of_other_records(tmp_path):
    path = tmp_path / "kinetics-400.json"
    (tmp_path / "train").touch()
    files = {"train": {str(tmp_path / "train"): 12}}
    write_json(path, {"classes": ["a", "b"], "files": files})
    with tallied(
        PART, "the index of Model Garden's records", "test_an_index_of_other_records"
    ) as tally:
        try_all(
            tally,
            path,
            lambda: model_garden.read_index(path),
            times(300, 4000),
            "records.json",
        )


def test_annotations(tmp_path):
    """A changed label or id is an error, or a video that is set aside by its name."""
    labels = ("sit down", "turn left", "turn right")
    rows = [(labels[i % 3], f"video-{i}", 3, 13, "train") for i in range(12)]
    videos = tmp_path / "videos"
    for label, ident, *_ in rows:
        path = videos / label / f"{ident}_000003_000013.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    csv = tmp_path / "train.csv"
    write_csv(csv, rows)
    whole = {video.id: video.label for video in listing.read(csv)}

    def read():
        source = shards.Source(videos, tmp_path, None, 1.0)
        _, planned = shards.plan(source, len(labels))
        found = {v.id: v.label for s in planned["train"] for v in s.videos if v.path}
        # What is left out is counted, and named in `set_aside.csv`.
        return all(whole.get(ident) == label for ident, label in found.items())

    with tallied(PART, "annotations in CSV", "test_annotations") as tally:
        try_all(tally, csv, read, times(150, 5000), "annotations")


def test_a_video_file(data_dir):
    """It has no checksum: what is promised is that reading it ends, one way or other.

    A changed byte that still decodes gives other pixels, and nothing can tell.
    """
    path = next((data_dir / tiny_run.NAME).rglob("*.mp4"))
    content = path.read_bytes()
    damaged = path.with_name("damaged.mp4")
    with tallied(
        PART, "a video, before it is prepared: reading ends", "test_a_video_file"
    ) as tally:
        for how, changed in damages(content, random("mp4"), times(60, 3000)):
            damaged.write_bytes(changed)
            try:
                found = clip.encoded(damaged, 48)
                whole = isinstance(found, str) or len(found[0]) > 0
                tally.count(whole, f"{how}: {found}")
            except Exception as error:
                tally.count(False, f"{how}: {error!r}")
    damaged.unlink()


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
def test_an_official_checkpoint(tmp_path, ending):
    from tests.shared.official import baseline, official_values, write_keys

    prefix = write_keys(tmp_path / "ckpt", official_values(classes=10))
    model = baseline()

    def read():
        load_model_garden_checkpoint(model, prefix)
        return [weight.tobytes() for weight in model.get_weights()]

    fault, name = f"an official checkpoint, {ending[:6]}", "test_an_official_checkpoint"
    with tallied(PART, fault, name) as tally:
        try_all(tally, Path(prefix + ending), read, times(25, 300), fault, named="ckpt")


def test_an_executed_notebook(tmp_path):
    printed = nbformat.v4.new_output("stream", name="stdout", text="top-1 61.5")
    notebook = tiny_run.notebook("summary", printed)
    ran, kept = tmp_path / "ran.ipynb", tmp_path / "seed-0.ipynb"
    nbformat.write(notebook, ran)
    executed.keep(ran, kept)

    def read():
        # Where the checksum's own name is damaged, nobody reads it.
        return executed.read(kept)["cells"]

    with tallied(PART, "an executed notebook", "test_an_executed_notebook") as tally:
        try_all(tally, kept, read, times(300, 4000), "notebook")
