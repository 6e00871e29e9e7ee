"""Executed notebooks of runs, kept beside the records."""

import json
import logging
import os
from pathlib import Path

from r3d_rs import files
from r3d_rs.files import whole_file

#: Key in a kept notebook's metadata that holds its checksum.
SEAL = "r3d_rs"


def quiet() -> None:
    """Silence TensorFlow's log in notebooks, and show long table cells in full."""
    import pandas as pd  # late: `r3d-rs list` does not need it

    pd.set_option("display.max_colwidth", None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)


def keep(executed: Path, kept: Path) -> Path:
    """Copy a notebook that papermill has run, with its outputs trimmed.

    Output on stderr is dropped: it has progress bars, and log messages with paths of
    one machine. Consecutive outputs on stdout are joined, and pictures get 256 colors.
    The paths of the notebook itself are dropped too. A checksum is added to the
    metadata.

    Args:
        executed: the notebook that papermill wrote.
        kept: file to write.

    Returns:
        The file that was written.

    Raises:
        ValueError: naming the notebook and the error, if its run failed.
    """
    import nbformat

    notebook = nbformat.read(executed, as_version=4)
    if notebook.metadata.get("papermill", {}).get("exception"):
        raise ValueError(f"the run of {executed} failed: {error(executed)}")
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = _trimmed(cell.outputs)
    for name in ("input_path", "output_path"):
        notebook.metadata.get("papermill", {}).pop(name, None)
    write(json.loads(nbformat.writes(notebook)), kept)
    return kept


def error(executed: Path) -> str:
    """Return the errors of a notebook's cells; "" if none can be read."""
    try:
        cells = json.loads(Path(executed).read_text(encoding="utf-8"))["cells"]
        return "; ".join(
            f"{output['ename']}: {output['evalue']}"
            for cell in cells
            for output in cell.get("outputs", ())
            if output["output_type"] == "error"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def write(notebook: dict, path: Path) -> None:
    """Write a notebook, given as JSON values, with its checksum."""
    notebook["metadata"].pop(SEAL, None)
    notebook["metadata"][SEAL] = {"sha256": files.checksum_of(notebook)}
    with whole_file(path) as part:
        text = json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True)
        part.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> dict:
    """Read a kept notebook as JSON values.

    A notebook without a checksum predates checksums and is accepted.

    Raises:
        ValueError: naming the notebook, if it is damaged.
    """
    notebook = files.parse_json(path)
    if not isinstance(notebook.get("metadata"), dict):
        raise ValueError(f"{path}: damaged: a notebook without metadata")
    said = notebook["metadata"].pop(SEAL, None)
    if said is not None and said != {"sha256": files.checksum_of(notebook)}:
        raise ValueError(f"{path}: damaged: its checksum does not fit")
    return notebook


def is_finished(executed: Path) -> bool:
    """Return whether papermill has run a notebook to its end without an error."""
    try:
        notebook = json.loads(Path(executed).read_text(encoding="utf-8"))
        papermill = notebook["metadata"]["papermill"]
        return papermill["exception"] is None and all(
            cell["metadata"]["papermill"]["status"] == "completed"
            for cell in notebook["cells"]
            if cell["cell_type"] == "code"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _trimmed(outputs: list) -> list:
    trimmed = []
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = _with_palette(data["image/png"])
        if output.get("name") == "stderr":
            continue
        before = trimmed[-1].get("name") if trimmed else None
        if output.get("name") == before == "stdout":
            trimmed[-1]["text"] += output["text"]
        else:
            trimmed.append(output)
    return trimmed


def _with_palette(text: str) -> str:
    """Return a picture in 256 colors, a third of the size, or as it was if smaller."""
    import base64
    import io

    from PIL import Image

    before, after = base64.b64decode(text), io.BytesIO()
    with Image.open(io.BytesIO(before)) as picture:
        picture.convert("RGB").quantize(256).save(after, "PNG", optimize=True)
    smaller = min(before, after.getvalue(), key=len)
    return base64.b64encode(smaller).decode()


def picture(kept: Path, cell: str):
    """Return the picture that a cell of a kept notebook has drawn.

    Args:
        kept: file of the notebook.
        cell: id of the cell.

    Raises:
        ValueError: naming the notebook, if it is damaged or the cell has no picture.
    """
    import base64

    from IPython.display import Image

    for found in read(kept)["cells"]:
        for output in found.get("outputs", []) if found.get("id") == cell else ():
            if "image/png" in output.get("data", {}):
                return Image(base64.b64decode("".join(output["data"]["image/png"])))
    raise ValueError(f"{kept}: cell {cell!r} has no picture")
