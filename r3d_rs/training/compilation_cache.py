"""XLA's persistent compilation cache."""

import os
from pathlib import Path

import keras

from r3d_rs.data.names import data_directory

#: The cache's folder in the datasets' folder. It may be deleted at any time.
FOLDER = "compiled"

#: Seconds below which a program is compiled again instead of being read.
WORTH = 0.1


def enable(data_dir: str | os.PathLike | None = None) -> Path | None:
    """Cache the programs that XLA compiles, and load those of earlier processes.

    Only JAX has this cache. Call it before anything is computed. JAX's key of a program
    includes versions and the processor's features. A file that cannot be read is
    compiled again. A folder that JAX was given (`JAX_COMPILATION_CACHE_DIR`) is kept.

    Args:
        data_dir: folder of the datasets, as everywhere.

    Returns:
        The cache's folder, or None on TensorFlow.
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
