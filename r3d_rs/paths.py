"""Paths given by the user: local files and folders."""

import os
import re
from pathlib import Path

#: Start of an address that is not a path. pathlib reduces two slashes to one.
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def local_path(name: str, path: str | os.PathLike) -> Path:
    """Return a local path, with `~` expanded.

    Args:
        name: name of the parameter, for the message.
        path: absolute, relative to the current folder, or below `~`.

    Raises:
        ValueError: naming the parameter, if the path is an address such as
            `gs://bucket` (it would become a folder of that name), or if it needs a home
            folder and there is none.
    """
    if scheme := ADDRESS.match(os.fspath(path)):
        raise ValueError(
            f"parameter {name}: received {os.fspath(path)!r}, an address of"
            f" {scheme[1]!r}; allowed is a folder of this machine: mount the bucket, by"
            " gcsfuse or s3fs for example, and name the folder that it is mounted on"
        )
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # e.g. in a container, for a user without a name
        raise ValueError(
            f"parameter {name}: received {os.fspath(path)!r}, but there is no home"
            " folder: set the environment variable HOME, or name another folder (for"
            " the datasets, by --data-dir or R3D_RS_DATA)"
        ) from error


def checkout() -> Path:
    """Return the study's checkout around the current folder, or else that folder.

    In Jupyter, the current folder is the notebook's folder.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "r3d_rs" / Path(__file__).name).is_file():
            return folder
    return here


def study_path(name: str, path: str | os.PathLike) -> Path:
    """Return a folder of records, checkpoints or datasets; one rule for all of them.

    A relative path is resolved from the root of the checkout, wherever in it the
    current folder is. Notebooks and commands therefore agree. Outside a checkout, or if
    the path begins with `./` or `../`, it is resolved from the current folder.

    Args:
        name: name of the parameter, for the message.
        path: the path as the user gave it.

    Raises:
        ValueError: as in `local_path`.
    """
    found = local_path(name, path)
    as_in_a_shell = os.fspath(path).split(os.sep)[0] in (os.curdir, os.pardir)
    if as_in_a_shell:  # absolute, so that applying the rule again changes nothing
        return Path.cwd() / found
    if found.is_absolute() or checkout() == Path.cwd():
        return found
    return checkout() / found
