"""Setup of a notebook in Colab: install what is missing and nothing else.

This module imports only the standard library and pip's copy of `packaging`, because
nothing else may be installed yet.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

#: Extras of the package that the notebooks need; "" is the core.
EXTRAS = ("", "data", "study")

#: Packages that provide the module `tensorflow`; any of them will do.
TENSORFLOW = {"tensorflow", "tensorflow-cpu"}

#: Packages that a notebook does not need in Colab: papermill runs notebooks from
#: outside, and TensorFlow Datasets only downloads UCF-101.
NOT_NEEDED = {"papermill", "tensorflow-datasets", "importlib-resources"}

#: Device files of TPUs and NVIDIA GPUs on Colab's machines.
ACCELERATORS = ("/dev/accel0", "/dev/vfio/0", "/dev/nvidia0")


def backend() -> str:
    """Return the Keras backend: JAX on a TPU or a GPU, TensorFlow on a CPU.

    The study's full runs on GPUs used JAX, never TensorFlow.
    """
    found = any(Path(device).exists() for device in ACCELERATORS)
    return "jax" if found else "tensorflow"


def missing() -> list[str]:
    """Return the notebooks' requirements that have no installed version."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        from pip._vendor.packaging.requirements import Requirement
    wanted = []
    for requirement in map(Requirement, metadata.requires("r3d-rs") or ()):
        marker = requirement.marker
        needed = marker is None or any(marker.evaluate({"extra": e}) for e in EXTRAS)
        if not needed or requirement.name in NOT_NEEDED:
            continue
        if requirement.name in TENSORFLOW:
            absent = importlib.util.find_spec("tensorflow") is None
        else:
            absent = not _is_installed(requirement.name)
        if absent:
            wanted.append(f"{requirement.name}{requirement.specifier}")
    return wanted


def install_missing() -> list[str]:
    """Install missing requirements, and keep the version of installed packages.

    Returns:
        The requirements that were installed.

    Raises:
        RuntimeError: with pip's message, if pip cannot install them, such as when no
            version is compatible with the installed packages.
    """
    wanted = missing()
    if not wanted:
        return []
    kept = sorted(
        {f"{d.name}=={d.version}" for d in metadata.distributions() if d.name}
    )
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "kept.txt")
        constraints.write_text("\n".join(kept) + "\n")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet"),
                *("--constraint", str(constraints), *wanted),
            ],
            capture_output=True,
            text=True,
            env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
    if done.returncode:
        raise RuntimeError(
            f"pip cannot install {', '.join(wanted)} beside what is there:"
            f" {done.stderr.strip()[-1000:]}"
        )
    return wanted


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
