"""A reproducibility study of 3D ResNet-RS (arXiv 2109.01696).

Importing the package loads neither TensorFlow nor JAX: its parts are imported when
they are first named.
"""

import importlib
import importlib.util
import os

# By itself TensorFlow uses oneDNN only on processors that have AVX-512 VNNI; others
# take several times as long for a training step without it (the chapter Speed). It is
# read when TensorFlow is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# The core installs JAX alone, and Keras looks for TensorFlow unless it is told.
if importlib.util.find_spec("tensorflow") is None:
    os.environ.setdefault("KERAS_BACKEND", "jax")

#: Of the study; CITATION.cff and CHANGELOG.md follow it (`make release` compares them).
__version__ = "0.5.0"

#: The public address of the study. Where a file has to repeat it, a test compares them.
REPOSITORY = "https://github.com/r3d-rs/r3d-rs"

_PARTS = (
    *("contrastive", "data", "evaluation", "experiments", "files", "models"),
    *("operations", "pantomime", "paper", "recipes", "report", "tpu", "training"),
)

#: Functions that are the package's own, and where they are.
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
