"""Loop of a process that measures on request.

Every side of a benchmark runs this loop in its own environment, so it needs only
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

    The first request has the side's settings. The reply comes after the first work. It
    has facts about the side and `first_seconds`, the time from the start of building.
    Every later request is the number of times to do the work. The reply has `seconds`,
    `peak` (largest resident memory in bytes) and what the work returned.

    Args:
        build: takes the settings, and returns facts about the side and a function. The
            facts are `amount` (per unit of work), `versions`, and `counts` (numbers on
            which all sides must agree). The function takes a number of times, does the
            work that often and waits for it. It returns `value`, a number to check.
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
    """Return the number of cores that the process may use."""
    return len(os.sched_getaffinity(0))


def _peak() -> int:
    """Return the largest resident memory of this process so far, in bytes (Linux)."""
    [kilobytes] = [
        line.split()[1]
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM:")
    ]
    return 1024 * int(kilobytes)


def _end_with_parent() -> None:
    """Make Linux end this process when its parent ends.

    A stopped process would never notice that standard input is closed.
    """
    set_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def _standard_output():
    """Return standard output, and redirect all other printing to standard error."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies
