"""A run of Table 6 from its parameters to its record."""

import dataclasses

import numpy as np
import pytest

from r3d_rs.experiments import contrastive, record
from r3d_rs.models.model_garden import CheckpointMismatch
from r3d_rs.recipes import contrastive as recipes
from r3d_rs.report import tables
from r3d_rs.training import checkpoints, transfer
from tests.shared import tiny
from tests.shared.official import official_values, write_objects

pytestmark = pytest.mark.usefixtures("shallow")

SMALL = tiny.SMALL | {"spatial_views": 1, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def folder(data_dir, tmp_path_factory):
    """A folder of runs beside the shared dataset."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "tfds").symlink_to(data_dir / "tfds")
    return folder


@pytest.fixture(scope="module", autouse=True)
def small():
    """Networks, clips and batches that are tiny."""
    full = recipes.at_scale
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            recipes,
            "at_scale",
            lambda *arguments: tuple(
                dataclasses.replace(recipe, **SMALL) for recipe in full(*arguments)
            ),
        )
        yield


def start(folder, **options):
    return contrastive.checked(
        **{
            "point": "RS-50",
            "dataset": "kinetics-400",
            "seed": 0,
            "epochs": 2,
            "linear_epochs": 1,
            "results": str(folder / "results"),
            "checkpoints": str(folder / "checkpoints"),
            "data_dir": str(folder),
        }
        | options
    )


def finish(this):
    data = this.linear.load_data()
    history = this.pretrain(data)
    this.linear.train(data)
    path = this.write_record(this.linear.evaluate(data))
    return history, path, record.read(path)


@pytest.fixture(scope="module")
def finished(folder):
    this = start(folder)
    return this, *finish(this)


@pytest.mark.both_backends
def test_the_record_has_both_recipes_and_histories(finished):
    this, history, path, found = finished
    assert path.parts[-4:] == ("kinetics-400", "contrastive", "RS-50", "seed-0.json")
    assert found["recipe"]["frozen"] and found["history"]["epoch"] == [1]
    parent = found["parent"]
    assert parent["name"] == "kinetics-400/contrastive-pretraining/RS-50/seed-0"
    assert parent["recipe"]["temperature"] == 0.1
    assert parent["history"]["loss"] == history["loss"].to_list()
    assert parent["new"] == ["head/kernel", "head/bias"]
    assert found["metrics"]["num_videos"] == 3
    # The states of both go with the record; the networks stay.
    for kept in (this.folder, this.linear.folder):
        names = sorted(file.name for file in kept.iterdir())
        assert names == [".lock", "log.csv", "model.keras", "run.json"]


@pytest.mark.both_backends
def test_linear_evaluation_changes_no_variable_of_the_backbone(finished):
    this = finished[0]
    model, backbone = this.linear._model, this.linear.parent.weights.values
    assert [v.path for v in model.trainable_variables] == ["head/kernel", "head/bias"]
    own = {w.path: w.numpy() for w in model.weights}
    assert set(own) - set(backbone) == {"head/kernel", "head/bias"}
    for path, value in backbone.items():
        assert own[path].tobytes() == value.tobytes(), path
    assert (own["head/bias"] != 0).any()
    videos = this._middle_clips(this.linear.load_data())
    labels, features = this._features(videos)
    assert features.shape[0] == len(labels) == 3
    np.testing.assert_allclose(np.linalg.norm(features, axis=-1), 1, rtol=1e-5)


def test_the_pictures_are_drawn(finished):
    this = finished[0]
    data = this.linear.load_data()
    assert len(this.sample_pairs(data, count=2).axes) >= 4
    assert len(this.neighbors(data, queries=2, nearest=1).axes) >= 4
    assert set(this.recipe_table().columns) == {"paper", "this run", ""}


def test_a_backbone_that_was_kept_gives_the_evaluation_again(
    folder, finished, monkeypatch
):
    this, _, _, found = finished
    monkeypatch.setattr(checkpoints, "seconds", lambda folder: 1000.0)  # before a stop
    again = start(folder, backbone=str(this.folder))
    history, path, other = finish(again)
    assert history is None and path.parts[-3] == "linear-evaluation"
    assert other["parent"]["weights_sha256"] == found["parent"]["weights_sha256"]
    assert other["parent"]["recipe_hash"] == found["parent"]["recipe_hash"]
    assert other["metrics"] == found["metrics"]
    spent = other["wall_seconds"]
    assert spent["total"] > spent["training"] > 1000


def test_random_weights_are_evaluated(folder, finished):
    this = start(folder, backbone="untrained")
    states = this.folder / "epoch-0001.npz"  # of a pre-training that goes on later
    states.touch()
    _, path, found = finish(this)
    states.unlink()
    assert path.parts[-3:-1] == ("linear-evaluation", "RS-50+untrained")
    assert found["parent"]["name"] == "untrained"
    other = start(folder, backbone="untrained", seed=1)
    assert (
        other.linear.parent.about["weights_sha256"]
        != (found["parent"]["weights_sha256"])
    )
    row = tables.table6(folder / "results").set_index("point").loc["RS-50"]
    assert row["kinetics_untrained_seeds"] == row["kinetics_seeds"] == "1"


def test_a_released_backbone_is_evaluated(folder, tmp_path):
    values = official_values(tiny.BLOCKS)
    prefix = write_objects(tmp_path / "r3d_1x", values)
    this = start(folder, point="R3D-50", backbone=prefix)
    assert this.linear.recipe.self_gating == "none"
    first = this.linear.parent.weights.values["stem_conv1/kernel"]
    assert (first == values["backbone/layer_with_weights-0/kernel"]).all()
    _, path, found = finish(this)
    assert path.parent.name == "R3D-50+r3d_1x-1"
    assert found["parent"]["name"] == "r3d_1x-1"
    with pytest.raises(CheckpointMismatch, match="layer_with_weights"):
        start(folder, point="RS-50", backbone=prefix)


def test_wrong_parameters_are_named(folder, finished, tmp_path):
    for wrong, error, message in (
        ({"point": "RS-300"}, ValueError, "point: received 'RS-300', allowed are R3D"),
        ({"linear_epochs": -1}, ValueError, "linear_epochs: received -1"),
        ({"backbone": str(tmp_path)}, FileNotFoundError, r"model\.keras is not there"),
        ({"backbone": "absent"}, FileNotFoundError, "absent"),
    ):
        with pytest.raises(error, match=message):
            start(folder, **wrong)
    with pytest.raises(transfer.TransferError, match="missing: stage2/block2, stage2/"):
        start(folder, point="RS-101", backbone=str(finished[0].folder))


def test_the_record_is_named_after_all_that_tells_the_backbone(tmp_path):
    names = []
    for place in ("pantomime-20/scaling", "pantomime-web/pre-training"):
        folder = tmp_path / place / "RS-50" / "seed-0"
        folder.mkdir(parents=True)
        (folder / "run.json").touch()
        names.append(contrastive._name(str(folder)))
    assert names == [
        "pantomime-20-scaling-RS-50-seed-0",
        "pantomime-web-pre-training-RS-50-seed-0",
    ]
    assert contrastive._name(str(tmp_path / "r3d_1x-1")) == "r3d_1x-1"
    assert contrastive._name(str(tmp_path / "my run (2)")) == "my-run-2"
    assert contrastive._name("untrained") == "untrained"
