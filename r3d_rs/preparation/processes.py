"""Call a function in separate processes, which may crash or hang without harm."""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError

import pebble

from r3d_rs.cores import spawning, usable_cores
from r3d_rs.videos import clip

#: Time limit for decoding one video; a video that takes longer is set aside.
TIMEOUT_SECONDS = 300

#: Advice if the machine was short of memory or file handles.
_AGAIN = "what is finished stays: start it again, perhaps with fewer workers"


def isolated_map(
    function: Callable, tasks: Iterable[tuple], workers: int | None
) -> Iterator:
    """Call a function in separate processes and yield the results in order.

    Tasks run ahead of the consumer, about two per worker. A call that crashes its
    process or exceeds `TIMEOUT_SECONDS` yields a text with the reason instead of a
    result.

    Args:
        function: called with the arguments of each task.
        tasks: tuples of arguments.
        workers: number of processes; None for all usable cores.

    Raises:
        ChildProcessError: if a process cannot be started, is killed from outside or
            runs short of memory or file handles.
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
    except RuntimeError as error:  # the pool could not start its processes
        raise ChildProcessError(
            f"the processes that decode videos failed: {error}; {_AGAIN}"
        ) from error


def _result(future):
    try:
        return future.result()
    except TimeoutError:
        return f"decoding took longer than {TIMEOUT_SECONDS} seconds"
    except pebble.ProcessExpired as error:
        # A process that crashes ends with another signal than SIGKILL.
        if error.exitcode >= 0 or error.exitcode == -signal.SIGKILL:
            raise ChildProcessError(
                "a process that decodes videos was killed from outside (exit code"
                f" {error.exitcode}), perhaps for lack of memory; {_AGAIN}"
            ) from error
        return f"decoding crashed its process (exit code {error.exitcode})"
    except (OSError, MemoryError, RuntimeError) as error:  # the pool's RuntimeError
        raise ChildProcessError(
            f"a process that decodes videos failed: {error}; {_AGAIN}"
        ) from error
