"""A decoder that fails: it is called in other processes, and imports what they need."""

import os
import time

from r3d_rs.videos import clip


def crash_or_hang(path, short_side):
    """Do to some videos what a decoder may do to its process."""
    if "train-1_" in path.name:
        os.abort()
    if "train-2_" in path.name:
        time.sleep(600)
    return clip.encoded(path, short_side)
