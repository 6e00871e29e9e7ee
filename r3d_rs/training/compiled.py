"""XLA's persistent compilation cache: programs are kept for later runs."""

import os
from pathlib import Path

import keras

from r3d_rs.data.names import data_directory

#: The folder, within that of the datasets. It may be deleted at any time.
FOLDER = "compiled"

#: Seconds below which a program is compiled again instead of being read.
WORTH = 0.1


def keep(data_dir: str | os.PathLike | None = None) -> Path | None:
    """Keep what is compiled from now on, and load what an earlier process has kept.

    Only JAX can; it has to be called before anything is computed. JAX's key of a
    program is all that goes into it, versions and features of the processor too. A file
    that cannot be read is compiled again. Where JAX has been told of a folder
    (`JAX_COMPILATION_CACHE_DIR`), it stays that.

    Args:
        data_dir: folder of the datasets, as everywhere.

    Returns:
        The folder of the programs, or None on TensorFlow.
    """
    if keras.backend.backend() != "jax":
        return None
    import jax

    if not jax.config.jax_compilation_cache_dir:
        folder = data_directory(data_dir) / FOLDER
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return Path(jax.config.jax_compilation_cache_dir)
