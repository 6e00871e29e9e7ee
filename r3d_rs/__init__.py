"""A reproducibility study of 3D ResNet-RS (arXiv 2109.01696).

Importing the package loads neither TensorFlow nor JAX. Each part is imported on its
first use.
"""

import importlib
import importlib.util
import os

# By default TensorFlow uses oneDNN only on processors with AVX-512 VNNI. Without it, a
# training step takes several times as long on others (see the chapter Speed).
# TensorFlow reads this variable on import.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# The core installs only JAX, but Keras' default backend is TensorFlow.
if importlib.util.find_spec("tensorflow") is None:
    os.environ.setdefault("KERAS_BACKEND", "jax")

#: Version of the study. `make release` compares CITATION.cff and CHANGELOG.md with it.
__version__ = "0.5.0"

#: Public address of the study. A test compares it with the files that repeat it.
REPOSITORY = "https://github.com/r3d-rs/r3d-rs"

_PARTS = (
    *("contrastive", "data", "evaluation", "experiments", "files", "models"),
    *("operations", "pantomime", "paper", "recipes", "report", "tpu", "training"),
)

#: Functions offered by the package itself, and the modules that define them.
_FUNCTIONS = {
    "load": "r3d_rs.evaluation.trained",
    "predict": "r3d_rs.evaluation.trained",
    "list_networks": "r3d_rs.evaluation.networks",
}


def __getattr__(name: str):
    """Import a part of the package on its first use."""
    if name in _PARTS:
        return importlib.import_module(f"r3d_rs.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module 'r3d_rs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PARTS, *_FUNCTIONS])
