"""XLA's persistent compilation cache."""

import os
from pathlib import Path

import keras

from r3d_rs.data.names import data_directory

#: Name of the cache's folder in the datasets' folder. It may be deleted at any time.
FOLDER = "compiled"

#: Programs that compile faster than this, in seconds, are not cached.
WORTH = 0.1


def enable(data_dir: str | os.PathLike | None = None) -> Path | None:
    """Cache compiled XLA programs on disk, and reuse those of earlier processes.

    Only JAX has this cache. Call this before anything is computed. JAX's cache key
    includes versions and the processor's features. A program is compiled again if its
    file cannot be read. If `JAX_COMPILATION_CACHE_DIR` is set, that folder is used.

    Args:
        data_dir: folder of the datasets.

    Returns:
        The cache's folder; None on TensorFlow.
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
