"""How XLA compiles a run's programs, which are kept for the runs after this one."""

import importlib.util
import os
from pathlib import Path

import keras

from r3d_rs.data.names import data_directory

#: The folder, within that of the datasets. It may be deleted at any time.
FOLDER = "compiled"

#: Seconds below which a program is compiled again instead of being read.
WORTH = 0.1

#: Lets `kept_apart` count: XLA's compiler for CPUs drops the marks before it fuses.
FLAG = "--xla_disable_hlo_passes=cse_barrier_expander"

#: Packages through which JAX reaches other devices than CPUs.
PLUGINS = ("jax_plugins", "libtpu")


def set_flags() -> None:
    """Set XLA's flags for CPUs, where they are all there is.

    It has to be called before JAX computes anything. Passes that the variable
    `XLA_FLAGS` disables stay the only ones.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    others = any(importlib.util.find_spec(name) for name in PLUGINS)
    if not others and FLAG.partition("=")[0] not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {FLAG}".strip()


def keep(data_dir: str | os.PathLike | None = None) -> Path | None:
    """Keep what is compiled from now on, and load what an earlier process has kept.

    Only JAX can; it has to be called before anything is computed. JAX's key of a
    program is all that goes into it, versions and features of the processor too. A file
    that cannot be read is compiled anew. Where JAX has been told of a folder
    (`JAX_COMPILATION_CACHE_DIR`), it stays that.

    Args:
        data_dir: folder of the datasets, as everywhere.

    Returns:
        The folder of the programs, or None on TensorFlow.
    """
    if keras.backend.backend() != "jax":
        return None
    import jax

    set_flags()
    if not jax.config.jax_compilation_cache_dir:
        folder = data_directory(data_dir) / FOLDER
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return Path(jax.config.jax_compilation_cache_dir)
