"""A run that is stopped goes on where it was; checkpoints that are not its own."""

import dataclasses
import errno
import os
import threading

import keras
import numpy as np
import pandas as pd
import pytest

from r3d_rs import files, models
from r3d_rs.data import datasets
from r3d_rs.evaluation import trained
from r3d_rs.experiments import record
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import checkpoints as states
from r3d_rs.training import devices, fit, loop
from r3d_rs.training.checkpoints import (
    Checkpoints,
    RunningError,
    State,
    is_running,
)
from tests.shared import tiny
from tests.shared.finished import killed_at
from tests.shared.steps import build_and_fit


def train(recipe, data_dir, folder):
    dataset = datasets.load("kinetics-400", data_dir)
    return build_and_fit(dataset, recipe, seed=1, folder=folder)


@pytest.mark.both_backends
def test_a_killed_run_ends_as_one_that_was_not(finished, data_dir, tmp_path):
    recipe, folder = finished.run.recipe, tmp_path / "killed"
    killed_at(folder / "epoch-0002.npz", train, recipe, data_dir, folder)
    assert not (folder / "epoch-0004.npz").exists()
    before = Checkpoints(folder, {}).last().seconds

    model, history = train(recipe, data_dir, folder)
    assert history == record.read(finished.record)["history"]
    assert history["epoch"] == [1, 2, 3, 4]
    whole = trained.load(finished.folder).model
    for one, other in zip(model.weights, whole.weights, strict=True):
        assert (one.numpy() == other.numpy()).all(), one.path
    names = sorted(path.name for path in folder.iterdir())
    states = ["epoch-0003.npz", "epoch-0004.npz"]
    assert names == [".lock", *states, "log.csv", "model.keras", "run.json"]
    log = pd.read_csv(folder / "log.csv", float_precision="round_trip")
    assert log.to_dict("list") == history
    # Of all epochs.
    assert Checkpoints(folder, {}).last().seconds > before > 0

    # A run that is complete is read, not trained again.
    again, _ = train(recipe, data_dir, folder)
    assert (again.weights[0].numpy() == model.weights[0].numpy()).all()


# The folder.

RECIPE = Recipe(**tiny.SMALL, ema_decay=0.9)
RUN = {"seed": 0, "recipe": {"epochs": 4}}


def state(epoch):
    values = [np.arange(6.0).reshape(2, 3) * epoch, np.array(epoch)]
    return State(epoch, {"epoch": list(range(1, epoch + 1))}, values)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, damage):
    with Checkpoints(tmp_path, RUN) as checkpoints:
        assert checkpoints.last() is None
        for epoch in (1, 2, 3):
            checkpoints.save(state(epoch))
        assert checkpoints.last().epoch == 3
        path = tmp_path / "epoch-0003.npz"
        content = bytearray(path.read_bytes())
        content[content.index(b"NUMPY") + 140] ^= 1
        damaged = {"cut": content[:-30], "flip": content, "empty": b""}[damage]
        path.write_bytes(damaged)
        with pytest.warns(UserWarning, match=r"3\.npz: damaged, so epoch-0002\.npz is"):
            found = checkpoints.last()
        assert found.epoch == 2
        assert (found.arrays[0] == state(2).arrays[0]).all()


def test_states_that_cannot_be_read_do_not_outlive_new_ones(tmp_path):
    with Checkpoints(tmp_path, RUN) as checkpoints:
        for epoch in (33, 34):
            checkpoints.save(state(epoch))
        for path in tmp_path.glob("epoch-*.npz"):
            path.write_bytes(b"")
        with pytest.warns(UserWarning, match="damaged, so") as said:
            assert checkpoints.last() is None
        names = ["epoch-0034.npz: damaged, so epoch-0033.npz is used"]
        names.append("epoch-0033.npz: damaged, so the run starts over")
        for name, warning in zip(names, said, strict=True):
            assert name in str(warning.message)
        checkpoints.save(state(1))
        assert checkpoints.last().epoch == 1
    assert [path.name for path in tmp_path.glob("epoch-*.npz")] == ["epoch-0001.npz"]


def is_not_finite(message):
    return pytest.raises(loop.NotFiniteError, match=message)


