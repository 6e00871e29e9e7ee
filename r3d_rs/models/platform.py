"""What a network is computed on, as far as its form depends on it."""

import contextlib
import contextvars

import keras

_compiling = contextvars.ContextVar("compiling for a TPU", default=False)


def for_tpu() -> bool:
    """Return whether what is being traced is for a TPU.

    TPUs are reached through JAX. They have 3-D convolutions of their own, and a
    compiler for which loops cost nothing; on a CPU both are slow.
    """
    if keras.backend.backend() != "jax":
        return False
    import jax

    return _compiling.get() or jax.default_backend() == "tpu"


@contextlib.contextmanager
def compiling_for_tpu():
    """Trace for a TPU that is not there."""
    token = _compiling.set(True)
    try:
        yield
    finally:
        _compiling.reset(token)
