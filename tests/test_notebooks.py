"""The notebooks: their form, and what papermill does with wrong parameters."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    return notebook


def tagged_cell(notebook):
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    [index] = [index for index, tag in enumerate(tags) if "parameters" in tag]
    return index


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_and_with_short_cells(path):
    notebook = read(path)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None
            assert 1 <= len(cell.source.splitlines()) <= 15


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_tagged_parameters_are_literals(path):
    notebook = read(path)
    statements = ast.parse(notebook.cells[tagged_cell(notebook)].source).body
    assert statements
    for statement in statements:
        assert isinstance(statement, ast.Assign)
        ast.literal_eval(statement.value)


@pytest.fixture
def first_cells(tmp_path):
    """A function that cuts a notebook off below the cell that checks parameters."""

    def cut(name, more=0):
        notebook = read(ROOT / "notebooks" / f"{name}.ipynb")
        last = tagged_cell(notebook) + 1
        source = notebook.cells[last].source
        assert "parameters.received" in source or "reject_unknown" in source
        notebook.cells = notebook.cells[: last + 1 + more]
        path = tmp_path / "first-cells.ipynb"
        nbformat.write(notebook, path)
        return path

    return cut


def papermill(notebook, *options):
    command = [
        sys.executable,
        "-m",
        "papermill",
        notebook,
        notebook.with_name("out.ipynb"),
    ]
    return subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def test_the_scaling_notebook_accepts_its_own_parameters(first_cells):
    scaling = first_cells("scaling")
    done = papermill(scaling, "-p", "point", "RS-101", "-p", "seed", "3")
    assert done.returncode == 0, done.stderr


@pytest.mark.one_backend  # the backend does not matter
@pytest.mark.parametrize(
    ("notebook", "name", "value", "received", "allowed"),
    [
        ("scaling", "point", "RS-999", "RS-999", ["RS-50", "RS-300"]),
        ("scaling", "dataset", "ucf-101", "ucf-101", ["pantomime-20", "kinetics-400"]),
        ("scaling", "seed", "-1", "-1", ["0 or more"]),
        ("scaling", "seed", "abc", "'abc' (str)", ["expected an int"]),
        ("scaling", "epochs", "2.5", "2.5 (float)", ["expected an int"]),
        ("scaling", "epcohs", "3", "epcohs = 3", ["epochs", "threads", "data_dir"]),
        ("pretraining", "stage", "tune", "'tune'", ["pre-train", "fine-tune"]),
        ("contrastive", "point", "RS-300", "'RS-300'", ["R3D-50", "RS-270"]),
        ("data", "dataset", "ucf-101", "ucf-101", ["pantomime-20", "kinetics-400"]),
        ("data", "split", "val", "'val'", ["train", "validation", "test"]),
        ("data", "seed", "-1", "-1", ["0 or more"]),
        ("data", "splt", "test", "splt = 'test'", ["dataset", "split", "seed"]),
    ],
)
def test_a_wrong_parameter_ends_the_notebook(
    first_cells, notebook, name, value, received, allowed
):
    done = papermill(first_cells(notebook), "-p", name, value)
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ValueError")
    assert all(text in message for text in [name, received, *allowed]), message


@pytest.mark.one_backend  # the backend does not matter
def test_a_dataset_that_is_not_prepared_ends_the_notebook(first_cells, tmp_path):
    notebook = first_cells("data", more=2)
    done = papermill(
        notebook, "-p", "dataset", "kinetics-400", "-p", "data_dir", str(tmp_path)
    )
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("FileNotFoundError: dataset kinetics-400 is not prepared")
    assert "python -m r3d_rs data prepare kinetics-400" in message