@pytest.mark.parametrize(("place", "value"), [(0, np.nan), (1, np.inf), (-1, -np.inf)])
def test_what_the_last_step_of_an_epoch_breaks_is_not_saved(tmp_path, place, value):
    """The loss of that step is finite. Weights, biases and moments may break."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    with Checkpoints(tmp_path, RUN) as checkpoints:
        epochs = loop._Epochs(checkpoints)
        epochs.set_model(model)
        epochs.on_epoch_end(0, {"loss": 0.5})
        broken = loop._variables(model)[place]
        broken.assign(np.full(broken.shape, value, "float32"))
        with is_not_finite("after epoch 2, 1 variables are .*; .* keeps the state bef"):
            epochs.on_epoch_end(1, {"loss": 0.5})
        assert checkpoints.last().epoch == 1


def test_a_state_that_is_not_finite_gives_way_to_the_one_before(tmp_path):
    """Older versions kept such states."""
    with Checkpoints(tmp_path, RUN) as checkpoints:
        checkpoints.save(state(1))
        checkpoints.save(dataclasses.replace(state(2), arrays=[np.full(6, np.nan)] * 2))
        with pytest.warns(UserWarning, match=r"epoch-0001\.npz is used: .* not finite"):
            assert checkpoints.last().epoch == 1


def weights(network):
    return [keras.ops.convert_to_numpy(weight) for weight in network.weights]


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_a_network_is_saved_without_links_and_without_its_optimizer(
    tmp_path, monkeypatch, kind
):
    def unsupported(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    for name in ("symlink", "link"):  # as on Drive, exFAT and mounted buckets
        monkeypatch.setattr(os, name, unsupported)
    network = models.build("r3d-rs-14", 2, 16, 3, width=0.25)
    network.compile(keras.optimizers.get(kind), "categorical_crossentropy")
    network.optimizer.build(network.trainable_variables)
    path = fit.keep_network(network, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]
    size = sum(value.nbytes for value in weights(network))
    assert size < path.stat().st_size < 1.3 * size
    loaded = keras.saving.load_model(path)
    assert not loaded.compiled
    for one, other in zip(weights(loaded), weights(network), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_log_that_was_not_written_in_time_is_written_later(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd")
    with Checkpoints(tmp_path, RUN) as checkpoints:
        values = [v.numpy() for v in loop._variables(model)]
        checkpoints.save(State(1, {"epoch": [1], "loss": [0.5]}, values))
        log = tmp_path / "log.csv"
        written = log.read_bytes()
        log.unlink()
        assert loop._Epochs(checkpoints).restore(model, devices.find()) == 1
        assert log.read_bytes() == written


def test_what_changes_no_number_does_not_make_another_run(dataset):
    again = dataclasses.replace(RECIPE, rematerialize=True)
    assert loop.fingerprint(dataset, again, 1) == loop.fingerprint(dataset, RECIPE, 1)
    # A loss that is summed over devices is another one on more of them.
    summed = [loop.fingerprint(dataset, RECIPE, 1, scale=count) for count in (1, 2, 4)]
    assert summed[0] != summed[1] != summed[2]


def test_checkpoints_of_another_or_an_unknown_run_are_refused(tmp_path):
    with Checkpoints(tmp_path, RUN) as checkpoints:
        checkpoints.save(state(1))
    other = {"seed": 0, "recipe": {"epochs": 5}}
    message = r"another run: recipe\.epochs was 4 and is 5;"
    with pytest.raises(ValueError, match=message), Checkpoints(tmp_path, other):
        pass
    with Checkpoints(tmp_path, RUN) as checkpoints:  # the lock was given back
        assert checkpoints.last().epoch == 1
    (tmp_path / "run.json").unlink()
    message = r"holds checkpoints, but no run\.json that says"
    with pytest.raises(ValueError, match=message), Checkpoints(tmp_path, RUN):
        pass


def test_a_network_is_never_beside_another_runs_description(tmp_path):
    network = tmp_path / "model.keras"
    with Checkpoints(tmp_path, RUN):
        network.touch()
    with Checkpoints(tmp_path, RUN):  # the same run again
        assert network.exists()
    with Checkpoints(tmp_path, RUN | {"seed": 1}):
        assert not network.exists()


@pytest.mark.both_backends
def test_checkpoints_of_other_devices_are_refused(dataset, data_dir, tmp_path):
    """On several devices TensorFlow's optimizer has other variables than on one."""
    with Checkpoints(tmp_path, loop.fingerprint(dataset, RECIPE, 1)) as checkpoints:
        checkpoints.save(state(1))
    with pytest.raises(
        ValueError, match=r"have 2 variables, which are not the .* on 1 "
    ):
        train(RECIPE, data_dir, tmp_path)


def test_a_file_system_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", unsupported)
    with Checkpoints(tmp_path, RUN) as checkpoints:
        checkpoints.save(state(1))
        assert not is_running(tmp_path)


def test_one_run_has_a_folder_and_a_look_at_it_keeps_none_out(tmp_path):
    with Checkpoints(tmp_path, RUN):
        assert is_running(tmp_path)
        message = "another process is training this run"
        with pytest.raises(RunningError, match=message), Checkpoints(tmp_path, RUN):
            pass
    look = (tmp_path / ".lock").open()
    assert files.try_lock(look, shared=True)
    assert not is_running(tmp_path)  # nor is another look a run
    threading.Timer(0.05, look.close).start()
    with Checkpoints(tmp_path, RUN):
        pass


def test_a_full_disk_leaves_the_states_that_there_are(tmp_path, monkeypatch):
    with Checkpoints(tmp_path, RUN) as checkpoints:
        checkpoints.save(state(1))

        def full(*arguments, **values):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(np, "savez", full)
        with pytest.raises(OSError, match="No space left"):
            checkpoints.save(state(2))
        assert checkpoints.last().epoch == 1
        assert not list(tmp_path.glob(".epoch*"))


def test_a_run_that_cannot_begin_leaves_no_folder(dataset, tmp_path):
    recipe = dataclasses.replace(RECIPE, batch_size=11)
    with pytest.raises(ValueError, match="batch_size is 11, but the training split"):
        build_and_fit(dataset, recipe, seed=1, folder=tmp_path)
    assert keras.config.dtype_policy().name == "float32"
    assert not list(tmp_path.iterdir())


def test_removing_checkpoints_leaves_what_is_not_one(tmp_path):
    for name in ("epoch-0001.npz", "epoch-0002.npz", "run.json"):
        (tmp_path / name).touch()
    states.remove(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
