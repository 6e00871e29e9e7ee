"""Atomic file writes, locks between processes, and checksums of files.

JSON files contain their own checksum. NumPy's `.npz` files are ZIP files, and their
checksums are compared on reading. Pickled objects in them are never loaded. The small
files of a prepared dataset are sealed: one file lists the checksums of all others. A
changed byte raises an error instead of changing a result.
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

#: The field of a JSON file that holds the checksum of its other fields.
CHECKSUM = "sha256"

#: Errors raised on reading a damaged ZIP file. A changed byte may also call for another
#: compression method or for a password.
ZIP_DAMAGE = (ValueError, EOFError, KeyError, RuntimeError, OverflowError)
ZIP_DAMAGE += (zipfile.BadZipFile, zlib.error, struct.error)

#: The file that holds the checksums of a prepared dataset's small files.
SEAL = "sealed.json"
#: Files without a checksum in the seal. Records and frame indexes have their own.
#: Class names, video counts and annotations are in the small files that are sealed;
#: TensorFlow Datasets writes and reads them without checksums.
UNSEALED = ("*.tfrecord-*", "*.npz", ".*", SEAL)


@contextlib.contextmanager
def whole_file(path: Path, ending: str = "") -> Iterator[Path]:
    """Write a file atomically: under a temporary name, then renamed.

    Temporary files that killed processes left for the same file are removed.

    Args:
        path: the file to write. A missing folder is created.
        ending: suffix of the temporary name, for writers that require one.

    Yields:
        The temporary path, in the same folder. It is removed if writing fails.

    Raises:
        OSError: naming the file, if it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp{ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, f".{path.name}.*.tmp*")
        with temporary.open("ab") as lock:
            # The lock shows that the writing process is alive. On a file system without
            # locks, leftovers stay.
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except OSError as error:
        if error.filename is None and error.errno is not None:  # from a `write`
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):  # must not hide the first error
            temporary.unlink()


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove temporary files that `whole_file` left in processes that were killed."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError), path.open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def try_lock(file: IO | int, shared: bool = False) -> bool:
    """Try to lock an open file or folder without waiting.

    Several processes can hold a `shared` lock at once. On a file system without locks
    this always succeeds.

    Returns:
        Whether the lock was taken; False if another process holds it.
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
    """Wait for the lock on a file or folder, and hold it; see `try_lock`.

    If there is neither, an empty file is created.
    """
    how = os.O_RDONLY
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        how = os.O_RDWR | os.O_CREAT  # NFS locks only writable files
    lock = os.open(path, how, 0o666)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def checksum_of(fields: dict) -> str:
    """Return the SHA-256 of all fields except `sha256`, as JSON with sorted keys."""
    others = {name: value for name, value in fields.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def check_checksum(path: Path, fields: dict) -> None:
    """Compare a file's fields with the checksum stored among them.

    Raises:
        ValueError: naming the file, if they do not agree.
    """
    found = checksum_of(fields)
    if fields[CHECKSUM] != found:
        raise ValueError(
            f"{path}: damaged: its checksum is {found}, but {CHECKSUM} says"
            f" {fields[CHECKSUM]}"
        )


def write_json(path: Path, fields: dict) -> None:
    """Write fields and their checksum as JSON, atomically."""
    text = json.dumps({**fields, CHECKSUM: checksum_of(fields)}, indent=1) + "\n"
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read_json(path: Path) -> dict:
    """Read the fields that `write_json` wrote, without the checksum.

    Older versions wrote no checksum; such a file is not checked.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file, if it is damaged.
    """
    fields = parse_json(path)
    if fields.get(CHECKSUM) is not None:
        check_checksum(path, fields)
    fields.pop(CHECKSUM, None)
    return fields


def parse_json(path: Path) -> dict:
    """Parse a JSON file that holds an object, without comparing its checksum.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: naming the file, if it holds anything else.
    """
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # JSON, UTF-8 or nesting
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{path}: not JSON: no object, but {type(fields).__name__}")
    return fields


def read_arrays(path: Path, file: BinaryIO | None = None) -> dict[str, np.ndarray]:
    """Read all arrays of an `.npz` file.

    Args:
        path: the file.
        file: its open content; None to open `path`.

    Raises:
        OSError: if the file cannot be read.
        ValueError: naming the file, if it is damaged or holds Python objects.
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
        if error.errno != errno.EINVAL:  # a seek before the file's start
            raise
        raise ValueError(f"{path}: damaged: {error}") from error
    except ZIP_DAMAGE as error:
        raise ValueError(
            f"{path}: damaged: {str(error) or type(error).__name__}"
        ) from error


def check_zip(file: BinaryIO | Path) -> None:
    """Check the checksums of all parts of a ZIP file.

    Raises:
        ValueError: naming a part with a wrong checksum. Other damage raises one of
            `ZIP_DAMAGE`.
    """
    with zipfile.ZipFile(file) as parts:
        if damaged := parts.testzip():
            raise ValueError(f"the checksum of {damaged} does not fit")


def small_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file to seal, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(map(path.match, UNSEALED))
    }


def seal_folder(folder: Path) -> None:
    """Write the checksums of a folder's small files, unless it is sealed already."""
    if not (folder / SEAL).exists():
        write_json(folder / SEAL, {"files": small_files(folder)})


def check_folder(folder: Path) -> None:
    """Check the small files of a folder against its seal, if it has one.

    Raises:
        ValueError: naming a file that has changed or is missing.
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
