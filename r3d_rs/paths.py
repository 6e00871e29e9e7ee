"""Paths that a person names: folders and files of this machine."""

import os
import re
from pathlib import Path

#: How an address begins that is no path. Of two slashes pathlib leaves one.
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def local_path(name: str, path: str | os.PathLike) -> Path:
    """Return a path of this machine; every folder that a person names is one.

    Args:
        name: of the parameter, for the message.
        path: absolute, relative to the current folder, or below `~`.

    Raises:
        ValueError: naming the parameter, when it is an address such as `gs://bucket`,
            which would become a folder of that name, or when there is no home folder.
    """
    if scheme := ADDRESS.match(os.fspath(path)):
        raise ValueError(
            f"parameter {name}: received {os.fspath(path)!r}, an address of"
            f" {scheme[1]!r}; allowed is a folder of this machine: mount the bucket, by"
            " gcsfuse or s3fs say, and name the folder that it is mounted on"
        )
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # in a container, of a user without a name
        raise ValueError(
            f"parameter {name}: received {os.fspath(path)!r}, but there is no home"
            " folder: set the environment variable HOME, or name another folder (that"
            " of the datasets by --data-dir or R3D_RS_DATA)"
        ) from error


def checkout() -> Path:
    """Return the study's checkout that the current folder is in, or else that folder.

    Jupyter's current folder is that of the notebook.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "r3d_rs" / Path(__file__).name).is_file():
            return folder
    return here


def study_path(name: str, path: str | os.PathLike) -> Path:
    """Return a folder of records, checkpoints or datasets: one rule for all of them.

    A relative one is below the checkout, wherever in it the current folder is, so that
    notebooks and commands mean the same. Outside of a checkout, or where it begins with
    `./` or `../`, it is below the current folder.

    Args:
        name: of the parameter, for the message.
        path: that was named.

    Raises:
        ValueError: as `local_path` does.
    """
    found = local_path(name, path)
    as_in_a_shell = os.fspath(path).split(os.sep)[0] in (os.curdir, os.pardir)
    if as_in_a_shell:  # stays so when the rule is applied again
        return Path.cwd() / found
    if found.is_absolute() or checkout() == Path.cwd():
        return found
    return checkout() / found
