"""A run from its parameters to its record, and the evaluation of its network."""

import dataclasses
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from r3d_rs.cli import main
from r3d_rs.data import datasets, frame_index
from r3d_rs.data.names import data_directory
from r3d_rs.evaluation import trained
from r3d_rs.evaluation.multiview import evaluate, evaluate_over_views
from r3d_rs.experiments import record, run, scoring, show
from r3d_rs.models import load_model_garden_checkpoint
from r3d_rs.models.model_garden import CheckpointMismatch
from r3d_rs.models.resnet3d import DEPTHS
from r3d_rs.operations import engine
from r3d_rs.options import FOLDER, INPUT
from r3d_rs.preparation import preparation
from r3d_rs.recipes import points, scales
from r3d_rs.recipes.recipe import recipe_hash
from r3d_rs.tpu import plan
from r3d_rs.training import devices
from r3d_rs.training.checkpoints import Checkpoints
from r3d_rs.training.fit import build, build_model, fit
from tests.shared.official import official_values, write_objects


@pytest.mark.both_backends
def test_the_record_is_of_the_row(finished):
    asked, path = finished.run, finished.record
    found = record.read(path)
    assert path.parts[-4:] == ("kinetics-400", "ablation", "SE", "seed-1.json")
    assert found["experiment"]["point"] == "SE"
    assert found["recipe"]["squeeze_excitation"] == 0.25
    assert found["metrics"]["num_videos"] == 3
    table = show.recipe_table(asked.paper, asked.recipe)
    assert set(table.index[table[""] == "changed"]) >= {"width", "epochs"}
    # The run's states go with its record; what describes its network stays.
    names = sorted(file.name for file in asked.folder.iterdir())
    assert names == [".lock", "log.csv", "model.keras", "run.json"]


def test_what_could_not_be_reported_is_not_trained(finished, dataset, monkeypatch):
    alone = dataclasses.replace(dataset, splits={"train": dataset.splits["train"]})
    monkeypatch.setattr(datasets, "load", lambda *_: alone)
    with pytest.raises(ValueError, match="has no videos in its split 'validation'"):
        run.load_data(finished.run)
    monkeypatch.setattr(datasets, "load", lambda *_: dataset)
    index = dataset.frames("validation")
    ids = index.ids.copy()
    ids[1] = ids[0]
    monkeypatch.setattr(
        frame_index, "load", lambda *_: dataclasses.replace(index, ids=ids)
    )
    message = "'validation': has 1 ids more than once, 'val"
    with pytest.raises(ValueError, match=message):
        run.load_data(finished.run)


