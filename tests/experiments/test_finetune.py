"""Fine-tuning on any dataset, from any network, with a recipe that fits its size."""

import dataclasses
import shutil

import pytest

from r3d_rs.evaluation import networks, trained
from r3d_rs.experiments import parents, record, registry
from r3d_rs.experiments.run import write_record
from r3d_rs.files import read_json, write_json
from r3d_rs.operations import engine
from r3d_rs.recipes import contrastive, finetune, points, scales, table2
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.recipes.recipe import Recipe, as_dict, recipe_hash
from tests.shared.steps import ask, finish

ADAM = Recipe(optimizer="adamw", learning_rate=0.01, batch_size=32)


@pytest.mark.parametrize(
    ("videos", "batch_size", "epochs"), [(9, 2, 200), (60, 8, 200), (1000, 32, 65)]
)
def test_batch_and_epochs_follow_from_the_number_of_videos(videos, batch_size, epochs):
    found = finetune.of_size(ADAM, videos, tuned=True)
    assert (found.batch_size, found.epochs) == (batch_size, epochs)
    found = finetune.of_size(ADAM, videos, tuned=False)
    assert found.learning_rate == pytest.approx(0.01 * (batch_size / 32) ** 0.5)


@pytest.mark.parametrize("scale", ["pantomime", "small"])
def test_fine_tuning_has_twice_adamws_rate_from_scratch_of_both_scales(scale):
    recipe = scales.of_point(points.point("RS-50"), scale)
    rates = [
        finetune.of_size(recipe, 100, tuned=tuned).learning_rate
        for tuned in (True, False)
    ]
    assert rates[0] == pytest.approx(2 * rates[1])
    # Also from a network that was trained at another rate.
    other = scales.of_stage("pre-train", "RS-50", "pantomime")
    assert other.learning_rate != scales.PANTOMIME["learning_rate"]
    found = finetune.of_size(other, 100, tuned=True, batch_size=50)
    assert found.learning_rate == 0.02


def test_what_is_given_is_taken():
    sgd = Recipe(learning_rate=0.8, batch_size=1024)
    found = finetune.of_size(sgd, 10_000, tuned=True, batch_size=64)
    # The paper's 0.05 for 1,024 clips (§4.5), in proportion.
    assert found.learning_rate == pytest.approx(0.05 / 16)
    found = finetune.of_size(
        *(sgd, 100),
        tuned=False,
        learning_rate=0.1,
        epochs=7,
        frames=8,
        size=112,
    )
    assert (found.learning_rate, found.epochs, found.frames) == (0.1, 7, 8)
    assert (found.size, found.eval_size) == (112, 128)


def test_fine_tuning_trains_all_weights_at_a_rate_of_its_own():
    """Whatever the network's own run had, a linear evaluation say (rate 64, §5)."""
    linear = contrastive.at_scale("r3d-rs-50", "paper")[1]
    divided = dataclasses.replace(linear, micro_batches=8, rematerialize=True)
    found = finetune.of_size(divided, 100_000, tuned=True)
    assert (found.frozen, found.micro_batches, found.rematerialize) == (False, 1, False)
    assert found.learning_rate == pytest.approx(0.05)  # as §4.5 has it


def test_the_published_fine_tunings_have_the_recipes_that_the_code_makes():
    there = networks.published()
    own = [one for one in there.values() if one.file.parts[-3] == "finetune"]
    assert len(own) == 3
    for one in own:
        point = one.file.parent.name
        tuned = point.startswith("from-")
        recipe = there[registry.NETWORK].recipe
        if not tuned:
            recipe = scales.of_point(points.point(point), "pantomime")
        videos = one.run["videos"]
        found = finetune.of_size(recipe, videos, tuned=tuned, frames=8, size=64)
        assert recipe_hash(found) == one.run["recipe_hash"]


def test_a_model_for_your_own_videos_is_whole():
    recipe = scales.of_point(points.point("RS-50"), "small")
    assert (recipe.width, recipe.size, recipe.eval_size, recipe.frames) == (
        1,
        112,
        128,
        16,
    )


