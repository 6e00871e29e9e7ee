"""The small files of a prepared dataset have checksums.

The records have their own, and so does the index of the frames. The names of the
classes, the numbers of videos and the annotations are in small files that TensorFlow
Datasets writes and reads without any.
"""

import hashlib
from pathlib import Path

from r3d_rs import checksum

#: The file that has the checksums.
FILE = "sealed.json"
#: What has checksums of its own.
OWN = ("*.tfrecord-*", "*.npz", ".*", FILE)


def files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each small file by its path within the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(map(path.match, OWN))
    }


def seal(folder: Path) -> None:
    """Write the checksums, if they have not been."""
    if not (folder / FILE).exists():
        checksum.write(folder / FILE, {"files": files(folder)})


def check(folder: Path) -> None:
    """See that the files are those that were sealed, where they were.

    Raises:
        ValueError: naming a file that has changed or is gone.
    """
    if not (folder / FILE).exists():
        return
    found = files(folder)
    for name, sha256 in checksum.read(folder / FILE)["files"].items():
        if found.get(name) != sha256:
            raise ValueError(
                f"{folder / name}: damaged, or changed since the dataset was prepared:"
                " prepare it again"
            )
