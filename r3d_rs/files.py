"""Atomic file writes, locks between processes, and checksums of what is read.

JSON files have a checksum of themselves. NumPy's files of arrays are ZIP files, whose
checksums are compared as they are read; objects, which NumPy would unpickle, are never
loaded. The small files of a prepared dataset are sealed: one file has the checksums of
all others. A byte that changes is an error, not another number.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

#: The field of a JSON file that has the checksum of the others.
CHECKSUM = "sha256"

#: What reading a damaged ZIP file may raise: a changed byte may also ask for another
#: method of compression or for a password.
ZIP_DAMAGE = (ValueError, EOFError, KeyError, RuntimeError, OverflowError)
ZIP_DAMAGE += (zipfile.BadZipFile, zlib.error, struct.error)

#: The file that has the checksums of a prepared dataset's small files.
SEAL = "sealed.json"
#: What has checksums of its own: records and the index of the frames. The names of the
#: classes, the numbers of videos and the annotations are in small files that TensorFlow
#: Datasets writes and reads without any.
UNSEALED = ("*.tfrecord-*", "*.npz", ".*", SEAL)


@contextlib.contextmanager
def whole_file(path: Path, ending: str = "") -> Iterator[Path]:
    """Let a file be written under another name, and then give it its own.

    What a process that was killed has left of the same file is removed.

    Args:
        path: of the file; its folder is made where there is none.
        ending: of the other name, where what writes it wants its own.

    Yields:
        A path in the same folder, to write to. If writing fails, nothing is left of it.

    Raises:
        OSError: naming the file, when it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp{ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, f".{path.name}.*.tmp*")
        with temporary.open("ab") as lock:
            # The lock says that this file's process lives. Not every file system has
            # locks; leftovers stay there.
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except OSError as error:
        if error.filename is None and error.errno is not None:  # of a `write`
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):  # it must not hide the first error
            temporary.unlink()


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what `whole_file` was writing in processes that do not live any more."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError), path.open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def try_lock(file: IO | int, shared: bool = False) -> bool:
    """Lock an open file or folder, and return whether no other process has it.

    Others may have a `shared` lock, too, if they share it. Where the file system has no
    locks, nobody is kept out.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def locked(path: Path, shared: bool = False) -> Iterator[None]:
    """Wait until no other process has a lock, and hold it; see `try_lock`.

    The lock is that of a folder or of a file, which is made where there is none.
    """
    how = os.O_RDONLY
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        how = os.O_RDWR | os.O_CREAT  # NFS locks only what may be written
    lock = os.open(path, how, 0o666)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def checksum_of(fields: dict) -> str:
    """Return the SHA-256 of all fields but `sha256`, as JSON with sorted keys."""
    others = {name: value for name, value in fields.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def check_checksum(path: Path, fields: dict) -> None:
    """Compare the checksum of a file's fields with the one among them.

    Raises:
        ValueError: naming the file, when they differ.
    """
    found = checksum_of(fields)
    if fields[CHECKSUM] != found:
        raise ValueError(
            f"{path}: damaged: its checksum is {found}, but {CHECKSUM} says"
            f" {fields[CHECKSUM]}"
        )


def write_json(path: Path, fields: dict) -> None:
    """Write fields and their checksum as JSON, in one piece."""
    text = json.dumps({**fields, CHECKSUM: checksum_of(fields)}, indent=1) + "\n"
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read_json(path: Path) -> dict:
    """Read what `write_json` wrote, without the checksum.

    A file that has none is from before there were any, and is taken as it is.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, when it is not what was written.
    """
    fields = parse_json(path)
    if fields.get(CHECKSUM) is not None:
        check_checksum(path, fields)
    fields.pop(CHECKSUM, None)
    return fields


def parse_json(path: Path) -> dict:
    """Parse a file of JSON that has an object; its checksum is not compared.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, when it has something else.
    """
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # of JSON, of UTF-8, or too deep
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{path}: not JSON: no object, but {type(fields).__name__}")
    return fields


def read_arrays(path: Path, file: BinaryIO | None = None) -> dict[str, np.ndarray]:
    """Read all arrays of a file of NumPy's.

    Args:
        path: of the file.
        file: its content, where that has been read already.

    Raises:
        OSError: when the file cannot be read.
        ValueError: naming the file, when it is damaged or has objects of Python.
    """
    if file is None:
        with Path(path).open("rb") as file:
            return read_arrays(path, file)
    try:
        check_zip(file)
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
    except ZIP_DAMAGE as error:
        raise ValueError(
            f"{path}: damaged: {str(error) or type(error).__name__}"
        ) from error


def check_zip(file: BinaryIO | Path) -> None:
    """Compare the checksums of all parts of a ZIP file.

    Raises:
        ValueError: naming a part whose checksum does not fit; others of `ZIP_DAMAGE`.
    """
    with zipfile.ZipFile(file) as parts:
        if damaged := parts.testzip():
            raise ValueError(f"the checksum of {damaged} does not fit")


def small_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file to be sealed by its path within the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(map(path.match, UNSEALED))
    }


def seal_folder(folder: Path) -> None:
    """Write the checksums of a folder's small files, if they have not been."""
    if not (folder / SEAL).exists():
        write_json(folder / SEAL, {"files": small_files(folder)})


def check_folder(folder: Path) -> None:
    """Check that the small files are those that were sealed, where they were.

    Raises:
        ValueError: naming a file that has changed or is gone.
    """
    if not (folder / SEAL).exists():
        return
    found = small_files(folder)
    for name, sha256 in read_json(folder / SEAL)["files"].items():
        if found.get(name) != sha256:
            raise ValueError(
                f"{folder / name}: damaged, or changed since the dataset was prepared:"
                " prepare it again"
            )
