"""What a network is computed on, as far as its form depends on it."""

import contextlib
import contextvars

import keras

_compiling = contextvars.ContextVar("compiling for a TPU", default=False)


def for_tpu() -> bool:
    """Say whether what is being traced is for a TPU.

    TPUs are reached through JAX. They have 3-D convolutions of their own, and a
    compiler for which loops cost nothing; on a CPU both are slow.
    """
    if keras.backend.backend() != "jax":
        return False
    import jax

    return _compiling.get() or jax.default_backend() == "tpu"


def on_jax_cpu() -> bool:
    """Say whether XLA compiles what is being traced for this machine's CPU."""
    if keras.backend.backend() != "jax" or _compiling.get():
        return False
    import jax

    return jax.default_backend() == "cpu"


def kept_apart(x):
    """Mark a tensor that is computed once, and not again in every place it is used.

    On a CPU XLA fuses a block's sum, and a convolution's copy of its input, with all
    the sums of the blocks before it in the stage, so that a step grows with the square
    of the depth. The mark counts in programs of a process that
    `training.compiled.set_flags` was called in.
    """
    if not on_jax_cpu():
        return x
    import jax

    return jax.lax.optimization_barrier(x)


@contextlib.contextmanager
def compiling_for_tpu():
    """Trace for a TPU that is not there."""
    token = _compiling.set(True)
    try:
        yield
    finally:
        _compiling.reset(token)
