"""What the notebooks do in Colab, without Colab."""

import ast
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import r3d_rs
from r3d_rs import colab
from r3d_rs.study import provenance

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def cell(name):
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    [found] = [cell for cell in notebook["cells"] if cell["id"] == "colab"]
    return "".join(found["source"])


def test_the_notebooks_install_from_the_studys_address():
    names = [path.stem for path in NOTEBOOKS.glob("*.ipynb")]
    assert len(names) == 6
    assert {cell(name) for name in names} == {cell("ablation")}
    constants = [
        node.value
        for node in ast.walk(ast.parse(cell("ablation")))
        if isinstance(node, ast.Constant) and "://" in str(node.value)
    ]
    assert constants == [r3d_rs.REPOSITORY]


def test_the_cell_does_nothing_elsewhere(monkeypatch):
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it ran"))
    exec(cell("ablation"), {})


def test_nothing_is_missing_where_all_is_installed():
    assert colab.missing() == []
    assert colab.install_missing() == []


def test_what_is_missing_is_named_and_what_is_there_is_kept(monkeypatch):
    version = metadata.version

    def without(name):
        if name in ("av", "pebble", "tensorflow-cpu", "jupyter-book"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without)
    commands = []

    def pip(command, **_):
        constraints = Path(command[command.index("--constraint") + 1]).read_text()
        commands.append((command, constraints))
        return subprocess.CompletedProcess(command, 1, "", "no matching version")

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(RuntimeError, match="beside what is there: no matching version"):
        colab.install_missing()
    [(command, constraints)] = commands
    # TensorFlow is there under another name, and the book is not built in Colab.
    assert [name[:2] for name in command[-2:]] == ["av", "pe"]
    assert f"keras=={version('keras')}\n" in constraints


def test_a_tpu_runs_jax(monkeypatch, tmp_path):
    assert colab.backend() == "tensorflow"
    monkeypatch.setattr(colab, "TPU_DEVICES", (str(tmp_path),))
    assert colab.backend() == "jax"


def test_importing_it_needs_python_alone():
    code = (
        "import sys; before = set(sys.modules); import r3d_rs.colab;"
        "print(*{m.split('.')[0] for m in set(sys.modules) - before})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split()) - {"r3d_rs"}
    assert loaded <= set(sys.stdlib_module_names)


def test_the_commit_is_not_that_of_another_repository_around(tmp_path, monkeypatch):
    """Such as of a project whose .venv the package lies in."""
    module = tmp_path / "env" / "provenance.py"
    module.parent.mkdir()
    module.touch()
    for command in (
        ["init", "-q"],
        [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "-qm",
            "a",
            "--allow-empty",
        ],
    ):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    monkeypatch.setattr(provenance, "__file__", str(module))
    assert provenance.commit() == "unknown"


def test_a_record_names_the_commit_that_pip_installed(monkeypatch):
    def no_git(*_, **__):
        raise FileNotFoundError("git")

    class Installed:
        def read_text(self, name):
            assert name == "direct_url.json"
            return '{"url": "…", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}}'

    monkeypatch.setattr(subprocess, "run", no_git)
    assert provenance.commit() == "unknown"  # an editable install has a folder only
    with monkeypatch.context() as archive:  # unpacked, and never installed
        archive.setattr(sys, "path", [])
        assert provenance.commit() == "unknown"
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed())
    assert provenance.commit() == "0a1b"
