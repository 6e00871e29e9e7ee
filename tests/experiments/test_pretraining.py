"""Pre-training and fine-tuning: what is transferred, and what the records say."""

import dataclasses
import json

import numpy as np
import pytest

from r3d_rs.data import datasets
from r3d_rs.experiments import record, registry, show
from r3d_rs.experiments.run import check
from r3d_rs.pantomime import SETS
from r3d_rs.preparation import preparation
from r3d_rs.recipes import recipe as recipes
from r3d_rs.recipes import scales
from r3d_rs.training import loop, transfer
from r3d_rs.training.checkpoints import Checkpoints, State
from r3d_rs.training.fit import build, build_model, fit
from tests.shared import tiny
from tests.shared.steps import ask, finish
from tests.shared.tiny import write_videos

SMALL = tiny.SMALL | {"model": "r3d-rs-14", "spatial_views": 1}


@pytest.fixture(scope="module")
def both_dir(tmp_path_factory):
    """A data directory with videos to pre-train on and to fine-tune on."""
    folder = tmp_path_factory.mktemp("data")
    for name, videos in (("web-video-text", 9), ("kinetics-400", 6)):
        write_videos(folder / name, {"train": videos, "validate": 3})
        options = {"short_side": 48, "workers": 1, "progress": False}
        preparation.prepare(name, folder, **options)
    return folder


def start(stage, dataset, parent=""):
    received = {"stage": stage, "point": "RS-50", "dataset": dataset}
    return check("pretraining", received | {"parent": parent})


# The recipes.


def test_the_papers_recipes():
    web = start("pre-train", "web-video-text").recipe
    assert (web.learning_rate, web.epochs, web.steps) == (1.6, 4, 0)
    paper = start("scratch", "kinetics-600").recipe
    assert (paper.learning_rate, paper.steps) == (0.8, 10_000)
    recipe = dataclasses.replace(recipes.Recipe(), **scales.FINE_TUNING)
    assert (recipe.learning_rate, recipe.steps) == (0.05, 10_000)


def test_pantomimes_budgets_are_alike():
    scratch = start("scratch", "pantomime").recipe
    tuned = scales.PANTOMIME_FINE_TUNING
    assert scratch.epochs == tuned["epochs"]
    # As 10,000 steps are to those of 350 epochs of Kinetics-400.
    share = 10_000 / (350 * (215_570 // 1024))
    own = registry.get("scaling/RS-50").recipe("pantomime-20")
    assert tuned["epochs"] / own.epochs == pytest.approx(share, abs=0.002)


def test_pantomimes_pre_training_sees_3_7_times_the_clips_of_a_run_from_scratch():
    """The paper has 280 million of web videos against 75 million of Kinetics-400."""
    web = registry.get("pre-training/RS-50").recipe("pantomime-web")
    own = registry.get("scaling/RS-50").recipe("pantomime-20")
    names = ("pantomime-web", "pantomime-20")
    sizes = [SETS[name].count("train") for name in names]
    assert web.batch_size == own.batch_size
    batches = [size // web.batch_size for size in sizes]
    ratio = web.epochs * batches[0] / (own.epochs * batches[1])
    assert ratio == pytest.approx(280 / 75.26, rel=0.02)
    # The warm-up is as many steps.
    assert web.warmup_epochs * batches[0] == own.warmup_epochs * batches[1]


# Parameters.


@pytest.mark.parametrize(
    ("stage", "parent", "message"),
    [
        ("tune", "", "parameter stage: received 'tune', allowed are pre-train, fine-"),
        ("fine-tune", "", "parameter parent: received '' with stage 'fine-tune'"),
        ("scratch", "build", "parameter parent: received 'build' with stage 'scratch'"),
    ],
)
def test_wrong_parameters_are_named(stage, parent, message):
    with pytest.raises(ValueError, match=message):
        start(stage, "pantomime", parent)


# Transfer.


def network(**changes):
    return build_model(recipes.Recipe(**SMALL | changes), 3, size=16)


@pytest.mark.both_backends
def test_all_but_the_head_is_transferred():
    source, target = network(), network(size=20)
    head = [w.numpy() for w in target.get_layer("head").weights]
    moved = transfer.transfer(transfer.weights_of(source, "it"), target)
    assert moved.new == ("head/kernel", "head/bias")
    assert len(moved.transferred) == len(target.weights) - 2
    own = {w.path: w for w in source.weights}
    for path in moved.transferred:
        target_weight = next(w for w in target.weights if w.path == path)
        assert (target_weight.numpy() == own[path].numpy()).all()
    for old, new in zip(head, target.get_layer("head").weights, strict=True):
        assert (old == new.numpy()).all()


def test_weights_that_do_not_fit_are_listed_and_nothing_changes():
    source, target = network(stem="7x7", squeeze_excitation=0.5), network()
    before = [w.numpy() for w in target.weights]
    with pytest.raises(transfer.TransferError) as error:
        transfer.transfer(transfer.weights_of(source, "the other"), target)
    message = str(error.value)
    assert message.startswith("the other does not fit r3d_rs_14: missing: stem_conv2, ")
    assert "of another shape: " in message
    assert "stem_conv1/kernel is (5, 7, 7, 3, 8) and should be (5, 3, 3, 3, 4)" in (
        message
    )
    for old, new in zip(before, target.weights, strict=True):
        assert (old == new.numpy()).all()


# Runs.


def test_a_fine_tuned_run_names_its_parent(both_dir, tmp_path):
    def asked(stage, dataset, **received):
        given = {"stage": stage, "point": "RS-50", "dataset": dataset, "epochs": 1}
        return ask("pretraining", tmp_path, both_dir, **given | received)

    parent = finish(asked("pre-train", "web-video-text"))
    web = record.read(parent.path)
    assert web["experiment"]["study"] == "pre-training" and "parent" not in web
    folder = str(parent.run.folder)
    child = finish(asked("fine-tune", "kinetics-400", parent=folder))
    name = "web-video-text/pre-training/RS-50/seed-0"
    assert f"from {name}" in show.transfer_table(child.parent).index
    tuned = record.read(child.path)
    assert tuned["experiment"]["study"] == "fine-tuning"
    about = tuned["parent"]
    assert about["name"] == name and about["dataset"] == "web-video-text"
    assert about["recipe_hash"] == web["recipe_hash"]
    assert about["new"] == ["head/kernel", "head/bias"]
    with pytest.raises(ValueError, match="recipes differ: parent is"):
        record.summarize([tuned, {**tuned, "parent": {"name": "untrained"}}])
    assert asked("scratch", "kinetics-400").experiment.study == "from-scratch"


def test_a_run_goes_on_only_from_the_same_parent(data_dir, tmp_path):
    data = datasets.load("kinetics-400", data_dir)
    recipe = recipes.Recipe(**SMALL | {"epochs": 1})
    start_from = transfer.weights_of(network(), "a run")
    other = dict(start_from.values)
    other["stem_conv1/kernel"] = np.zeros_like(other["stem_conv1/kernel"])
    changed = transfer.Weights("another", other)
    assert changed.sha256 != start_from.sha256
    about = json.loads(json.dumps(loop.fingerprint(data, recipe, 0, start_from.sha256)))
    with Checkpoints(tmp_path, about) as checkpoints:
        checkpoints.save(State(1, {"epoch": [1]}, []))
    model = build(recipe, data, seed=0, start=changed)
    options = {"start": changed, "folder": tmp_path, "verbose": 0}
    with pytest.raises(ValueError, match="checkpoints of another run: parent was"):
        fit(model, data, recipe, seed=0, **options)
