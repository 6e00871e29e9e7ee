"""Running a notebook in Colab: installing what is missing and nothing else.

Only Python's own library is imported here, since nothing else may be there yet.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

#: Requirements that build the book, which nobody does in Colab.
FOR_THE_BOOK = {
    "jupyter-book",
    "papermill",
    "setuptools",
    "sphinx-book-theme",
    "sphinxcontrib-katex",
}

#: Where a TPU shows itself on the machines of Colab.
TPU_DEVICES = ("/dev/accel0", "/dev/vfio/0")


def backend() -> str:
    """Return the Keras backend for what there is: JAX on a TPU, else TensorFlow."""
    has_tpu = any(Path(device).exists() for device in TPU_DEVICES)
    return "jax" if has_tpu else "tensorflow"


def missing() -> list[str]:
    """Return the package's requirements that are not installed in any version."""
    wanted = []
    for requirement in metadata.requires("r3d-rs") or ():
        specifier, _, marker = requirement.partition(";")
        name = re.match(r"[\w.-]+", specifier)[0].lower()
        if "extra ==" in marker or name in FOR_THE_BOOK:
            continue
        if name == "tensorflow-cpu":  # the same module comes in several packages
            absent = importlib.util.find_spec("tensorflow") is None
        else:
            absent = not _is_installed(name)
        if absent:
            wanted.append(specifier.strip())
    return wanted


def install_missing() -> list[str]:
    """Install what is missing, keeping all that is there in its version.

    Returns:
        What was installed.

    Raises:
        RuntimeError: with pip's own words, when it finds no versions that go with
            those that are there.
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
