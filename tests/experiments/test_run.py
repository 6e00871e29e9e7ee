"""A run from its parameters to its record, and the evaluation of its network."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from r3d_rs.data import datasets, frame_index
from r3d_rs.evaluation import trained
from r3d_rs.evaluation.multiview import evaluate
from r3d_rs.experiments import contrastive, record, run, scoring
from r3d_rs.models import load_model_garden_checkpoint
from r3d_rs.models.model_garden import CheckpointMismatch
from r3d_rs.recipes import scales, table2
from r3d_rs.recipes.recipe import recipe_hash
from r3d_rs.training.fit import build_model, fit
from tests.shared import tiny
from tests.shared.official import official_values, write_objects

pytestmark = pytest.mark.usefixtures("shallow")


@pytest.mark.both_backends
def test_the_record_is_of_the_row(finished):
    this, path = finished.run, finished.record
    found = record.read(path)
    assert path.parts[-4:] == ("kinetics-400", "ablation", "SE", "seed-1.json")
    assert found["experiment"]["point"] == "SE"
    assert found["recipe"]["squeeze_excitation"] == 0.25
    assert found["metrics"]["num_videos"] == 3
    table = this.recipe_table()
    assert set(table.index[table[""] == "changed"]) >= {"width", "epochs"}
    # The run's states go with its record; what describes its network stays.
    names = sorted(file.name for file in this.folder.iterdir())
    assert names == [".lock", "log.csv", "model.keras", "run.json"]


def test_what_could_not_be_reported_is_not_trained(finished, dataset, monkeypatch):
    alone = dataclasses.replace(dataset, splits={"train": dataset.splits["train"]})
    monkeypatch.setattr(datasets, "load", lambda *_: alone)
    with pytest.raises(ValueError, match="has no videos in its split 'validation'"):
        finished.run.load_data()
    monkeypatch.setattr(datasets, "load", lambda *_: dataset)
    index = frame_index.of(dataset.splits["validation"], dataset.parse)
    ids = index.ids.copy()
    ids[1] = ids[0]
    monkeypatch.setattr(
        frame_index, "of", lambda *_: dataclasses.replace(index, ids=ids)
    )
    message = "'validation': has 1 ids more than once, 'val"
    with pytest.raises(ValueError, match=message):
        finished.run.load_data()


def test_toggles_name_the_run():
    options = {"row": "SE", "dataset": "pantomime", "seed": 1}
    this = run.ablation(**options, toggles="LS, SE", checkpoints="there")
    assert this.point == "baseline+LS+SE"
    assert this.folder.parts[-3:] == ("ablation", "baseline+LS+SE", "seed-1")
    assert this.recipe.label_smoothing == 0.1 and this.recipe.stem == "7x7"
    for name in ("toggles", "row"):
        with pytest.raises(ValueError, match=f"parameter {name}: received 'XS'"):
            run.ablation(**options | {name: "XS"})


def test_a_run_divides_its_batches_as_it_is_told(tmp_path):
    wanted = {"seed": 0, "data_dir": str(tmp_path), "rematerialize": True}
    with pytest.warns(UserWarning, match="kinetics-400, at the paper's scale, on a C"):
        this = run.scaling(
            point="RS-50", dataset="kinetics-400", micro_batches=8, **wanted
        )
    assert (this.recipe.micro_batches, this.recipe.rematerialize) == (8, True)
    assert recipe_hash(this.recipe) == recipe_hash(this.paper)
    pairs = contrastive.checked(point="RS-50", dataset="pantomime", **wanted)
    assert (pairs.recipe.micro_batches, pairs.recipe.rematerialize) == (1, True)
    with pytest.raises(ValueError, match="micro_batches: received -1, allowed is 0"):
        run.scaling(point="RS-50", dataset="pantomime", micro_batches=-1, **wanted)


def test_tensorboard_has_the_curves_on_request(finished, dataset, monkeypatch):
    logs = Path(finished.run.tensorboard)
    assert list(logs.glob("train/events.out.tfevents.*"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        fit(dataset, finished.run.recipe, seed=0, verbose=0, tensorboard=logs)


# An evaluation notebook's steps.


def test_a_kept_network_is_evaluated(finished, tmp_path):
    options = {"checkpoint": str(finished.folder), "data_dir": finished.run.data_dir}
    step = scoring.checked(**options, scores=str(tmp_path / "scores.npz"))
    assert step.describe()["evaluated on"] == "kinetics-400, split validation"
    curve = step.curve()
    assert curve.index.to_list() == ["1×1", "2×1", "2×3"]
    top1 = finished.evaluation.metrics()["video_top1"]
    assert curve.loc["2×3", "video_top1"] == round(100 * top1, 2)
    found = record.load_scores(step.write_scores())
    assert found.ids.tolist() == finished.evaluation.ids.tolist()
    assert scoring.checked(**options, split="train").describe()["videos"] == "10"


def test_wrong_parameters_of_an_evaluation_are_named(finished, tmp_path):
    options = {"checkpoint": str(finished.folder), "data_dir": finished.run.data_dir}
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


def test_an_official_checkpoint_is_evaluated(dataset, data_dir, tmp_path, monkeypatch):
    plain = {"squeeze_excitation": 0.0, "self_gating": "none", "spatial_views": 1}
    small = dataclasses.replace(table2.row("baseline"), **tiny.SMALL | plain)
    monkeypatch.setattr(scales, "of_point", lambda point, dataset: small)
    prefix = write_objects(tmp_path / "ckpt", official_values(tiny.BLOCKS, classes=3))
    step = scoring.checked(
        checkpoint="",
        official=prefix,
        point="R3D-50",
        dataset="kinetics-400",
        data_dir=str(data_dir),
        scores=str(tmp_path / "scores.npz"),
    )
    assert step.curve().index.to_list() == ["1×1", "2×1"]
    found = record.load_scores(step.write_scores())
    model = build_model(small, 3, size=16)
    load_model_garden_checkpoint(model, prefix)
    expected = evaluate(model, dataset, small)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-3)
    with pytest.raises(FileNotFoundError, match="absent"):
        trained.load_official(tmp_path / "absent", small, dataset)
    others = dataclasses.replace(dataset, classes=("one", "two"))
    with pytest.raises(CheckpointMismatch, match="layer_with_weights-1/bias"):
        trained.load_official(prefix, small, others)
