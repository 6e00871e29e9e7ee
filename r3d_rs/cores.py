"""Number of usable processor cores, and how worker processes are started."""

import contextlib
import math
import multiprocessing
import os
import sys
from collections.abc import Iterator
from multiprocessing import context
from pathlib import Path

#: Where Linux keeps the CPU quotas of control groups and lists this process's groups.
CGROUPS, OWN_GROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Return how many cores this process may use, at least 1.

    A container, a batch queue or `taskset` may allow fewer than the machine has.
    Fractions of a core are rounded up.
    """
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        cores = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count()
    return math.ceil(min([cores or 1, *_quotas()]))


def _quotas() -> Iterator[float]:
    """Yield the quotas of this process's control groups, in cores (Linux)."""
    with contextlib.suppress(OSError, ValueError):
        for line in OWN_GROUP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            # Version 2 has one tree; version 1 has a tree for each controller.
            top = CGROUPS / "cpu" if controllers else CGROUPS
            group = top / path.lstrip("/")
            for folder in (group, *group.parents):
                if folder.is_relative_to(top):
                    yield from _quota(folder)


def _quota(folder: Path) -> Iterator[float]:
    with contextlib.suppress(OSError, ValueError):  # "max": no quota
        quota, period = map(int, (folder / "cpu.max").read_text().split())
        yield quota / period
    with contextlib.suppress(OSError, ValueError):
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        if quota > 0:  # -1: no quota
            yield quota / int((folder / "cpu.cfs_period_us").read_text())


class _Process(context.SpawnProcess):
    """A spawned process that does not run the main program again."""

    @staticmethod
    def _Popen(process):
        with _without_program():
            return context.SpawnProcess._Popen(process)


class _Spawning(context.SpawnContext):
    Process = _Process


@contextlib.contextmanager
def _without_program() -> Iterator[None]:
    """Hide the main program from `multiprocessing`."""
    program = sys.modules["__main__"]
    names = ("__spec__", "__file__")
    hidden = {name: vars(program).pop(name) for name in names if name in vars(program)}
    program.__spec__ = None
    try:
        yield
    finally:
        vars(program).update(hidden)


def spawning() -> multiprocessing.context.BaseContext:
    """Return a `multiprocessing` context that spawns new, empty processes.

    The processes only call functions of the library. A program that uses them needs no
    `if __name__ == "__main__"`.
    """
    return _Spawning()
