"""A run from its parameters to its record, and what its network says of a video."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import r3d_rs
from r3d_rs import __main__ as command_line
from r3d_rs.data import datasets, frame_index, pipeline
from r3d_rs.evaluation import multiview, trained
from r3d_rs.evaluation.multiview import evaluate, predict_videos
from r3d_rs.experiments import record, run, scoring
from r3d_rs.models import load_model_garden_checkpoint
from r3d_rs.models.model_garden import CheckpointMismatch
from r3d_rs.recipes import scales, table2
from r3d_rs.report import saliency, views_curve
from r3d_rs.training import checkpoints
from r3d_rs.training.fit import build_model, fit
from tests.shared import tiny
from tests.shared.official import official_values, write_objects
from tests.shared.tiny import CLASSES, clock, write_video

pytestmark = pytest.mark.usefixtures("shallow")

SMALL = tiny.SMALL | {"learning_rate": 0.01}


@pytest.fixture(scope="module")
def finished(data_dir, tmp_path_factory):
    """An ablation run on tiny videos, its evaluation and its record's path."""
    folder = tmp_path_factory.mktemp("run")
    this = run.ablation(
        row="SE",
        dataset="kinetics-400",
        seed=0,
        epochs=1,
        results=str(folder / "results"),
        checkpoints=str(folder / "checkpoints"),
        data_dir=str(data_dir),
        tensorboard=str(folder / "logs"),
    )
    this.recipe = dataclasses.replace(this.recipe, **SMALL)
    data = this.load_data()
    this.train(data)
    evaluation = this.evaluate(data)
    return this, data, evaluation, this.write_record(evaluation)


@pytest.mark.both_backends
def test_the_record_is_of_the_row(finished):
    this, _, _, path = finished
    found = record.read(path)
    assert path.parts[-4:] == ("kinetics-400", "ablation", "SE", "seed-0.json")
    assert found["experiment"]["point"] == "SE"
    assert found["recipe"]["squeeze_excitation"] == 0.25
    assert found["metrics"]["num_videos"] == 3
    table = this.recipe_table()
    assert set(table.index[table[""] == "changed"]) >= {"width", "epochs"}
    # The run's states go with its record; what describes its network stays.
    names = sorted(file.name for file in this.folder.iterdir())
    assert names == [".lock", "log.csv", "model.keras", "run.json"]


def test_what_could_not_be_reported_is_not_trained(finished, monkeypatch):
    this, data, _, _ = finished
    alone = dataclasses.replace(data, splits={"train": data.splits["train"]})
    monkeypatch.setattr(datasets, "load", lambda *_: alone)
    with pytest.raises(ValueError, match="has no videos in its split 'validation'"):
        this.load_data()
    monkeypatch.setattr(datasets, "load", lambda *_: data)
    index = data.frames("validation")
    index.ids[1] = index.ids[0]
    monkeypatch.setattr(frame_index, "load", lambda *_: index)
    with pytest.raises(
        ValueError, match="'validation': has 1 ids more than once, 'val"
    ):
        this.load_data()


@pytest.mark.both_backends
def test_the_network_that_is_kept_gives_the_evaluation_again(finished):
    this, data, evaluation, _ = finished
    kept = trained.load(this.folder)
    assert kept.classes == data.classes and kept.recipe == this.recipe
    assert kept.seed == this.seed
    again = evaluate(kept.model, data, kept.recipe)
    np.testing.assert_allclose(again.probabilities, evaluation.probabilities, atol=1e-6)
    assert (again.ids == evaluation.ids).all()


def test_batches_hold_whole_videos_and_the_last_is_padded():
    shapes = []

    class Network:
        def predict_on_batch(self, clips):
            shapes.append(clips.shape)
            return clips.reshape(len(clips), 2)  # two classes

    # The second class of video v is e^(10v + k) times as probable as the first in view
    # k; the transform takes the reciprocal.
    videos = [
        {"id": v, "views": np.array([[0, 10 * v + k] for k in range(3)], "float32")}
        for v in range(5)
    ]
    found = list(predict_videos(Network(), iter(videos), 2, lambda views: -views))
    assert shapes == [(6, 2)] * 3
    assert [video["id"] for video, _ in found] == [0, 1, 2, 3, 4]
    odds = [softmax[:, 0] / softmax[:, 1] for _, softmax in found]
    expected = [[np.exp(10 * v + k) for k in range(3)] for v in range(5)]
    np.testing.assert_allclose(odds, expected, rtol=1e-4)
    assert not list(predict_videos(Network(), [], 2))


