"""Out-of-memory errors, turned into errors that say what to change."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

#: Text of out-of-memory errors: JAX's, and oneDNN's (status 1 is "out of memory").
SIGNS = ("RESOURCE_EXHAUSTED", "Status: 1, message: could not create")


def is_short(error: Exception) -> bool:
    """Return whether an error means that a device or the machine is out of memory."""
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return True
    return any(sign in str(error) for sign in SIGNS)


@contextlib.contextmanager
def naming_shortage(what: str, remedy: str) -> Iterator[None]:
    """Turn an out-of-memory error into one that says what to change.

    Args:
        what: what took the memory.
        remedy: what takes less.

    Raises:
        MemoryError: if memory runs out, with both texts.
    """
    try:
        yield
    except Exception as error:
        if not is_short(error):
            raise
        text = f"{what} took more memory than there is: {remedy}"
        raise MemoryError(text) from error