def test_a_runs_network_is_fine_tuned(finished, data_dir, tmp_path, monkeypatch):
    given = {"network": str(finished.folder), "scale": "", "epochs": 1, "batch_size": 3}
    run = ask("finetune", tmp_path, data_dir, **given)
    assert (run.recipe.model, run.recipe.batch_size) == (finished.run.recipe.model, 3)
    done = finish(run)
    found = record.find(tmp_path / "results", "kinetics-400", "finetune")
    assert [one["experiment"]["point"] for one in found] == [run.experiment.point]
    assert found[0]["parent"]["name"] == "kinetics-400/ablation/SE/seed-1"
    assert found[0]["parent"]["new"] == ["head/kernel", "head/bias"]
    assert trained.load(run.folder).classes == done.data.classes
    # The paper's column has the paper's recipe, and not that of the network's own run.
    assert run.paper == table2.of_model(run.recipe.model)
    # Its record is not replaced by one from another network of the same name.
    about = done.parent.about | {"weights_sha256": "0" * 64}
    other = dataclasses.replace(done.parent, about=about)
    message = "seed-0.json is of a run from 'kinetics-400/ablation/SE/seed-1', weights "
    with pytest.raises(ValueError, match=message):
        write_record(run, done.history, done.evaluation, other)
    monkeypatch.setattr(parents, "of_run", lambda *_: other)
    with pytest.raises(ValueError, match="weights 00000000…; choose other folders of"):
        parents.of(run)


def test_networks_of_two_folders_have_two_records(finished, tmp_path):
    names = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        shutil.copytree(finished.folder, folder)
        for network in (folder, folder / "model.keras"):
            received = {"network": str(network)}
            names.add(registry.of_parameters("finetune", received).point)
    assert len(names) == 2 and all(name.startswith("from-") for name in names)


@pytest.mark.parametrize("recipe", [{"recipe": as_dict(ContrastiveRecipe())}, {}])
def test_a_run_of_no_classifier_is_named(recipe, finished, data_dir, tmp_path):
    folder = shutil.copytree(finished.folder, tmp_path / "run")
    about = read_json(folder / "run.json")
    del about["recipe"]
    write_json(folder / "run.json", about | recipe)
    message = "parameter network: received '.*/run', which is no classifier's run; all"
    with pytest.raises(ValueError, match=message):
        ask("finetune", tmp_path, data_dir, network=str(folder), scale="")
    with pytest.raises(ValueError, match=message):
        trained.load(folder)


def test_a_model_starts_from_random_weights(data_dir, tmp_path):
    run = ask("finetune", tmp_path, data_dir, network="RS-50", epochs=1)
    assert run.parent == "" and run.experiment.name == "finetune/RS-50"


@pytest.mark.parametrize(
    ("received", "message"),
    [
        (
            {"network": "RS-51"},
            r"run\.json is not there; expected is the folder of a fin",
        ),
        ({"network": "RS-50", "batch_size": -1}, "parameter batch_size: received -1"),
        ({"network": "RS-50", "size": "64"}, "parameter size: received '64'"),
        ({"network": "RS-50", "size": 1}, "size: received 1, allowed are 0, .* 16 or "),
        (
            {"network": "RS-50", "learning_rate": float("inf")},
            "learning_rate: received inf, allowed is 0 or more, but finite",
        ),
        (
            {"network": registry.NETWORK, "scale": "paper"},
            "scale: received 'paper' with the network 'pantomime-web/RS-50'; allow",
        ),
        ({"network": "RS-50", "dataset": "min"}, "parameter dataset: received 'min'"),
        ({"network": "RS-50", "rate": 1}, "rate"),
    ],
)
def test_wrong_parameters_are_named(received, message, data_dir, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        ask("finetune", tmp_path, data_dir, **received)


def test_the_command_names_the_dataset(finished, data_dir, tmp_path):
    parameters = {"network": str(finished.folder), "data_dir": str(data_dir)}
    request = engine.Request(
        "finetune/kinetics-400", "", results=tmp_path, parameters=parameters
    )
    assert request.dataset == "kinetics-400"
    assert request.target.parts[-4:-2] == ("kinetics-400", "finetune")
    words = engine.command(request)
    assert words.count("network") == 1
    assert words[words.index("network") + 1] == str(finished.folder)
