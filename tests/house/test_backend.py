"""A person's own settings of Keras and JAX do not change what is computed."""

import json
import os
import runpy
import subprocess
import sys

import keras
import pytest
import tensorflow as tf

from r3d_rs import backend
from r3d_rs.data import records
from r3d_rs.experiments import run
from r3d_rs.models import build

STEP = """
import json
from r3d_rs.models import build
import keras, numpy as np
keras.utils.set_random_seed(0)
model = build("r3d-rs-14", 4, 16, 3, width=0.125, stochastic_depth=0.2)
model.compile(keras.optimizers.AdamW(), keras.losses.CategoricalCrossentropy(
    from_logits=True))
clips = np.random.default_rng(0).random((2, 4, 16, 16, 3), "float32")
fitted = model.fit(clips, np.eye(3)[:2], batch_size=2, epochs=2, verbose=0)
types = sorted({v.dtype for v in [*model.variables, *model.optimizer.variables]})
print(json.dumps([model.count_params(), types, fitted.history["loss"]]))
"""


def step(home, environment=(), **settings):
    """Return the parameters, types and losses of two steps under some settings."""
    (home / "keras.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-c", STEP],
        env=os.environ | {"KERAS_HOME": str(home)} | dict(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.both_backends
def test_settings_of_keras_change_no_number(tmp_path):
    expected = step(tmp_path)
    assert expected[1] != ["float32"] and "float32" in expected[1]  # and integers
    assert not {"float16", "float64"} & set(expected[1])
    assert len(expected[2]) == 2
    axes = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1}
    more = {"KERAS_MAX_EPOCHS": "1", "JAX_ENABLE_X64": "1"}
    assert step(tmp_path, more, **axes) == expected


def test_settings_made_in_a_program_are_undone_or_do_not_matter():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    backend.use()
    assert keras.config.floatx() == keras.config.dtype_policy().name == "float32"
    keras.config.set_image_data_format("channels_first")
    try:
        own = build("r3d-rs-14", 4, 16, 3, width=0.125)
    finally:
        keras.config.set_image_data_format("channels_last")
    assert own.get_layer("pool").output.shape == (None, 256)
    assert (
        own.count_params() == build("r3d-rs-14", 4, 16, 3, width=0.125).count_params()
    )


@pytest.mark.parametrize("wanted", ["torch", "numpy", "openvino"])
def test_another_backend_is_refused_before_anything_computes(
    wanted, tmp_path, monkeypatch
):
    monkeypatch.delitem(sys.modules, "keras")
    asked = {"row": "SE", "dataset": "pantomime-20"}
    monkeypatch.setenv("KERAS_BACKEND", wanted)
    with pytest.raises(ValueError, match=rf"KERAS_BACKEND is '{wanted}'; allowed are"):
        run.check("ablation", asked)
    monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text(json.dumps({"backend": wanted}))
    with pytest.raises(ValueError, match=rf"keras.json is '{wanted}'; allowed are"):
        run.check("ablation", asked)
    (tmp_path / "keras.json").write_text("not JSON")  # Keras passes it over, too
    assert backend.name() == "tensorflow"


@pytest.mark.parametrize(("chosen", "left"), [("jax", 2), ("tensorflow", 0)])
def test_tensorflow_leaves_gpus_to_jax(chosen, left, monkeypatch):
    """Whoever reads records, prepares data or loads it has it so."""
    asked = []

    def refused(devices, kind):
        asked.append((devices, kind))
        raise RuntimeError("Visible devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config, "set_visible_devices", refused)
    monkeypatch.setattr(backend, "_chosen", lambda: (chosen, "a test"))
    backend.leave_accelerators()
    runpy.run_path(records.__file__)  # as it is imported
    assert asked == [([], "GPU")] * left


def test_the_networks_refuse_another_backend_when_they_are_imported():
    done = subprocess.run(
        [sys.executable, "-c", "from r3d_rs.models import build"],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert "ValueError: KERAS_BACKEND is 'torch'" in done.stderr.splitlines()[-1]
