"""How many processor cores there are to work with."""

import os


def usable_cores() -> int:
    """Return how many cores this process may use, at least 1.

    A container, a batch queue or `taskset` may allow fewer than the machine has.
    """
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
