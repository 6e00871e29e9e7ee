"""Settings every test shares."""

import os
from pathlib import Path

import pytest

import r3d_rs  # noqa: F401  before keras, which tests may import first

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# What JAX has compiled is kept for the tests' other processes, and for the next time.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / "build" / "compiled")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


@pytest.fixture(scope="module")
def shallow():
    """Networks of 50 layers have few blocks in this module."""
    from tests import tiny

    with tiny.shallow():
        yield