@pytest.mark.parametrize(
    ("at_once", "sizes"),
    [(100, [6]), (6, [6]), (4, [3, 3]), (2, [2] * 3), (0, [1] * 6)],
)
def test_large_clips_are_predicted_in_equal_parts(at_once, sizes, monkeypatch):
    found = []

    class Network:
        def predict_on_batch(self, clips):
            found.append(len(clips))
            return clips.mean((1, 2, 3))

    clips = np.random.default_rng(0).normal(size=(6, 2, 3, 5, 3)).astype("float32")
    monkeypatch.setattr(multiview, "PIXELS_AT_ONCE", at_once * 2 * 3 * 5)
    softmax = multiview.predict_clips(Network(), clips)
    assert found == sizes
    logits = clips.mean((1, 2, 3))
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(softmax, expected, rtol=1e-5)


def test_an_evaluation_notebooks_steps(finished, tmp_path):
    this, _, evaluation, _ = finished
    step = scoring.checked(
        checkpoint=str(this.folder),
        data_dir=this.data_dir,
        scores=str(tmp_path / "scores.npz"),
    )
    assert step.describe()["evaluated on"] == "kinetics-400, split validation"
    curve = step.curve()
    assert curve.index.to_list() == ["1×1", "2×1", "2×3"]
    top1 = evaluation.metrics()["video_top1"]
    assert curve.loc["2×3", "video_top1"] == round(100 * top1, 2)
    found = record.load_scores(step.write_scores())
    assert found.ids.tolist() == evaluation.ids.tolist()
    train = scoring.checked(
        checkpoint=str(this.folder), data_dir=this.data_dir, split="train"
    )
    assert train.describe()["videos"] == "10"


def test_wrong_parameters_of_an_evaluation_are_named(finished, tmp_path):
    this = finished[0]
    options = {"checkpoint": str(this.folder), "data_dir": this.data_dir}
    for wrong, error, message in (
        ({"split": "val"}, ValueError, "split: received 'val', allowed are train"),
        ({"point": "RS-9"}, ValueError, "point: received 'RS-9', allowed are"),
        ({"dataset": "ucf"}, ValueError, "dataset: received 'ucf', allowed are"),
        ({"official": "x"}, ValueError, "an official checkpoint needs one"),
        ({"checkpoint": str(tmp_path)}, FileNotFoundError, "model.keras is not there"),
        ({"checkpoint": 3}, ValueError, r"checkpoint: received 3 \(int\)"),
    ):
        with pytest.raises(error, match=message):
            scoring.checked(**options | wrong)


def test_an_official_checkpoint_is_evaluated(finished, tmp_path, monkeypatch):
    this, data, _, _ = finished
    with pytest.raises(FileNotFoundError, match="absent"):
        trained.load_official(tmp_path / "absent", this.recipe, data)
    plain = {"squeeze_excitation": 0.0, "self_gating": "none", "spatial_views": 1}
    small = dataclasses.replace(table2.row("baseline"), **SMALL | plain)
    monkeypatch.setattr(scales, "of_point", lambda point, dataset: small)
    prefix = write_objects(tmp_path / "ckpt", official_values(tiny.BLOCKS, classes=3))
    step = scoring.checked(
        checkpoint="",
        official=prefix,
        point="R3D-50",
        dataset="kinetics-400",
        data_dir=this.data_dir,
        scores=str(tmp_path / "scores.npz"),
    )
    assert step.curve().index.to_list() == ["1×1", "2×1"]
    found = record.load_scores(step.write_scores())
    model = build_model(small, 3, size=16)
    load_model_garden_checkpoint(model, prefix)
    expected = evaluate(model, data, small)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-3)
    with pytest.raises(CheckpointMismatch, match="layer_with_weights-1/bias"):
        trained.load_official(
            prefix, small, dataclasses.replace(data, classes=("one", "two"))
        )


