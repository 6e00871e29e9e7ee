"""JSON files with a checksum of themselves: a byte that changes is an error."""

import hashlib
import json
from pathlib import Path

from r3d_rs.whole import whole_file

#: The field that has the checksum of the others.
FIELD = "sha256"


def of(fields: dict) -> str:
    """Return the SHA-256 of all fields but `sha256`, as JSON with sorted keys."""
    others = {name: value for name, value in fields.items() if name != FIELD}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def write(path: Path, fields: dict) -> None:
    """Write fields and their checksum as JSON, in one piece."""
    text = json.dumps({**fields, FIELD: of(fields)}, indent=1) + "\n"
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def read(path: Path) -> dict:
    """Read what `write` wrote, without the checksum.

    A file that has none is from before there were any, and is taken as it is.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, when it is not what was written.
    """
    fields = parsed(path)
    if fields.get(FIELD) is not None:
        check(path, fields)
    fields.pop(FIELD, None)
    return fields


def check(path: Path, fields: dict) -> None:
    """Compare the checksum of a file's fields with the one among them.

    Raises:
        ValueError: naming the file, when they differ.
    """
    found = of(fields)
    if fields[FIELD] != found:
        raise ValueError(
            f"{path}: damaged: its checksum is {found}, but {FIELD} says"
            f" {fields[FIELD]}"
        )


def parsed(path: Path) -> dict:
    """Parse a file of JSON that has an object.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, when it has something else.
    """
    try:
        fields = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # of JSON, of UTF-8, or too deep
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError(f"{path}: not JSON: no object, but {type(fields).__name__}")
    return fields
