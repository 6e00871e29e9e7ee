"""Several devices give what one gives, and several processes train one network."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import datasets
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import devices, fit
from r3d_rs.training.devices import Devices
from tests.tiny import SMALL, write_videos

JAX = keras.backend.backend() == "jax"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    # Neither the batch nor the number of devices divides them.
    write_videos(folder / "kinetics-400", {"train": 10, "validate": 3})
    datasets.prepare("kinetics-400", folder, progress=False)
    return folder


def start(data_dir, output, batch_size=8, virtual=1, **variables):
    arguments = (data_dir, output, str(batch_size), str(virtual))
    return run("tests.parallel", *arguments, virtual=virtual, **variables)


def run(module, *arguments, virtual, **variables):
    flags = f"--xla_force_host_platform_device_count={virtual}"
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"XLA_FLAGS": flags} | variables,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes):
    for process in processes:
        _, errors = process.communicate(timeout=400)
        assert process.returncode == 0, errors[-3000:]


@pytest.fixture(scope="module")
def single(data_dir):
    output = data_dir / "single.npz"
    finish(start(data_dir, output))
    return np.load(output)


def test_four_devices_give_what_one_gives(data_dir, single):
    output = data_dir / "four.npz"
    finish(start(data_dir, output, virtual=4))
    four = np.load(output)
    backend = keras.backend.backend()
    assert str(single["devices"]) == f"1 cpu device, on {backend}"
    assert str(four["devices"]) == f"4 cpu devices, on {backend}"
    assert four["replicas"] == (0 if JAX else 4)  # TensorFlow's
    assert four["ids"].tolist() == single["ids"].tolist()
    assert len(set(four["ids"])) == 3
    # TensorFlow normalizes each device's part of a batch by itself, JAX all of it.
    tolerance = 1e-3 if JAX else 0.5
    np.testing.assert_allclose(four["loss"], single["loss"], rtol=tolerance)
    if JAX:
        np.testing.assert_allclose(four["weights"], single["weights"], atol=1e-3)
        np.testing.assert_allclose(
            four["probabilities"], single["probabilities"], atol=1e-3
        )


@pytest.mark.skipif(not JAX, reason="several processes train on JAX alone")
def test_two_processes_train_one_network(data_dir, single):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    outputs = [data_dir / f"process-{number}.npz" for number in (0, 1)]
    finish(
        *(
            start(
                data_dir,
                output,
                KERAS_DISTRIBUTION_JOB_ADDRESSES=address,
                KERAS_DISTRIBUTION_NUM_PROCESSES="2",
                KERAS_DISTRIBUTION_PROCESS_ID=str(number),
            )
            for number, output in enumerate(outputs)
        )
    )
    one, other = (np.load(output) for output in outputs)
    assert str(one["devices"]) == "2 cpu devices in 2 processes, on jax"
    assert (one["weights"] == other["weights"]).all()
    assert one["ids"].tolist() == single["ids"].tolist()
    for found in (one, other):
        np.testing.assert_allclose(
            found["probabilities"], single["probabilities"], atol=1e-3
        )
    np.testing.assert_allclose(one["loss"], single["loss"], rtol=1e-3)
    np.testing.assert_allclose(one["weights"], single["weights"], atol=1e-3)


def test_negatives_and_statistics_are_those_of_all_devices(tmp_path):
    outputs = {count: tmp_path / f"{count}.npz" for count in (1, 4)}
    finish(
        *(
            run("tests.parallel_pairs", output, str(count), virtual=count)
            for count, output in outputs.items()
        )
    )
    one, four = (np.load(output) for output in outputs.values())
    assert (int(one["devices"]), int(four["devices"])) == (1, 4)
    np.testing.assert_allclose(four["loss"], one["loss"], rtol=1e-4)
    np.testing.assert_allclose(four["accuracy"], one["accuracy"], rtol=1e-6)
    # So are their gradients.
    np.testing.assert_allclose(four["kernel"], one["kernel"], atol=1e-5)
    assert one["loss"][2] < one["loss"][0]
    # Normalization has the statistics of all devices, and so has what is averaged.
    for found in (one, four):
        np.testing.assert_allclose(found["moving_mean"], found["of_batch"], atol=1e-6)
    np.testing.assert_allclose(four["averaged_mean"], one["averaged_mean"], atol=1e-6)
    assert (one["averaged_mean"] != one["moving_mean"]).any()


@pytest.mark.slow
@pytest.mark.one_backend
def test_backends_take_the_same_steps(tmp_path):
    """Runs on either are seeds of the same point: they differ in what is drawn."""
    outputs = {name: tmp_path / f"{name}.npz" for name in ("tensorflow", "jax")}
    finish(
        *(
            run("tests.parallel_steps", output, virtual=1, KERAS_BACKEND=name)
            for name, output in outputs.items()
        )
    )
    one, other = (np.load(output) for output in outputs.values())
    assert [str(found["backend"]) for found in (one, other)] == list(outputs)
    assert (one["before"] == other["before"]).all()
    np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-4)
    moved = np.linalg.norm(one["after"] - one["before"])
    assert np.linalg.norm(one["after"] - other["after"]) < 1e-3 * moved


def test_a_batch_that_devices_do_not_divide_is_refused():
    with pytest.raises(
        ValueError, match="batch_size is 9, but there are 4 tpu devices"
    ):
        Devices("tpu", 4).check(9)


def multiplies_in_float32():
    if not JAX:
        return not tf.config.experimental.tensor_float_32_execution_enabled()
    import jax

    square = jax.jit(lambda x: x @ x)
    return "HIGHEST" in square.lower(np.ones((2, 2), "float32")).as_text()


@pytest.fixture
def as_by_default():
    yield
    if JAX:
        import jax

        jax.config.update("jax_default_matmul_precision", None)
    tf.config.experimental.enable_tensor_float_32_execution(True)


@pytest.mark.usefixtures("as_by_default")
@pytest.mark.parametrize(
    ("precision", "accelerators", "in_float32"),
    [("float32", 1, True), ("float32", 0, False), ("mixed_bfloat16", 1, False)],
)
def test_accelerators_round_no_factors_where_the_recipe_is_in_float32(
    precision, accelerators, in_float32, monkeypatch
):
    monkeypatch.setattr(devices, "accelerators", lambda: ("a card", accelerators))
    recipe = Recipe(**SMALL | {"precision": precision})
    fit.build_model(recipe, 3, size=recipe.size)
    assert multiplies_in_float32() == in_float32
