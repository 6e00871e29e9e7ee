"""What the notebooks do in Colab, without Colab."""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from papermill.inspection import inspect_notebook

import r3d_rs
from r3d_rs import colab
from tests.shared.resolve import compiled

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))

#: What Colab's runtimes had installed in August 2026, as `pip freeze` prints it.
LISTS = {
    kind: Path(__file__).parents[1] / "fixtures" / f"colab-{kind}-2026-08.txt"
    for kind in ("cpu", "tpu")
}

#: What the notebooks use of it; the rest of 600 packages is not looked at.
USED = {
    *("pip", "keras", "tensorflow", "jax", "jaxlib", "numpy", "pandas", "matplotlib"),
    *("scipy", "pillow", "h5py", "protobuf", "ipykernel", "jsonschema", "tqdm"),
    *("tensorflow-datasets", "tensorflow-metadata", "nbformat"),
}


def names(kind):
    """Return the names of the packages of a list."""
    return set(re.findall("^([^=\n]+)==", LISTS[kind].read_text().lower(), re.M))


def cell(name, id="colab"):
    notebook = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())
    [found] = [cell for cell in notebook["cells"] if cell["id"] == id]
    return "".join(found["source"])


def test_the_notebooks_install_from_the_studys_address():
    assert len(NAMES) == 7
    assert {cell(name) for name in NAMES} == {cell("ablation")}
    constants = [
        node.value
        for node in ast.walk(ast.parse(cell("ablation")))
        if isinstance(node, ast.Constant) and "://" in str(node.value)
    ]
    assert constants == [f"git+{r3d_rs.REPOSITORY}"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_opens_in_colab_from_its_first_cell(name):
    place = r3d_rs.REPOSITORY.removeprefix("https://github.com/")
    colab_page = f"https://colab.research.google.com/github/{place}/blob/main"
    heading, _, link = cell(name, "title").splitlines()[:3]
    assert heading.startswith("# ")
    assert link == f"**[Open in Colab]({colab_page}/notebooks/{name}.ipynb)**"


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_is_a_field_of_colabs_form_and_papermill_explains_it(name):
    found = inspect_notebook(NOTEBOOKS / f"{name}.ipynb")
    assigned = ast.parse(cell(name, "parameters")).body
    assert list(found) == [node.targets[0].id for node in assigned]
    kinds = {str: "string", int: "integer", bool: "boolean", float: "number"}
    for node, parameter in zip(assigned, found.values(), strict=True):
        field = f'@param {{type:"{kinds[type(ast.literal_eval(node.value))]}"}} # '
        assert parameter["help"].startswith(field)


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
        if name in ("av", "pebble", "tensorflow-cpu", "jupyter-book", "papermill"):
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


@pytest.fixture
def runtime(monkeypatch, request):
    """Only what a list of Colab names is installed."""
    there = names(request.param)
    find_spec = importlib.util.find_spec

    def found(name):
        return find_spec(name) if name in there else None

    monkeypatch.setattr(colab, "_is_installed", there.__contains__)
    monkeypatch.setattr(importlib.util, "find_spec", found)
    return request.param


@pytest.mark.parametrize("runtime", ["cpu", "tpu"], indirect=True)
def test_colab_lacks_what_reads_videos_and_tpus_lack_tensorflow(runtime):
    found = [re.match("[a-z-]+", name)[0] for name in colab.missing()]
    assert found == ["av", "pebble"] + ["tensorflow-cpu"] * (runtime == "tpu")


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["cpu", "tpu"], indirect=True)
def test_what_is_missing_goes_with_what_colab_has(runtime, tmp_path):
    asked = tmp_path / "missing.txt"
    asked.write_text("\n".join(colab.missing()))
    # JAX on a TPU needs this glibc too, and Colab has it.
    where = ["--python-platform=x86_64-manylinux_2_31", "--python-version=3.12"]
    found = compiled(str(asked), *where, "--constraint", str(LISTS[runtime]))
    assert {"av", "pebble"} <= set(found)
    assert ("tensorflow-cpu" in found) == (runtime == "tpu")


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "chosen"), [("cpu", "tensorflow"), ("tpu", "jax")])
def test_a_notebook_runs_with_colabs_versions(tmp_path, kind, chosen):
    """Its first cell, then a run of one epoch. It downloads a gigabyte.

    There is no TPU here: the run's backend on one is told, and computes on the CPU.
    """
    python = shutil.which("python3.12")
    if not python or subprocess.run([python, "-c", ""], capture_output=True).returncode:
        pytest.skip("Colab's Python, 3.12, is not there")
    study = tmp_path / "study"  # the package as it is, without what was built beside it
    for name in ("r3d_rs", "pyproject.toml", "setup.py", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        study.mkdir(exist_ok=True)
        copy(ROOT / name, study / name)
    machine = tmp_path / "machine"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--seed", "-p", python, machine], check=True)
    pip = [*uv, "pip", "install", "-q", "--python", machine, "--compile-bytecode"]
    done = subprocess.run(
        [*pip, "--constraint", LISTS[kind], *(USED & names(kind))],
        capture_output=True,
        text=True,
    )
    if re.search("error sending request|dns error|Failed to fetch", done.stderr):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr

    def installed():
        listed = [*uv, "pip", "freeze", "-q", "--python", machine]
        return set(subprocess.check_output(listed, text=True).splitlines())

    before = installed()
    kernel = tmp_path / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    start = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    about = {"display_name": "Colab", "language": "python"}
    about["argv"] = [str(machine / "bin" / "python"), *start]
    (kernel / "kernel.json").write_text(json.dumps(about))
    notebook = [NOTEBOOKS / "ablation.ipynb", tmp_path / "out.ipynb", "-k", "colab"]
    asked = {"epochs": 1, "results": tmp_path / "runs", "checkpoints": tmp_path / "c"}
    given = [text for name in asked for text in ("-p", name, str(asked[name]))]
    environment = {
        name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"
    }
    environment |= {
        "COLAB_RELEASE_TAG": "release-colab",
        "R3D_RS_SOURCE": str(study),
        "JUPYTER_PATH": str(tmp_path / "jupyter"),
    }
    if kind == "tpu":
        environment["KERAS_BACKEND"] = chosen
    done = subprocess.run(
        [sys.executable, "-m", "papermill", *notebook, *given],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert installed() >= before
    new = {re.split("==| @ ", line)[0] for line in installed() - before}
    assert {"av", "pebble", "r3d-rs"} <= new
    assert ("tensorflow-cpu" in new) == (kind == "tpu")
    [path] = (tmp_path / "runs").rglob("seed-0.json")
    record = json.loads(path.read_text())
    assert record["backend"] == chosen and record["versions"]["keras"] == "3.13.2"


def test_a_tpu_and_a_gpu_run_jax(monkeypatch, tmp_path):
    monkeypatch.setattr(colab, "ACCELERATORS", (str(tmp_path / "none"),))
    assert colab.backend() == "tensorflow"
    monkeypatch.setattr(colab, "ACCELERATORS", (str(tmp_path),))
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
