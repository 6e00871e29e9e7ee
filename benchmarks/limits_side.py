"""Matrix multiplication by a library, and copies by NumPy, for `worker.serve`."""

import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import worker


def prepare(settings: dict):
    """Return the library's version, and what answers requests.

    Settings: `library`, one of the names below. A request has `operation`, "multiply"
    or "copy", `size`, of a side of the matrices or in bytes, and `seconds`; it is
    answered with operations or bytes `done`, and the `seconds` they took.
    """
    library = settings["library"]
    name = "tensorflow-cpu" if library == "tensorflow" else library
    versions = f"{name} {version(name)}"
    make = {"tensorflow": _tensorflow, "torch": _torch, "numpy": _numpy}[library]
    made = {}

    def answer(operation, size, seconds):
        if size not in made:
            made.clear()
            made[size] = make(size)
        run, amount = made[size]
        start = now = time.perf_counter()
        done = 0
        while now - start < seconds or not done:
            run()
            done += amount
            now = time.perf_counter()
        return {"done": done, "seconds": now - start}

    return {"versions": versions}, answer


def _tensorflow(size):
    import tensorflow as tf

    a, b = (tf.random.normal((size, size)) for _ in range(2))
    return lambda: tf.linalg.matmul(a, b)[0, 0].numpy(), 2 * size**3


def _torch(size):
    import torch

    torch.set_num_threads(worker.cores())
    a, b = (torch.randn(size, size) for _ in range(2))
    out = torch.empty(size, size)
    return lambda: torch.matmul(a, b, out=out), 2 * size**3


def _numpy(size):
    """Copy by as many threads as there are cores; a byte is read and written."""
    import numpy as np

    threads = worker.cores()
    a, b = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    parts = list(
        zip(np.array_split(b, threads), np.array_split(a, threads), strict=True)
    )
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda part: np.copyto(*part), parts)), 2 * size


if __name__ == "__main__":
    worker.serve(prepare)
