"""Where the datasets lie."""

import os
from pathlib import Path

#: The environment variable that names the data directory.
VARIABLE = "R3D_RS_DATA"


def data_directory(path: str | os.PathLike | None = None) -> Path:
    """Return the data directory, which need not exist yet.

    It is `path`, else what the environment variable `R3D_RS_DATA` says, else
    `~/.cache/r3d_rs`.
    """
    if path is None or str(path) == "":
        path = os.environ.get(VARIABLE) or Path("~", ".cache", "r3d_rs")
    return Path(path).expanduser().absolute()
