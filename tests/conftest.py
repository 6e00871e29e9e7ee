"""Settings every test shares, and what several tests read but do not change."""

import os
from pathlib import Path

import pytest

import r3d_rs  # noqa: F401  before keras, which tests may import first

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# Workers share the cores: an operation computes on one thread.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tests compile many programs and run each a few times, so that LLVM optimizes nothing.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# What JAX has compiled is kept for the tests' other processes, and for the next time.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / "build" / "compiled")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


@pytest.fixture(scope="module")
def shallow():
    """Networks of 50 layers have few blocks in this module."""
    from tests.shared import tiny

    with tiny.shallow():
        yield


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory, worker_id):
    """A folder that the session's workers share: what is made in it is locked."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session")
def data_dir(shared_folder):
    """The data directory of `tiny.VIDEOS` as Kinetics-400, prepared once for all tests.

    Workers share it: no test writes to it.
    """
    from tests.shared import tiny

    return tiny.prepared(shared_folder / "data")


@pytest.fixture(scope="session")
def dataset(data_dir):
    """The tiny videos in the place of Kinetics-400."""
    from r3d_rs.data import datasets

    return datasets.load("kinetics-400", data_dir)


@pytest.fixture(scope="session")
def finished(data_dir, shared_folder):
    """A tiny network's run of the row "SE", from its parameters to its record.

    It is trained once for all tests: none writes to its folders.
    """
    from tests.shared import finished

    return finished.finished(data_dir, shared_folder / "finished")
