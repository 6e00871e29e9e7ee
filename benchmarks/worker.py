"""The loop of a process that measures when it is told to.

Every side of a benchmark runs it, in its own environment, so that it needs nothing but
Python. Requests and replies are lines of JSON on standard input and output.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path


def serve(build: Callable[[dict], tuple[dict, Callable[[int], dict]]]) -> None:
    """Answer requests until standard input closes.

    The first request is the side's settings. It is answered once the work has been done
    for the first time, with `first_seconds` from the beginning of building. Every later
    request is how often to do the work, and is answered with `seconds`, with `peak`,
    the largest resident memory in bytes, and with what the work returned.

    Args:
        build: from the settings to what there is to say about the side, and a function
            that does the work so often, waits until it is done, and returns `value`, a
            number by which to check it. Of the side there are `amount`, what a unit of
            work counts, `versions`, and `counts`, numbers that all sides share.
    """
    _end_with_parent()
    replies = _standard_output()

    def reply(**fields):
        print(json.dumps(fields), file=replies, flush=True)

    settings = json.loads(sys.stdin.readline())
    start = time.perf_counter()
    about, run = build(settings)
    run(1)
    reply(first_seconds=round(time.perf_counter() - start, 2), **about)
    for line in sys.stdin:
        start = time.perf_counter()
        done = run(json.loads(line))
        reply(seconds=time.perf_counter() - start, peak=_peak(), **done)


def cores() -> int:
    """Return how many cores the process may use."""
    return len(os.sched_getaffinity(0))


def _peak() -> int:
    """Return the largest resident memory of this process so far, bytes (Linux)."""
    [kilobytes] = [
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return 1024 * int(kilobytes)


def _end_with_parent() -> None:
    """Have Linux end this process with the one that started it.

    A stopped process would never see that standard input is closed.
    """
    set_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def _standard_output():
    """Return standard output, and send what others print to standard error."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies
