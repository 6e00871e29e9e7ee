"""A run of Table 6 from its parameters to its record."""

import pytest

from r3d_rs.experiments import parents, record, registry, show
from r3d_rs.models.model_garden import CheckpointMismatch
from r3d_rs.models.resnet3d import DEPTHS
from r3d_rs.report import tables
from tests.shared.official import official_values, write_objects
from tests.shared.steps import ask, finish


def start(folder, data_dir, **received):
    return ask("contrastive", folder, data_dir, **{"point": "RS-50"} | received)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def finished(folder, data_dir):
    return finish(start(folder, data_dir, linear_epochs=1))


@pytest.mark.both_backends
def test_the_record_has_both_recipes_and_histories(finished):
    path, found = finished.path, record.read(finished.path)
    assert path.parts[-4:] == ("kinetics-400", "contrastive", "RS-50", "seed-0.json")
    assert found["recipe"]["frozen"] and found["history"]["epoch"] == [1]
    parent = found["parent"]
    assert parent["name"] == "kinetics-400/contrastive-pretraining/RS-50/seed-0"
    assert parent["recipe"]["temperature"] == 0.1
    assert parent["history"] == finished.pretraining.metrics
    assert parent["new"] == ["head/kernel", "head/bias"]
    assert found["metrics"]["num_videos"] == 3
    # The states of both go with the record; the networks stay.
    for kept in (finished.run.folder, finished.run.pretraining_folder):
        names = sorted(file.name for file in kept.iterdir())
        assert names == [".lock", "log.csv", "model.keras", "run.json"]


@pytest.mark.both_backends
def test_linear_evaluation_changes_no_variable_of_the_backbone(finished):
    model, backbone = finished.model, finished.parent.weights.values
    assert [v.path for v in model.trainable_variables] == ["head/kernel", "head/bias"]
    own = {w.path: w.numpy() for w in model.weights}
    assert set(own) - set(backbone) == {"head/kernel", "head/bias"}
    for path, value in backbone.items():
        assert own[path].tobytes() == value.tobytes(), path
    assert (own["head/bias"] != 0).any()


def test_the_pictures_are_drawn(finished):
    run, data = finished.run, finished.data
    assert len(show.sample_pairs(data, run.pretraining, 0, count=2).axes) >= 4
    strips = show.neighbors(data, run.recipe, finished.parent, queries=2, nearest=1)
    assert len(strips.axes) >= 4
    table = show.recipe_table(run.paper, run.recipe)
    assert set(table.columns) == {"paper", "this run", ""}


def test_a_backbone_that_was_kept_gives_the_evaluation_again(
    folder, data_dir, finished, monkeypatch
):
    kept, found = str(finished.run.pretraining_folder), record.read(finished.path)
    again = start(folder, data_dir, backbone=kept, linear_epochs=1)
    assert again.pretraining is None
    done = finish(again, kept)
    other = record.read(done.path)
    assert done.path.parts[-3] == "linear-evaluation"
    assert other["parent"]["weights_sha256"] == found["parent"]["weights_sha256"]
    assert other["parent"]["recipe_hash"] == found["parent"]["recipe_hash"]
    assert other["metrics"] == found["metrics"]


def test_random_weights_are_evaluated(folder, data_dir, finished):
    run = start(folder, data_dir, backbone="untrained", linear_epochs=1)
    states = finished.run.pretraining_folder / "epoch-0001.npz"  # of one that goes on
    states.touch()
    done = finish(run, "untrained")
    states.unlink()
    found = record.read(done.path)
    assert done.path.parts[-3:-1] == ("linear-evaluation", "RS-50+untrained")
    assert found["parent"]["name"] == "untrained"
    other = parents.of_backbone("untrained", run.recipe, 1)
    assert other.about["weights_sha256"] != found["parent"]["weights_sha256"]
    table = tables.TABLES["table6"].build(folder / "results")
    row = table.set_index("point").loc["RS-50"]
    assert row["kinetics_untrained_seeds"] == row["kinetics_seeds"] == "1"


def test_a_released_backbone_is_evaluated(folder, data_dir, tmp_path):
    values = official_values(DEPTHS[14])
    prefix = str(write_objects(tmp_path / "r3d_1x", values))
    run = start(folder, data_dir, point="R3D-50", backbone=prefix, linear_epochs=1)
    assert run.recipe.self_gating == "none"
    done = finish(run, prefix)
    first = done.parent.weights.values["stem_conv1/kernel"]
    assert (first == values["backbone/layer_with_weights-0/kernel"]).all()
    assert done.path.parent.name == "R3D-50+r3d_1x-1"
    assert record.read(done.path)["parent"]["name"] == "r3d_1x-1"
    with pytest.raises(CheckpointMismatch, match="layer_with_weights"):
        parents.of_backbone(
            prefix, registry.get("scaling/RS-50").recipe("kinetics-400", "tiny"), 0
        )


def test_wrong_parameters_are_named(folder, data_dir, tmp_path):
    for wrong, message in (
        ({"point": "RS-300"}, "point: received 'RS-300', allowed are R3D"),
        ({"linear_epochs": -1}, "linear_epochs: received -1"),
        ({"scale": "huge"}, "scale: received 'huge', allowed are paper, pantomime"),
    ):
        with pytest.raises(ValueError, match=message):
            start(folder, data_dir, **wrong)
    recipe = start(folder, data_dir).recipe
    for backbone, message in ((tmp_path, r"run\.json is not there"), ("x", "x")):
        with pytest.raises(FileNotFoundError, match=message):
            parents.of_backbone(str(backbone), recipe, 0)


def test_the_record_is_named_after_all_that_tells_the_backbone(tmp_path):
    def name(backbone):
        received = {"point": "RS-50", "backbone": str(backbone)}
        return registry.of_parameters("contrastive", received).point

    for place in ("pantomime-20/scaling", "pantomime-web/pre-training"):
        folder = tmp_path / place / "RS-50" / "seed-0"
        folder.mkdir(parents=True)
        (folder / "run.json").touch()
        assert name(folder) == f"RS-50+{place.replace('/', '-')}-RS-50-seed-0"
        (folder / "model.keras").touch()
        assert name(folder / "model.keras") == name(folder)
    assert name(tmp_path / "r3d_1x-1") == "RS-50+r3d_1x-1"
    assert name(tmp_path / "my run (2)") == "RS-50+my-run-2"
    assert name("untrained") == "RS-50+untrained"
