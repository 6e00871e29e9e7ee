"""Files that are there whole or not at all, and that one process writes at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Let a file be written under another name, and then give it its own.

    What a process that was killed has left of the same file is removed.

    Args:
        path: of the file; its folder is made where there is none.

    Yields:
        A path in the same folder, to write to. If writing fails, nothing is left of it.

    Raises:
        OSError: naming the file, when it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent, f".{path.name}.*.tmp")
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
    # Longer names first: they are links to the others.
    for path in sorted(folder.glob(pattern), reverse=True):
        with contextlib.suppress(OSError), path.open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def try_lock(file: IO | int, shared: bool = False) -> bool:
    """Lock an open file or folder, and say whether no other process has it.

    Where the file system has no locks, nobody is kept out.

    Args:
        file: to lock.
        shared: let others have it that share it.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out of what a file stands for, or wait until they are done.

    Args:
        path: of a file to lock, made where there is none, or of a folder. Where the
            file system has no locks, nobody is kept out.
    """
    how = os.O_RDONLY
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        how = os.O_RDWR | os.O_CREAT  # NFS locks only what may be written
    lock = os.open(path, how, 0o666)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
