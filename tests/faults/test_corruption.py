"""A byte changed, a file cut off, words put in: an error names the file, or no change.

Every kind of file is damaged at random places. Either reading it fails with one error
that names it, or what is read is what was written: never another number.
"""

import functools
import shutil
import warnings
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import datasets, inspect, model_garden, pipeline
from r3d_rs.evaluation import networks
from r3d_rs.experiments import executed, record
from r3d_rs.files import read_json, write_json
from r3d_rs.models import load_model_garden_checkpoint
from r3d_rs.preparation import shards
from r3d_rs.recipes import recipe
from r3d_rs.training.checkpoints import Checkpoints, State
from r3d_rs.videos import listing
from tests.shared import official, tiny_run
from tests.shared.made_up import made_up, made_up_scores
from tests.shared.tiny import FRAMES, write_csv

#: What an expected failure is; the command line makes one line of it.
EXPECTED = (ValueError, OSError)


#: Pieces that mean something to one of the parsers.
WORDS = [
    *(b'"', b"'", b",", b"\n", b"\r\n", b"\0", b"../", b"null", b"{}", b"[", b"]"),
    *(b"1e999", b"-1", b"NaN", b"\xff\xfe", b"\xed\xa0\x80", b"label", b"train"),
    *(b"9" * 400, b"[" * 2000, b"True", b"__class__", b"epochs", b"sha256"),
]


def damaged(content: bytes, number: int):
    """Yield damaged copies: a byte changed, the end cut off, or a word put in."""
    generator = np.random.default_rng(0)
    for i in range(number):
        place = int(generator.integers(len(content)))
        changed = bytearray(content)
        match i % 5:
            case 4:
                del changed[place:]
            case 3:
                word = WORDS[int(generator.integers(len(WORDS)))]
                over = int(generator.integers(2)) * len(word)
                changed[place : place + over] = word
            case _:
                changed[place] ^= int(generator.integers(1, 256))
        yield bytes(changed)


def damage(file: Path, read, number: int, begin: int = 0, named: str = ""):
    """Damage a file again and again: reading it fails, or changes nothing.

    Args:
        file: to damage; it is as before afterwards.
        read: returns what is read, to be compared by `==`.
        number: of times.
        begin: of the bytes that are damaged.
        named: what the error has to name; the file's name by default.
    """
    content, whole = file.read_bytes(), read()
    for changed in damaged(content[begin:], number):
        file.write_bytes(content[:begin] + changed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = read()
        except EXPECTED as error:
            assert (named or file.name) in str(error)
        else:
            assert found == whole
    file.write_bytes(content)


def plain(arrays):
    return {name: np.asarray(array).tolist() for name, array in arrays.items()}


# Runs.


def test_a_record_and_its_scores(tmp_path):
    path = record.write(made_up(), tmp_path, made_up_scores())
    damage(path, lambda: record.read(path), 100)
    whole, scores = record.read(path), record.scores_path(path)
    damage(scores, lambda: plain(vars(record.scores_of(tmp_path, whole))), 100)
    damage(scores, lambda: plain(vars(record.load_scores(scores))), 100)


def test_a_checkpoint(tmp_path):
    """The state before is taken, with a warning that names the damaged one."""
    generator = np.random.default_rng(0)
    with Checkpoints(tmp_path, {"seed": 0}) as checkpoints:
        for epoch in (1, 2):
            values = [generator.normal(size=(3, 4)).astype("f4"), np.int64(epoch)]
            history = {"epoch": list(range(1, epoch + 1)), "loss": [0.5] * epoch}
            checkpoints.save(State(epoch, history, values))
        path = tmp_path / "epoch-0002.npz"
        content, whole = path.read_bytes(), {2: checkpoints.last()}
        path.unlink()
        whole[1] = checkpoints.last()
        for changed in damaged(content, 100):
            path.write_bytes(changed)
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                found = checkpoints.last()
            expected = whole[found.epoch]
            assert found.epoch == 2 or path.name in str(said[0].message)
            assert found.history == expected.history
            for array, other in zip(found.arrays, expected.arrays, strict=True):
                assert array.tolist() == other.tolist()


def test_what_a_run_was(tmp_path):
    """The recipe beside a trained network."""
    path, own = tmp_path / "run.json", recipe.as_dict(tiny_run.RECIPE)
    write_json(path, {"dataset": "kinetics-400", "classes": ["a"], "recipe": own})
    damage(path, lambda: recipe.from_dict(read_json(path)["recipe"]), 100)


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory):
    """The state and network of a finished run."""
    folder = tmp_path_factory.mktemp("finished")
    tiny_run.do(data_dir, folder, epochs=1, warmup_epochs=0)
    return tiny_run.state(folder)


@pytest.mark.slow
@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "on disk"])
def test_a_trained_network(finished, monkeypatch, in_memory):
    """Keras reads weights without their checksums when memory is short."""
    path = finished / "model.keras"
    library = "keras.src.saving.saving_lib.is_memory_sufficient"
    monkeypatch.setattr(library, lambda model: in_memory)
    with zipfile.ZipFile(path) as parts:
        weights = max(parts.infolist(), key=lambda part: part.file_size)

    def read():
        one = networks.find(finished)
        return [w.numpy().tobytes() for w in one.model().weights], one.run

    damage(path, read, 5)
    # Most of the file is weights: the rest is damaged by itself.
    damage(path, read, 5, begin=weights.header_offset + weights.compress_size)


