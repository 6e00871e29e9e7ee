"""Processes that are killed at a random moment."""

import contextlib
import multiprocessing
import os
import signal
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: What every process of a test would import first; TensorFlow takes seconds.
PRELOADED = ["tests.faults.tiny_run", "r3d_rs.evaluation.multiview"]


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


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the inode and the time of change of every file of a tree."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }
