"""Processes that are killed at a random moment."""

import contextlib
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: The most that a process may take; the slowest of the suite takes a tenth of it.
SECONDS = 300

#: What every process of a test would import first; TensorFlow takes seconds.
PRELOADED = ["tests.shared.tiny_run", "r3d_rs.evaluation.multiview"]


def context():
    """Return how processes are started: forked from one that has imported it all."""
    os.environ["PYTHONPATH"] = str(ROOT)
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOADED)
    return found


def _begin(ready, function, arguments):
    os.setsid()
    ready.set()
    function(*arguments)


def start(function, *arguments):
    """Start a process, and return it when it begins to call the function."""
    started = context()
    ready = started.Event()
    process = started.Process(target=_begin, args=(ready, function, arguments))
    process.start()
    assert ready.wait(300), "it did not start"
    return process


def seconds(function, *arguments) -> float:
    """Return how long a process takes that is not killed."""
    process, begin = start(function, *arguments), time.monotonic()
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - begin


def after(delay: float, function, *arguments) -> bool:
    """Start a process and kill it after some seconds.

    Those that it has started in turn are left to end by themselves, as they are where
    the system kills one process for its memory; they have ended when this returns.

    Returns:
        Whether it was killed; else it was done before.
    """
    process = start(function, *arguments)
    process.join(delay)
    killed = process.exitcode is None
    if killed:
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    deadline = time.monotonic() + 60
    while own := members(process.pid):
        assert time.monotonic() < deadline, f"{own} outlived the process"
        time.sleep(0.05)
    return killed


def members(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append(int(folder.name))
    return found


def tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a tree, without locks, which stay."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the inode and the time of change of every file of a tree."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def command(*arguments, before=None) -> tuple[int, str]:
    """Run `python -m r3d_rs` and return its exit code and what it said of errors.

    Args:
        *arguments: of the command.
        before: called in the process first, to set its limits.
    """
    return ended(_main, [str(argument) for argument in arguments], before=before)


def ended(function, *arguments, before=None) -> tuple[int, str]:
    """Call a function in a process; return its exit code and its stream of errors.

    The code is 1 where `sys.exit` was called with a message, as the command line does
    for an expected failure, and 70 for any other; -9 where it had to be killed, as it
    had not ended after `SECONDS`. Bars of progress are left out.
    """
    with tempfile.NamedTemporaryFile("r", suffix=".stderr") as said:
        os.chmod(said.name, 0o666)  # for other users too
        process = start(_quietly, said.name, before, function, arguments)
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        lines = re.split(r"[\r\n]+", said.read())
        return process.exitcode, "\n".join(x for x in lines if "%|" not in x).strip()


def _quietly(said: str, before, function, arguments):
    stream = os.open(said, os.O_WRONLY)
    os.dup2(stream, 2)
    os.close(stream)
    try:
        if before:
            before()
        function(*arguments)
    except Exception:
        traceback.print_exc()
        sys.exit(70)


def _main(arguments):
    from r3d_rs import __main__

    sys.argv = ["r3d_rs", *arguments]
    __main__.main()
