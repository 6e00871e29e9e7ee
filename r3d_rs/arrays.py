"""NumPy's files of arrays, read whole or refused.

They are ZIP files, whose checksums are compared as they are read. Objects, which NumPy
would unpickle, are never loaded.
"""

import errno
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

#: What reading a damaged ZIP file may raise: a changed byte may also ask for another
#: method of compression or for a password.
DAMAGE = (
    *(ValueError, EOFError, KeyError, RuntimeError, OverflowError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def read(path: Path, file: BinaryIO | None = None) -> dict[str, np.ndarray]:
    """Read all arrays of a file.

    Args:
        path: of the file.
        file: its content, where that has been read already.

    Raises:
        OSError: when the file cannot be read.
        ValueError: naming the file, when it is damaged or has objects of Python.
    """
    if file is None:
        with Path(path).open("rb") as file:
            return read(path, file)
    try:
        check(file)
        file.seek(0)
        found = np.load(file, allow_pickle=False)
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise ValueError("a single array")
        with found as arrays:
            return {name: arrays[name] for name in arrays.files}
    except OSError as error:
        if error.errno != errno.EINVAL:  # of a place before the file's begin
            raise
        raise ValueError(f"{path}: damaged: {error}") from error
    except DAMAGE as error:
        raise ValueError(
            f"{path}: damaged: {str(error) or type(error).__name__}"
        ) from error


def check(file: BinaryIO | Path) -> None:
    """Compare the checksums of all parts of a ZIP file.

    Raises:
        ValueError: naming a part whose checksum does not fit; others of `DAMAGE`.
    """
    with zipfile.ZipFile(file) as parts:
        if damaged := parts.testzip():
            raise ValueError(f"the checksum of {damaged} does not fit")
