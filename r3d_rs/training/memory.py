"""Short of memory: the backend's error becomes one that says what to change."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

#: What an error says of memory: JAX's, and oneDNN's, whose status 1 is "out of memory".
SIGNS = ("RESOURCE_EXHAUSTED", "Status: 1, message: could not create")


def is_short(error: Exception) -> bool:
    """Return whether an error is for want of memory, of a device or the machine."""
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return any(sign in str(error) for sign in SIGNS)


@contextlib.contextmanager
def naming_shortage(what: str, remedy: str) -> Iterator[None]:
    """Turn an error for want of memory into one that says what can be done.

    Args:
        what: took the memory.
        remedy: what takes less.

    Raises:
        MemoryError: with both.
    """
    try:
        yield
    except Exception as error:
        if not is_short(error):
            raise
        text = f"{what} took more memory than there is: {remedy}"
        raise MemoryError(text) from error
