"""Build the paper's networks, count their size and cost, and import their weights.

It may import only backend, which must set up Keras before any layer is created.
"""

# ruff: noqa: E402
from r3d_rs import backend

backend.use()

from r3d_rs.models.complexity import Complexity, complexity
from r3d_rs.models.model_garden import (
    CheckpointMismatch,
    load_model_garden_checkpoint,
)
from r3d_rs.models.resnet3d import NAMES, build

__all__ = [
    "NAMES",
    "CheckpointMismatch",
    "Complexity",
    "build",
    "complexity",
    "load_model_garden_checkpoint",
]
