"""Keras' backend and settings, set by the library and not by the user.

`~/.keras/keras.json` and environment variables can change the axes, the precision and
the number of epochs of every network on a machine. Only a run's recipe may decide what
the run computes.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

#: Keras backends that the library supports.
ALLOWED = ("tensorflow", "jax")


def name() -> str:
    """Return the backend that Keras uses, or will use once it is imported.

    Raises:
        ValueError: naming the setting, if the backend is not one of `ALLOWED`.
    """
    found, where = _chosen()
    if found not in ALLOWED:
        raise ValueError(
            f"{where} is {found!r}; allowed are {' and '.join(ALLOWED)}: set the"
            " environment variable KERAS_BACKEND to one before Python starts"
        )
    return found


def _chosen() -> tuple[str, str]:
    """Return the backend and the setting that chooses it, searched in Keras' order."""
    if keras := sys.modules.get("keras"):
        return keras.backend.backend(), "Keras' backend"
    if found := os.environ.get("KERAS_BACKEND"):
        return found, "KERAS_BACKEND"
    home = os.path.expanduser("~")
    default = Path(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    path = Path(os.environ.get("KERAS_HOME", default), "keras.json").expanduser()
    try:
        return json.loads(path.read_text())["backend"], f"backend in {path}"
    except (OSError, ValueError, KeyError, TypeError):  # Keras uses its default
        return ALLOWED[0], "Keras' backend"


def leave_accelerators() -> None:
    """Hide GPUs from TensorFlow, which only reads the data, when JAX computes.

    By default TensorFlow would take their memory. This does nothing if TensorFlow has
    used its devices already.
    """
    if _chosen()[0] == "tensorflow":
        return
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")


def use() -> None:
    """Set the options of Keras, and of JAX under it, that results depend on.

    `r3d_rs.models` calls this on import.

    Raises:
        ValueError: as in `name`, or if Keras is set to keep its variables in NNX.
    """
    found = name()
    import keras

    if keras.config.is_nnx_enabled():
        raise ValueError(
            "Keras' setting nnx_enabled is on; allowed is off: remove it from"
            " keras.json and KERAS_NNX_ENABLED from the environment"
        )
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    if keras.config.floatx() != "float32":
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
    if found == "jax":
        import jax

        jax.config.update("jax_enable_x64", False)
        jax.config.update("jax_default_prng_impl", "threefry2x32")
