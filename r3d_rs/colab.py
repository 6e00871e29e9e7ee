"""Running a notebook in Colab: it installs what is missing and nothing else.

Only Python's own library and pip's are imported, since nothing else may be there yet.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

#: Extras of the package that the notebooks need, besides its core ("").
EXTRAS = ("", "data", "study")

#: Packages that bring the module `tensorflow`; any of them will do.
TENSORFLOW = {"tensorflow", "tensorflow-cpu"}

#: What a notebook does without in Colab: papermill starts notebooks from outside, and
#: only UCF-101 is downloaded by TensorFlow Datasets.
NOT_NEEDED = {"papermill", "tensorflow-datasets", "importlib-resources"}

#: Where a TPU or an NVIDIA GPU shows itself on the machines of Colab.
ACCELERATORS = ("/dev/accel0", "/dev/vfio/0", "/dev/nvidia0")


def backend() -> str:
    """Return the Keras backend: JAX on a TPU or a GPU, TensorFlow on a CPU.

    Whole runs were made on GPUs with JAX, none with TensorFlow.
    """
    found = any(Path(device).exists() for device in ACCELERATORS)
    return "jax" if found else "tensorflow"


def missing() -> list[str]:
    """Return the notebooks' requirements that are not installed in any version."""
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
    """Install what is missing; what is there keeps its version.

    Returns:
        The requirements that were installed.

    Raises:
        RuntimeError: with pip's own words, when no version goes with what is there.
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
