"""Pantomime: a rendered dataset of human actions.

Articulated figures act out classes of actions in front of a random camera. Most
classes come in pairs that are each other's time reversal. Neither a single frame nor a
bag of frames tells such a pair apart. The same seed gives the same frames, byte for
byte, on every machine (see `exact`).

It may import files, cores and progress.
"""

from r3d_rs.pantomime.actions import CLASSES_20, CLASSES_30, FLIP_CHANGES
from r3d_rs.pantomime.make import make, video_id
from r3d_rs.pantomime.sets import SETS
from r3d_rs.pantomime.video import video

__all__ = [
    "CLASSES_20",
    "CLASSES_30",
    "FLIP_CHANGES",
    "SETS",
    "make",
    "video",
    "video_id",
]