@pytest.mark.parametrize("ending", [".index", ".data-00000-of-00001"])
def test_an_official_checkpoint(tmp_path, ending):
    values = official.official_values(classes=10)
    prefix = official.write_keys(tmp_path / "ckpt", values)
    model = official.baseline()

    def read():
        load_model_garden_checkpoint(model, prefix)
        return [weight.tobytes() for weight in model.get_weights()]

    damage(Path(prefix + ending), read, 10, named="ckpt")


def test_an_executed_notebook(tmp_path):
    printed = nbformat.v4.new_output("stream", name="stdout", text="top-1 61.5")
    ran, kept = tmp_path / "ran.ipynb", tmp_path / "seed-0.ipynb"
    nbformat.write(tiny_run.notebook("summary", printed), ran)
    executed.keep(ran, kept)
    # Where the checksum's own name is damaged, nobody reads it.
    damage(kept, lambda: executed.read(kept)["cells"], 100)


# Datasets.


@pytest.fixture
def load(data_dir, tmp_path):
    """A function that loads a copy of the dataset, whose files may be damaged."""
    shutil.copytree(data_dir / "tfds", tmp_path / "tfds")
    return functools.partial(datasets.load, tiny_run.NAME, tmp_path)


@pytest.mark.slow
def test_a_file_of_records(load):
    dataset = load()
    path = Path(dataset.splits["train"].files[0])

    def evaluate():
        return [plain(video) for video in inspect.videos(dataset, "train")]

    index = dataset.frames("train")

    def train():
        with pipeline.naming_broken_records(dataset, "train"):
            stream = tf.data.Dataset.range(len(index.ids)).map(
                lambda video: index.read(video, tf.range(FRAMES))
            )
            return [frames.tolist() for frames in stream.as_numpy_iterator()]

    damage(path, evaluate, 10)
    damage(path, train, 10)


def test_a_jpeg_within_a_record(load):
    """Even where the record's own checksum is made to fit, training sees it."""
    dataset = load()
    index = dataset.frames("train")
    path = Path(dataset.splits["train"].files[0])
    rows = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    content, generator = path.read_bytes(), np.random.default_rng(0)
    for _ in range(10):
        number = int(generator.integers(len(rows)))
        frame = int(generator.integers(FRAMES))
        row = int(index.row[number]) + frame
        begin = int(index.first[number] + index.begin[row])
        place = begin + int(generator.integers(index.size[row]))
        changed = bytearray(rows[number])
        changed[place - content.index(rows[number])] ^= int(generator.integers(1, 256))
        with tf.io.TFRecordWriter(str(path)) as writer:
            for i, one in enumerate(rows):
                writer.write(bytes(changed) if i == number else one)
        stream = tf.data.Dataset.from_tensors(np.int64(number)).map(
            lambda video, frame=frame: index.read(video, tf.constant([frame]))
        )
        with (
            pytest.raises(ValueError, match=index.ids[number]),
            pipeline.naming_broken_records(dataset, "train"),
        ):
            list(stream)


def test_an_index_of_frames(load):
    dataset = load()
    split = dataset.splits["train"]

    def read():
        index = dataset.frames("train")
        return plain({k: v for k, v in vars(index).items() if k != "tensors"})

    damage(split.index, read, 100)


def test_the_small_files_of_a_dataset(load):
    """Classes, numbers of videos, annotations, what was set aside."""

    def read():
        dataset = load()
        annotations = sorted(dataset.annotations.glob("*.csv"))
        return (
            dataset.classes,
            dict(dataset.splits),
            dataset.aside,
            [listing.read(path) for path in annotations],
        )

    folder = Path(load().splits["train"].files[0]).parent
    for pattern in ("*.json", "*.txt", "*.csv", "annotations/*.csv"):
        for path in folder.glob(pattern):
            damage(path, read, 10)


def test_an_index_of_other_records(tmp_path):
    """The index of the records that the official code prepared."""
    path, file = tmp_path / "kinetics-400.json", tmp_path / "train"
    file.touch()
    write_json(path, {"classes": ["a", "b"], "files": {"train": {str(file): 12}}})
    damage(path, lambda: model_garden.read_index(path), 100)


def test_annotations(tmp_path):
    """A changed label or id is an error, or a video that is set aside by its name."""
    labels, csv = ("sit down", "turn left", "turn right"), tmp_path / "train.csv"
    rows = [(labels[i % 3], f"video-{i}", 3, 13, "train") for i in range(12)]
    write_csv(csv, rows)
    for label, ident, *_ in rows:
        path = tmp_path / "videos" / label / f"{ident}_000003_000013.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    whole = {video.id: video.label for video in listing.read(csv)}

    def read():
        source = shards.Source(tmp_path / "videos", tmp_path, None, 1.0)
        _, planned = shards.plan(source, len(labels))
        found = {v.id: v.label for s in planned["train"] for v in s.videos if v.path}
        # What is left out is counted, and named in `set_aside.csv`.
        return all(whole.get(ident) == label for ident, label in found.items())

    damage(csv, read, 100)
