"""The notebook kept beside a record has no error stream, and is of a run that ended."""

import base64
import io

import nbformat
import numpy as np
import pytest
from PIL import Image

from r3d_rs.experiments import executed


def notebook(path, **metadata):
    cell = nbformat.v4.new_code_cell(
        "train()",
        outputs=[
            nbformat.v4.new_output("stream", name="stderr", text="/some/machine"),
            nbformat.v4.new_output("stream", name="stdout", text="Epoch 1/2\n"),
            nbformat.v4.new_output("stream", name="stderr", text="a bar"),
            nbformat.v4.new_output("stream", name="stdout", text="Epoch 2/2\n"),
            nbformat.v4.new_output("error", ename="ValueError", evalue="no such point"),
        ],
    )
    if not metadata:
        cell.outputs.pop()
    book = nbformat.v4.new_notebook(cells=[cell], metadata={"papermill": metadata})
    nbformat.write(book, path)
    return path


def test_the_error_stream_is_left_out(tmp_path):
    kept = executed.keep(notebook(tmp_path / "a.ipynb"), tmp_path / "new" / "b.ipynb")
    outputs = nbformat.read(kept, as_version=4).cells[0].outputs
    assert [output.text for output in outputs] == ["Epoch 1/2\nEpoch 2/2\n"]
    assert [path.name for path in kept.parent.iterdir()] == ["b.ipynb"]


def test_a_kept_notebook_has_no_paths_of_the_machine_that_ran_it(tmp_path):
    paths = {"input_path": "/a/b.ipynb", "output_path": "/a/c.ipynb", "duration": 1.5}
    path = notebook(tmp_path / "a.ipynb", exception=None, **paths)
    book = nbformat.read(path, as_version=4)
    book.cells[0].outputs.pop()
    nbformat.write(book, path)
    kept = executed.keep(path, tmp_path / "b.ipynb")
    metadata = nbformat.read(kept, as_version=4).metadata["papermill"]
    assert metadata == {"exception": None, "duration": 1.5}


def test_a_picture_keeps_its_size_and_nearly_its_colors(tmp_path):
    noise = np.random.default_rng(0).integers(100, 156, (60, 60, 3))
    before = noise.astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(before).save(written, "PNG")
    path = notebook(tmp_path / "a.ipynb")
    book = nbformat.read(path, as_version=4)
    png = {"image/png": base64.b64encode(written.getvalue()).decode()}
    book.cells[0].outputs = [nbformat.v4.new_output("display_data", png)]
    nbformat.write(book, path)
    kept = executed.keep(path, tmp_path / "b.ipynb")
    shown = Image.open(io.BytesIO(executed.picture(kept, book.cells[0].id).data))
    assert shown.mode == "P"
    after = np.asarray(shown.convert("RGB"), int)
    assert after.shape == before.shape
    assert np.abs(after - before).mean() < 8


def test_a_failed_run_is_refused_with_its_error(tmp_path):
    failed = notebook(tmp_path / "a.ipynb", exception=True)
    with pytest.raises(ValueError, match=r"a\.ipynb failed: ValueError: no such point"):
        executed.keep(failed, tmp_path / "b.ipynb")
    assert not (tmp_path / "b.ipynb").exists()


def test_a_cells_picture_is_found(tmp_path):
    path = notebook(tmp_path / "a.ipynb")
    book = nbformat.read(path, as_version=4)
    [cell] = book.cells
    with pytest.raises(ValueError, match=rf"a\.ipynb: cell '{cell.id}' has no picture"):
        executed.picture(path, cell.id)
    png = {"image/png": "iVBORw0KGgo="}
    cell.outputs.append(nbformat.v4.new_output("display_data", png))
    nbformat.write(book, path)
    assert executed.picture(path, cell.id).data == b"\x89PNG\r\n\x1a\n"
