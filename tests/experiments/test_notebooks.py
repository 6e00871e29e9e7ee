"""The notebooks: their form, and what papermill does with wrong parameters."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from r3d_rs.experiments import record

ROOT = Path(__file__).parents[2]
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


def first_cells(name, more=0, **parameters):
    """Return a notebook that papermill has given parameters, as it would execute it.

    It is cut off below the cell that checks them, or as many cells later.
    """
    source = load_notebook_node(str(ROOT / "notebooks" / f"{name}.ipynb"))
    notebook = parameterize_notebook(source, parameters)
    [given] = [
        i
        for i, cell in enumerate(notebook.cells)
        if "injected-parameters" in cell.metadata.get("tags", [])
    ]
    checks = notebook.cells[given + 1].source
    assert "check(" in checks or "reject_unknown" in checks
    notebook.cells = notebook.cells[: given + 2 + more]
    return notebook


def execute(notebook, names=None):
    """Execute a notebook's code in this process; there is no kernel to start."""
    names = {"__name__": "__main__"} if names is None else names
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(cell.source.replace("%matplotlib inline", ""), names)
    return names


@pytest.mark.parametrize("name", ["ablation", "contrastive", "pretraining", "scaling"])
def test_a_notebook_accepts_its_own_parameters(name):
    notebook = first_cells(name, seed=3)
    names = execute(notebook)
    assert names["run"].seed == 3
    notebook.cells = notebook.cells[-1:]
    execute(notebook, names)  # by hand, once more


@pytest.mark.parametrize("name", ["ablation", "contrastive", "pretraining", "scaling"])
def test_a_run_ends_with_its_comparison_and_lands_in_your_folder(name):
    notebook = read(ROOT / "notebooks" / f"{name}.ipynb")
    names = {}
    exec(notebook.cells[tagged_cell(notebook)].source, names)
    assert names["results"] == record.OWN
    assert "write_record" in notebook.cells[-3].source
    assert notebook.cells[-1].source.endswith("published.shown(path)")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_its_parameters_as_they_are(path):
    """So that its first cells may be run again by hand, after all others."""
    notebook = read(path)
    tagged = tagged_cell(notebook)
    names = {}
    exec(notebook.cells[tagged].source, names)
    for cell in notebook.cells[tagged + 1 :]:
        if cell.cell_type == "code":
            tree = ast.parse(cell.source.replace("%matplotlib inline", ""))
            stored = {
                node.id
                for node in ast.walk(tree)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
            assert not stored & set(names), cell.source


WRONG = [
    ("scaling", "point", "RS-999", "RS-999", ["RS-50", "RS-300"]),
    ("scaling", "dataset", "ucf-101", "ucf-101", ["pantomime-20", "kinetics-400"]),
    ("scaling", "seed", -1, "-1", ["0 to 4294967295"]),
    ("scaling", "seed", 2**32, "4294967296", ["0 to 4294967295"]),
    ("scaling", "seed", "abc", "'abc' (str)", ["expected an int"]),
    ("scaling", "epochs", 2.5, "2.5 (float)", ["expected an int"]),
    ("scaling", "epcohs", 3, "epcohs = 3", ["epochs", "threads", "data_dir"]),
    ("pretraining", "stage", "tune", "'tune'", ["pre-train", "fine-tune"]),
    ("contrastive", "point", "RS-300", "'RS-300'", ["R3D-50", "RS-270"]),
    ("data", "dataset", "ucf-101", "ucf-101", ["pantomime-20", "kinetics-400"]),
    ("data", "split", "val", "'val'", ["train", "validation", "test"]),
    ("data", "seed", -1, "-1", ["0 to 4294967295"]),
    ("data", "splt", "test", "splt = 'test'", ["dataset", "split", "seed"]),
]


@pytest.mark.parametrize(("notebook", "name", "value", "received", "allowed"), WRONG)
def test_a_wrong_parameter_ends_the_notebook(notebook, name, value, received, allowed):
    with pytest.raises(ValueError) as error:
        execute(first_cells(notebook, **{name: value}))
    message = str(error.value)
    assert all(text in message for text in [name, received, *allowed]), message


def test_papermill_says_last_what_is_wrong(tmp_path):
    notebook = ROOT / "notebooks" / "scaling.ipynb"
    command = [sys.executable, "-m", "papermill", notebook, tmp_path / "out.ipynb"]
    done = subprocess.run(
        [*command, "-p", "epcohs", "3"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode != 0
    message = done.stderr.strip().splitlines()[-1]
    assert message.startswith("ValueError: ") and "epcohs = 3" in message


def test_a_dataset_that_is_not_prepared_ends_the_notebook(tmp_path):
    notebook = first_cells(
        "data", more=2, dataset="kinetics-400", data_dir=str(tmp_path)
    )
    with pytest.raises(
        FileNotFoundError,
        match=r"^dataset kinetics-400 is not prepared: .*"
        " `r3d-rs data prepare kinetics-400",
    ):
        execute(notebook)
