"""The loop of a process that draws batches when it is told to.

Both sides of the benchmark run it, each with its own environment's Python. Requests
and replies are lines of JSON on standard input and output.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def serve(batches: Callable[[dict], Iterator], versions: Callable[[], dict]) -> None:
    """Answer requests until standard input closes.

    The first request holds the settings for `batches`, and is answered with `versions`
    and what a batch looks like once the first has arrived. Every later one is
    `{"batches": n}` or `{"seconds": s}`: how many batches to draw, or how long to at
    least. It is answered with the clips drawn, the seconds they took, by the clock and
    on all cores together, and the process's memory. The first batch of a request is
    drawn before its time starts, so that a time runs from the arrival of a batch to
    that of another.

    Args:
        batches: from settings to an endless iterator of arrays, clips first.
        versions: of what matters on this side.
    """
    replies = _standard_output()
    iterator = batches(json.loads(sys.stdin.readline()))
    first = next(iterator)
    reply = {"shape": list(first.shape), "dtype": first.dtype.name, **versions()}
    del first
    print(json.dumps(reply), file=replies, flush=True)
    for line in sys.stdin:
        reply = _draw(iterator, **json.loads(line)) | {"rss": resident_bytes()}
        print(json.dumps(reply), file=replies, flush=True)


def _draw(iterator: Iterator, batches: int = 0, seconds: float = 0.0) -> dict:
    next(iterator)
    cpu = time.process_time()
    start = now = time.perf_counter()
    clips = drawn = 0
    while drawn < batches or now - start < seconds:
        clips += len(next(iterator))
        drawn += 1
        now = time.perf_counter()
    cpu = time.process_time() - cpu
    return {"clips": clips, "seconds": now - start, "cpu_seconds": cpu}


def _standard_output():
    """Return standard output, and let all that others print go to standard error."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def resident_bytes() -> int:
    """Return the process's resident memory (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