@pytest.mark.parametrize("address", ["gs://bucket/a", "s3://a", "file:///a", "abfs:/a"])
def test_an_address_is_refused_before_anything_computes(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {"row": "SE", "dataset": "pantomime-20"}
    for name in ("results", "checkpoints", "data_dir", "tensorboard"):
        with pytest.raises(
            ValueError, match=rf"parameter {name}: received '{address}'"
        ):
            run.check("ablation", asked | {name: address})
    tuned = {"stage": "fine-tune", "point": "RS-50", "dataset": "pantomime-20"}
    with pytest.raises(ValueError, match="parameter parent: received"):
        run.check("pretraining", tuned | {"parent": address})
    with pytest.raises(ValueError, match="parameter backbone: received"):
        run.check("contrastive", {"point": "RS-50", "backbone": address})
    for name in ("network", "official", "scores"):
        given = {"network": "a", "dataset": "pantomime-20"} | {name: address}
        with pytest.raises(ValueError, match=f"parameter {name}: received"):
            scoring.load(given)
    with pytest.raises(ValueError, match="parameter results: received"):
        engine.Request("ablation/SE", "pantomime-20", results=address)
    with pytest.raises(ValueError, match="parameter videos: received"):
        preparation.prepare("kinetics-400", tmp_path, videos=address)
    with pytest.raises(ValueError, match="parameter folder: received"):
        Checkpoints(address, {})
    monkeypatch.setenv("R3D_RS_DATA", address)
    with pytest.raises(ValueError, match="parameter data_dir: received"):
        run.check("ablation", asked)
    assert not list(tmp_path.iterdir())


ROOT = Path(__file__).parents[2]
KEEP = click.Option(["--keep"])
BELOW = ["notebooks", "r3d_rs/data", "."]


@pytest.mark.parametrize("where", BELOW)
def test_notebooks_and_commands_mean_the_same_folders(where, monkeypatch):
    """Jupyter's current folder is the notebook's, papermill's that of the shell."""
    monkeypatch.chdir(ROOT / where)
    asked = {"row": "SE", "dataset": "pantomime-20"}
    options = run.check("ablation", asked).options
    request = engine.Request("ablation/SE", "pantomime-20", 1)
    for found in (options.results, request.results, FOLDER.convert("runs", KEEP, None)):
        assert Path(found).absolute() == ROOT / "runs"
    assert Path(options.checkpoints).absolute() == ROOT / "build/checkpoints"
    running = engine.executing_folder(request.results).absolute()
    assert running == ROOT / "build/runs/runs"
    assert data_directory("build/data") == ROOT / "build/data"
    asked["results"] = "./mine"
    given = Path(run.check("ablation", asked).options.results).absolute()
    assert given == ROOT / where / "mine"
    assert INPUT.convert("videos", KEEP, None) == Path("videos")


def test_outside_of_a_checkout_folders_are_below_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {"row": "SE", "dataset": "pantomime-20"}
    assert run.check("ablation", asked).options.results == "runs"
    assert data_directory("build/data") == tmp_path / "build/data"
    done = CliRunner().invoke(main, ["list", "scaling/RS-50"], prog_name="r3d-rs")
    assert f"\nyours: {tmp_path}/runs\n" in done.output
    assert f"\ncheckpoints: {tmp_path}/build/checkpoints\n" in done.output


def test_folders_may_be_below_the_home_or_have_colons(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    asked = {"row": "SE", "dataset": "pantomime-20", "checkpoints": "at 10:30/c:d"}
    options = run.check("ablation", asked | {"results": "~/runs"}).options
    assert (options.results, options.checkpoints) == ("/somewhere/runs", "at 10:30/c:d")


def test_toggles_name_the_run():
    given = {"row": "SE", "dataset": "pantomime", "seed": 1}
    options = {"toggles": "LS, SE", "checkpoints": "there"}
    asked = run.check("ablation", given | options)
    assert asked.folder.parts[-3:] == ("ablation", "baseline+LS+SE", "seed-1")
    assert asked.recipe.label_smoothing == 0.1 and asked.recipe.stem == "7x7"
    for name in ("toggles", "row"):
        with pytest.raises(ValueError, match=f"parameter {name}: received 'XS'"):
            run.check("ablation", given | {name: "XS"})


def test_a_run_divides_its_batches_as_it_is_told(tmp_path):
    wanted = {"point": "RS-50", "data_dir": str(tmp_path), "rematerialize": True}
    kinetics = wanted | {"dataset": "kinetics-400", "micro_batches": 8}
    with pytest.warns(UserWarning, match="kinetics-400, at the paper's scale, on a C"):
        asked = run.setup(run.check("scaling", kinetics))
    assert (asked.recipe.micro_batches, asked.recipe.rematerialize) == (8, True)
    assert recipe_hash(asked.recipe) == recipe_hash(asked.paper)
    small = wanted | {"dataset": "pantomime"}
    pairs = run.setup(run.check("contrastive", small)).pretraining
    assert (pairs.micro_batches, pairs.rematerialize) == (1, True)
    with pytest.raises(ValueError, match="micro_batches: received -1, allowed is 0"):
        run.check("scaling", small | {"micro_batches": -1})


def test_pairs_of_views_fit_the_memory_of_a_gpu(tmp_path, monkeypatch):
    """As batches of clips do; a GPU with a chip's memory has its rows."""
    fits = tmp_path / "fits.csv"
    rows = "v5e,RS-50,{macs},False,False,4\nv5e,RS-50,{macs},True,False,8\n"
    columns = "chip,point,macs,rematerialize,accumulate,clips\n"
    fits.write_text(columns + rows.format(macs=10**15))
    monkeypatch.setattr(plan, "FITS", fits)
    monkeypatch.setattr(plan, "macs", lambda recipe: 10**15)
    monkeypatch.setattr(devices, "accelerators", lambda: ("NVIDIA T4", 1))
    monkeypatch.setattr(devices, "gpu_memory", lambda: 16 * 2**30)
    given = {"point": "RS-50", "dataset": "kinetics-400", "scale": "tiny"}
    asked = run.setup(run.check("contrastive", given | {"data_dir": str(tmp_path)}))
    # Four pairs are eight clips.
    assert (asked.recipe.batch_size, asked.recipe.rematerialize) == (4, False)
    assert (asked.pretraining.batch_size, asked.pretraining.rematerialize) == (4, True)


def test_tensorboard_has_the_curves_on_request(finished, dataset, monkeypatch):
    logs, recipe = Path(finished.run.options.tensorboard), finished.run.recipe
    assert list(logs.glob("train/events.out.tfevents.*"))
    model = build(recipe, dataset, seed=0)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install tensorboard"):
        fit(model, dataset, recipe, seed=0, verbose=0, tensorboard=logs)


# An evaluation notebook's steps.


def test_a_kept_network_is_evaluated(finished):
    data_dir = finished.run.options.data_dir
    options = {"network": str(finished.folder), "data_dir": data_dir}
    network, data, split = scoring.load(options)
    shown = show.network(network, data, split)
    assert shown["evaluated on"] == "kinetics-400, split validation"
    evaluations = evaluate_over_views(network.model, data, network.recipe, split=split)
    curve = show.over_views(evaluations)
    assert curve.index.to_list() == ["1×1", "2×1"]
    top1 = finished.evaluation.metrics()["video_top1"]
    assert curve.loc["2×1", "video_top1"] == round(100 * top1, 2)
    *_, last = evaluations.values()
    assert last.ids.tolist() == finished.evaluation.ids.tolist()
    network, data, split = scoring.load(options | {"split": "train"})
    assert show.network(network, data, split)["videos"] == "10"


def test_wrong_parameters_of_an_evaluation_are_named(tmp_path):
    options = {"network": str(tmp_path)}
    for wrong, message in (
        ({"split": "val"}, "split: received 'val', allowed are train"),
        ({"point": "RS-9"}, "point: received 'RS-9', allowed are"),
        ({"dataset": "ucf"}, "dataset: received 'ucf', allowed are"),
        ({"official": "x"}, "an official checkpoint needs one"),
        ({"network": 3}, r"network: received 3 \(int\)"),
    ):
        with pytest.raises(ValueError, match=message):
            scoring.load(options | wrong)
    with pytest.raises(FileNotFoundError, match=r"run\.json is not there"):
        scoring.load(options)


def test_an_official_checkpoint_is_evaluated(dataset, data_dir, tmp_path, monkeypatch):
    tiny = scales.of_point(points.point("R3D-50"), "tiny")
    monkeypatch.setattr(scales, "of_point", lambda point, scale: tiny)
    values = official_values(DEPTHS[14], classes=3)  # without self-gating
    prefix = str(write_objects(tmp_path / "ckpt", values))
    given = {"network": "", "official": prefix, "point": "R3D-50"}
    given |= {"dataset": "kinetics-400", "data_dir": str(data_dir)}
    network, data, split = scoring.load(given)
    small = network.recipe
    assert small.frames == 2 * tiny.frames  # as it was published
    found = evaluate(network.model, data, small, split=split)
    model = build_model(small, 3, size=16)
    load_model_garden_checkpoint(model, prefix)
    expected = evaluate(model, dataset, small)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-3)
    with pytest.raises(FileNotFoundError, match="absent"):
        trained.load_official(tmp_path / "absent", small, dataset)
    others = dataclasses.replace(dataset, classes=("one", "two"))
    with pytest.raises(CheckpointMismatch, match="layer_with_weights-1/bias"):
        trained.load_official(prefix, small, others)