def test_tensorboard_has_the_curves_on_request(finished, monkeypatch):
    this, data, _, _ = finished
    logs = Path(this.tensorboard)
    assert list(logs.glob("train/events.out.tfevents.*"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        fit(data, this.recipe, seed=0, verbose=0, tensorboard=logs)


@pytest.mark.both_backends
def test_a_video_file_is_predicted_as_it_is_evaluated(
    finished, tmp_path, monkeypatch, capsys
):
    this, data, evaluation, _ = finished
    video = tmp_path / "clip.mkv"
    write_video(video, clock())
    found = r3d_rs.predict(video, checkpoint=this.folder, top_k=3)
    assert {name for name, _ in found} == set(CLASSES)
    probabilities = dict(found)
    assert list(probabilities.values()) == sorted(probabilities.values())[::-1]
    expected = dict(zip(data.classes, evaluation.probabilities[0], strict=True))
    for name in CLASSES:  # the tiny videos all show the same
        assert probabilities[name] == pytest.approx(expected[name], abs=1e-3)
    options = ["--checkpoint", str(this.folder / "model.keras"), "--top-k", "1"]
    monkeypatch.setattr("sys.argv", ["r3d_rs", "predict", str(video), *options])
    command_line.main()
    assert capsys.readouterr().out.split("%")[1].strip() == found[0][0]


def test_what_cannot_be_predicted_is_named(finished, tmp_path):
    this = finished[0]
    text = tmp_path / "clip.mp4"
    text.write_text("no video")
    cases = [
        (text, this.folder, 1, ValueError, r"clip\.mp4: "),
        (tmp_path / "absent.mp4", this.folder, 1, FileNotFoundError, "absent"),
        (text, tmp_path, 1, FileNotFoundError, r"model\.keras is not there"),
        (text, this.folder, 9, ValueError, "top_k: received 9, allowed is 1 to 3"),
    ]
    for video, checkpoint, top_k, error, message in cases:
        with pytest.raises(error, match=message):
            r3d_rs.predict(video, checkpoint=checkpoint, top_k=top_k)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "run.json").write_bytes((this.folder / "run.json").read_bytes())
    (damaged / "model.keras").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"model\.keras: no checkpoint of a run"):
        trained.load(damaged)


def test_where_a_network_looks_is_kept_with_its_runs_recipe_and_seed(
    finished, tmp_path
):
    this, _, _, written = finished
    shown = (CLASSES[2], CLASSES[0])
    for checkpoint in (this.folder, this.folder / "model.keras"):
        file = saliency.write(checkpoint, tmp_path, shown=shown, data_dir=this.data_dir)
        found = np.load(file)
        assert tuple(found["classes"]) == shown
        assert found["frames"].shape == (2, this.recipe.frames, 16, 16, 3)
        assert found["shares"].sum(1) == pytest.approx(1, abs=1e-5)
        assert int(found["seed"]) == this.seed
        assert str(found["recipe"]) == record.read(written)["recipe_hash"]


def test_classes_that_cannot_be_shown_are_named(finished, tmp_path, monkeypatch):
    this, data, _, _ = finished
    options = {"data_dir": this.data_dir}
    with pytest.raises(
        ValueError,
        match="kinetics-400, whose 3 classes do not include stand up, walk forward;",
    ):
        saliency.write(this.folder, tmp_path, **options)
    # A split with a single video has none of the other classes.
    [video] = pipeline.evaluation_views(data, this.recipe, split="validation").take(1)
    own = CLASSES[int(video["label"])]
    one = tf.data.Dataset.from_tensors(video)
    monkeypatch.setattr(pipeline, "evaluation_views", lambda *_, **__: one)
    others = ", ".join(name for name in CLASSES if name != own)
    with pytest.raises(ValueError, match=f"validation: there is no video of {others},"):
        saliency.write(this.folder, tmp_path, shown=CLASSES, **options)


def test_a_network_meets_no_dataset_of_other_classes(finished, tmp_path, monkeypatch):
    this, data, _, _ = finished
    others = dataclasses.replace(data, classes=data.classes[::-1])
    monkeypatch.setattr(datasets, "load", lambda *_: others)
    for uses in (
        lambda: scoring.checked(checkpoint=str(this.folder)),
        lambda: views_curve.measure(this.folder),
        lambda: saliency.write(this.folder, tmp_path, shown=CLASSES),
    ):
        with pytest.raises(
            ValueError,
            match="'kinetics-400', whose 3 classes are not the 3 of the network",
        ):
            uses()


def test_toggles_name_the_run():
    this = run.ablation(
        row="SE", toggles="LS, SE", dataset="pantomime", seed=1, checkpoints="there"
    )
    assert this.point == "baseline+LS+SE"
    assert this.folder.parts[-3:] == ("ablation", "baseline+LS+SE", "seed-1")
    assert this.recipe.label_smoothing == 0.1 and this.recipe.stem == "7x7"
    with pytest.raises(ValueError, match="parameter toggles: received 'XS'"):
        run.ablation(row="SE", toggles="XS", dataset="pantomime", seed=1)
    with pytest.raises(ValueError, match="parameter row: received 'XS'"):
        run.ablation(row="XS", dataset="pantomime", seed=1)


def test_removing_checkpoints_leaves_what_is_not_one(tmp_path):
    for name in ("epoch-0001.npz", "epoch-0002.npz", "run.json"):
        (tmp_path / name).touch()
    checkpoints.remove(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
