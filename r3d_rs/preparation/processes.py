"""Calls in processes of their own, which may crash or hang without harm."""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError

import pebble

from r3d_rs.cores import spawning, usable_cores
from r3d_rs.videos import clip

#: A video that takes longer to decode is set aside.
TIMEOUT_SECONDS = 300

#: What to do where the machine was short of something.
_AGAIN = "what is finished stays: start it again, perhaps with fewer workers"


def isolated_map(
    function: Callable, tasks: Iterable[tuple], workers: int | None
) -> Iterator:
    """Call a function on processes of its own; yield the results in order.

    A few tasks are taken ahead of the consumer. A call that crashes its process or
    takes longer than `TIMEOUT_SECONDS` gives a text that says so instead of a result.

    Raises:
        ChildProcessError: when a process cannot be started, is killed from outside or
            finds the machine short of memory or file handles.
    """
    workers = workers or usable_cores()
    with pebble.ProcessPool(
        workers, context=spawning(), initializer=clip.limit_memory
    ) as pool:
        waiting = deque()
        try:
            for task in tasks:
                waiting.append(_schedule(pool, function, task))
                if len(waiting) > 2 * workers:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            pool.stop()


def _schedule(pool: pebble.ProcessPool, function, task: tuple):
    try:
        return pool.schedule(function, task, timeout=TIMEOUT_SECONDS)
    except RuntimeError as error:  # it could not start its processes
        raise ChildProcessError(
            f"the processes that decode videos failed: {error}; {_AGAIN}"
        ) from error


def _result(future):
    try:
        return future.result()
    except TimeoutError:
        return f"decoding took longer than {TIMEOUT_SECONDS} seconds"
    except pebble.ProcessExpired as error:
        # By one's own fault a process ends by another signal.
        if error.exitcode >= 0 or error.exitcode == -signal.SIGKILL:
            raise ChildProcessError(
                "a process that decodes videos was ended from outside (exit code"
                f" {error.exitcode}), as when memory is short; {_AGAIN}"
            ) from error
        return f"decoding crashed its process (exit code {error.exitcode})"
    except (OSError, MemoryError, RuntimeError) as error:  # RuntimeError: of the pool
        raise ChildProcessError(
            f"a process that decodes videos failed: {error}; {_AGAIN}"
        ) from error
