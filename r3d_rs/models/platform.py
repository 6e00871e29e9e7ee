"""Detect whether a network is traced for a TPU, which uses other operations."""

import contextlib
import contextvars

import keras

_compiling = contextvars.ContextVar("compiling for a TPU", default=False)


def for_tpu() -> bool:
    """Return whether the current trace is for a TPU.

    TPUs are used only through JAX. They have fast 3-D convolutions, and their compiler
    makes loops free. On a CPU both are slow.
    """
    if keras.backend.backend() != "jax":
        return False
    import jax

    return _compiling.get() or jax.default_backend() == "tpu"


@contextlib.contextmanager
def compiling_for_tpu():
    """Trace as for a TPU inside this context, on a machine without one."""
    token = _compiling.set(True)
    try:
        yield
    finally:
        _compiling.reset(token)
