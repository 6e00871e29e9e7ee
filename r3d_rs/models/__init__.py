"""The paper's networks: building them, counting them, importing their weights."""

from r3d_rs.models.resnet3d import NAMES, build

__all__ = ["NAMES", "build"]
