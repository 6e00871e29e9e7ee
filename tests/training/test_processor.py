"""What a run computes with on a CPU, and what its record says of it."""

import importlib
import os
import platform
import subprocess
import sys

import pytest

import r3d_rs
from r3d_rs.experiments import provenance

CPUINFO = """\
processor\t: 0
model name\t: A Model
flags\t\t: fpu sse2 {flags}

processor\t: 1
model name\t: A Model
flags\t\t: fpu sse2 {flags}
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="TensorFlow has oneDNN to switch on in x86-64's wheels",
)
def test_tensorflow_uses_onednn_unless_the_user_says_otherwise(monkeypatch):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    done = subprocess.run(
        [sys.executable, "-c", "import r3d_rs, tensorflow"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert "oneDNN custom operations are on" in done.stderr
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    importlib.reload(r3d_rs)
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0"


@pytest.mark.skipif(sys.platform != "linux", reason="of /proc/cpuinfo")
@pytest.mark.parametrize(
    ("flags", "vectors"),
    [
        ("avx avx2", " with AVX2"),
        ("avx2 avx512f", " with AVX-512"),
        ("avx2 avx512f avx512_vnni", " with AVX-512 VNNI"),
        ("avx", ""),
    ],
)
def test_processors_of_one_name_are_told_apart(monkeypatch, flags, vectors):
    text = CPUINFO.format(flags=flags)
    monkeypatch.setattr(provenance.Path, "read_text", lambda path: text)
    assert provenance.processor() == f"A Model{vectors}"
