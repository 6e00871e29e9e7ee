"""The Pythons that the sides run in: this one, and those made for other packages."""

import importlib.util
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent

#: Where environments are made, each once.
FOLDER = HERE.parent / "build" / "environments"

#: This environment's Python, and what our sides need besides: the checkout itself.
OURS = Path(sys.executable)
CHECKOUT = {"PYTHONPATH": str(HERE.parent)}


def official() -> Path:
    """Return the Python of an environment with tf-models-official, made if need be."""
    return _made("official", "--no-deps")  # its own list asks for far more


def torch() -> Path:
    """Return the Python of an environment with PyTorch, made if need be.

    It is this one where PyTorch is installed here.
    """
    return OURS if importlib.util.find_spec("torch") else _made("torch")


def _made(name: str, *options: str) -> Path:
    requirements = HERE / f"{name}-requirements.txt"
    folder = FOLDER / name
    ready, wanted = folder / "installed.txt", requirements.read_text()
    python = folder / "bin" / "python"
    if not ready.exists() or ready.read_text() != wanted:
        print(f"Installing {requirements.name} into {folder}", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", *options, "-r", requirements]
        subprocess.run([python, *install], check=True)
        ready.write_text(wanted)
    return python
