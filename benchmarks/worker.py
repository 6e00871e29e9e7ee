"""The loop of a process that measures when it is told to.

Every side of a benchmark runs it, each with its own environment's Python. Requests and
replies are lines of JSON on standard input and output. Needs nothing but Python, so
that it runs in every environment.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path


def serve(prepare: Callable[[dict], tuple[dict, Callable[..., dict]]]) -> None:
    """Answer requests until standard input closes.

    Every reply has the process's memory besides: what is resident, and what was at most
    so far.

    Args:
        prepare: from the first request, the settings, to its reply and to what answers
            every later request, given as keyword arguments.
    """
    _end_with_parent()
    replies = _standard_output()
    reply, answer = prepare(json.loads(sys.stdin.readline()))
    print(json.dumps(reply | memory()), file=replies, flush=True)
    for line in sys.stdin:
        reply = answer(**json.loads(line))
        print(json.dumps(reply | memory()), file=replies, flush=True)


def drawing(
    batches: Callable[[dict], Iterator], versions: Callable[[], dict]
) -> Callable[[dict], tuple]:
    """Return what prepares a side that draws batches, for `serve`.

    The settings are answered with `versions` and what a batch looks like once the first
    has arrived. Every later request is `{"batches": n}` or `{"seconds": s}`: how many
    batches to draw, or how long to at least. It is answered with the clips drawn and
    the seconds they took, by the clock and on all cores together. The first batch of a
    request is drawn before its time starts, so that a time runs from the arrival of a
    batch to that of another.

    Args:
        batches: from settings to an endless iterator of arrays, clips first.
        versions: of what matters on this side.
    """

    def prepare(settings):
        iterator = batches(settings)
        first = next(iterator)
        about = {"shape": list(first.shape), "dtype": first.dtype.name, **versions()}

        def answer(batches=0, seconds=0.0):
            next(iterator)
            cpu, start = time.process_time(), time.perf_counter()
            now, clips, drawn = start, 0, 0
            while drawn < batches or now - start < seconds:
                clips += len(next(iterator))
                drawn += 1
                now = time.perf_counter()
            cpu = time.process_time() - cpu
            return {"clips": clips, "seconds": now - start, "cpu_seconds": cpu}

        return about, answer

    return prepare


def stepping(
    build: Callable[[dict], tuple[dict, Callable[[int], float], Callable]],
) -> Callable[[dict], tuple]:
    """Return what prepares a side that does steps of a network, for `serve`.

    The settings are answered once the first step is done, with `first_step_seconds`
    from the beginning of building and `value`, the loss or, in inference, a sum of
    logits. Every later request is `{"steps": n}`, and is answered with the seconds they
    took, by the clock and on all cores together, the last one's `value`, and
    `device_peak`, the bytes that were in use at most on an accelerator, or null.

    Args:
        build: from settings to what is to be said about the side, a function that does
            so many steps, waits until they are done, and returns the value, and one
            that returns `device_peak`.
    """

    def prepare(settings):
        start = time.perf_counter()
        about, run, device_peak = build(settings)
        value = run(1)
        about |= {"first_step_seconds": time.perf_counter() - start, "value": value}

        def answer(steps):
            cpu, start = time.process_time(), time.perf_counter()
            value = run(steps)
            return {
                "seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time() - cpu,
                "value": value,
                "device_peak": device_peak(),
            }

        return about, answer

    return prepare


def evaluating(build: Callable[[dict], tuple[dict, Callable]]) -> Callable:
    """Return what prepares a side that evaluates a video, for `serve`.

    The settings are answered once the video has been evaluated for the first time,
    with `first_seconds` from the beginning of building, `shape` and `mean` of its
    views, and `total`, the sum of its probabilities. Every later request is `{}`: the
    video is evaluated from its file anew, which is answered with the seconds until its
    views were at hand (`views_seconds`) and until its probabilities were (`seconds`),
    and with `total`.

    Args:
        build: from settings to what is to be said about the side, and a function that
            returns the video's probabilities, and before calls another with the views.
    """

    def prepare(settings):
        import numpy as np

        start = time.perf_counter()
        about, evaluate = build(settings)

        def arrived(views):
            about.update(shape=list(views.shape), mean=float(np.mean(views)))

        total = float(sum(evaluate(arrived)))
        about |= {"first_seconds": time.perf_counter() - start, "total": total}

        def answer():
            times, start = [], time.perf_counter()
            probabilities = evaluate(lambda views: times.append(time.perf_counter()))
            end = time.perf_counter()
            return {
                "views_seconds": times[0] - start,
                "seconds": end - start,
                "total": float(sum(probabilities)),
            }

        return about, answer

    return prepare


def memory() -> dict:
    """Return the process's memory in bytes, now (rss) and at most (peak; Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines)

    def found(name):
        return 1024 * int(values[name].split()[0])

    return {"rss": found("VmRSS"), "peak": found("VmHWM")}


def cores() -> int:
    """Return how many cores the process may use."""
    return len(os.sched_getaffinity(0))


def _end_with_parent() -> None:
    """Have Linux end this process when that which started it ends, however it does.

    A process that is stopped would never see that standard input is closed.
    """
    set_death_signal = 1  # PR_SET_PDEATHSIG of linux/prctl.h
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


def _standard_output():
    """Return standard output, and let all that others print go to standard error."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies
