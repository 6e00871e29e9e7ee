"""What a run computes on: several devices give what one gives, and several processes
train one network; the processor and its arithmetic."""

import os
import platform
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import devices, fit
from tests.shared import parallel
from tests.shared.tiny import SMALL

JAX = keras.backend.backend() == "jax"
#: Virtual devices; TensorFlow makes a program of each's part.
SEVERAL = 4 if JAX else 2


def start(what, output, *arguments, virtual=1, **variables):
    """Start a process of `tests.shared.parallel`."""
    flag = f" --xla_force_host_platform_device_count={virtual}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.shared.parallel", what, output, *arguments],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"XLA_FLAGS": os.environ["XLA_FLAGS"] + flag} | variables,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes):
    for process in processes:
        _, errors = process.communicate(timeout=400)
        assert process.returncode == 0, errors[-3000:]


@pytest.fixture(scope="module")
def single(data_dir):
    """What one device gives, which this process has."""
    return parallel.of_network(data_dir)


@pytest.fixture(scope="module")
def several(data_dir, tmp_path_factory):
    """What several devices of one process give."""
    output = tmp_path_factory.mktemp("several") / "found.npz"
    finish(start("devices", output, data_dir, str(SEVERAL), virtual=SEVERAL))
    return np.load(output)


@pytest.mark.both_backends
def test_several_devices_give_what_one_gives(single, several):
    backend = keras.backend.backend()
    assert single["devices"] == f"1 cpu device, on {backend}"
    assert str(several["devices"]) == f"{SEVERAL} cpu devices, on {backend}"
    assert several["replicas"] == (0 if JAX else SEVERAL)  # TensorFlow's
    assert several["ids"].tolist() == single["ids"].tolist()
    assert len(set(several["ids"])) == 3
    # TensorFlow normalizes each device's part of a batch by itself, JAX all of it.
    tolerance = 1e-3 if JAX else 0.5
    np.testing.assert_allclose(several["loss"], single["loss"], rtol=tolerance)
    if JAX:
        assert several["parts"].tolist() == [2] * SEVERAL  # of five clips, and padding
        for name in ("weights", "probabilities", "of_five"):
            np.testing.assert_allclose(several[name], single[name], atol=1e-3)


@pytest.mark.both_backends
def test_negatives_and_statistics_are_those_of_all_devices(several):
    one = parallel.of_pairs()
    np.testing.assert_allclose(several["pairs_loss"], one["pairs_loss"], rtol=1e-4)
    np.testing.assert_allclose(
        several["pairs_accuracy"], one["pairs_accuracy"], rtol=1e-6
    )
    # So are their gradients.
    np.testing.assert_allclose(several["pairs_kernel"], one["pairs_kernel"], atol=1e-5)
    assert one["pairs_loss"][2] < one["pairs_loss"][0]
    # Normalization has the statistics of all devices, and so has what is averaged.
    for found in (one, several):
        np.testing.assert_allclose(found["moving_mean"], found["of_batch"], atol=1e-6)
    np.testing.assert_allclose(
        several["averaged_mean"], one["averaged_mean"], atol=1e-6
    )
    assert (one["averaged_mean"] != one["moving_mean"]).any()


@pytest.mark.slow
@pytest.mark.both_backends
@pytest.mark.skipif(not JAX, reason="several processes train on JAX alone")
def test_two_processes_train_one_network(data_dir, single, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    together = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    outputs = [tmp_path / f"process-{number}.npz" for number in (0, 1)]
    finish(
        *(
            start(
                *("devices", output, data_dir),
                **together,
                KERAS_DISTRIBUTION_PROCESS_ID=str(number),
            )
            for number, output in enumerate(outputs)
        )
    )
    one, other = (np.load(output) for output in outputs)
    assert str(one["devices"]) == "2 cpu devices in 2 processes, on jax"
    assert (one["weights"] == other["weights"]).all()
    assert one["parts"].tolist() == other["parts"].tolist() == [3]
    assert one["ids"].tolist() == single["ids"].tolist()
    for found in (one, other):
        for name in ("probabilities", "of_five"):
            np.testing.assert_allclose(found[name], single[name], atol=1e-3)
    np.testing.assert_allclose(one["loss"], single["loss"], rtol=1e-3)
    np.testing.assert_allclose(one["weights"], single["weights"], atol=1e-3)


@pytest.mark.slow
def test_backends_take_the_same_steps(tmp_path):
    """Runs on either are seeds of the same point: they differ in what is drawn."""
    output = tmp_path / "jax.npz"
    process = start("steps", output, KERAS_BACKEND="jax")
    one = parallel.of_steps()
    finish(process)
    other = np.load(output)
    assert (one["backend"], str(other["backend"])) == ("tensorflow", "jax")
    assert (one["before"] == other["before"]).all()
    np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-4)
    moved = np.linalg.norm(one["after"] - one["before"])
    assert np.linalg.norm(one["after"] - other["after"]) < 1e-3 * moved


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


@pytest.mark.both_backends
@pytest.mark.usefixtures("as_by_default", "shallow")
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


# The processor.


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="TensorFlow has oneDNN to switch on in x86-64's wheels",
)
def test_tensorflow_uses_onednn_unless_the_user_says_otherwise():
    from tensorflow.python.util import _pywrap_util_port

    chosen = os.environ["TF_ENABLE_ONEDNN_OPTS"]  # by the package, unless it was set
    assert _pywrap_util_port.IsMklEnabled() == (chosen == "1")
