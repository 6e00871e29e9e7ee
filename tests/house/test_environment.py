"""What pyproject.toml asks for: conda's environment, the lock, and what resolves."""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import r3d_rs
from tests.shared.resolve import compiled

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
EXTRAS = PROJECT["optional-dependencies"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))

#: What the study needs, from the data to the book and its tests.
ASKED = PROJECT["dependencies"] + [
    name for extra in ("data", "study", "book", "test") for name in EXTRAS[extra]
]

#: uv's names of platforms, and their TensorFlow. JAX for TPUs needs glibc 2.31.
PLATFORMS = {
    "x86_64-manylinux_2_31": "tensorflow-cpu",
    "aarch64-unknown-linux-gnu": "tensorflow",
    "aarch64-apple-darwin": "tensorflow",
}


def test_the_conda_environment_is_that_of_pyproject():
    [pip] = [item["pip"] for item in CONDA["dependencies"] if isinstance(item, dict)]
    assert sorted(pip) == sorted(ASKED)
    assert f"python{PROJECT['requires-python']}" in CONDA["dependencies"]


def test_the_lock_has_every_package_with_hashes_and_names_no_index():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE))
    assert {Requirement(name).name for name in ASKED} <= locked
    assert lock.count("--hash=sha256:") >= len(locked)
    assert not re.search(r"https?://|--index-url|--find-links", lock)


@pytest.mark.parametrize(
    ("system", "machine", "name"),
    [
        ("linux", "x86_64", "tensorflow-cpu"),
        ("linux", "aarch64", "tensorflow"),
        ("darwin", "arm64", "tensorflow"),
        ("darwin", "x86_64", "tensorflow"),
        ("win32", "AMD64", "tensorflow-cpu"),
    ],
)
def test_all_extras_together_have_one_tensorflow(system, machine, name):
    """The packages share a folder, where the second one damages the first."""
    asked = PROJECT["dependencies"] + list(itertools.chain(*EXTRAS.values()))
    place = {"sys_platform": system, "platform_machine": machine}
    found = {
        wanted.name
        for wanted in map(Requirement, asked)
        if wanted.name in ("tensorflow", "tensorflow-cpu")
        and (wanted.marker is None or wanted.marker.evaluate(place))
    }
    assert found == {name}


def test_the_study_has_one_address():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["url"] == cited["repository-code"] == r3d_rs.REPOSITORY
    urls = PROJECT["urls"]
    assert urls["Repository"] == r3d_rs.REPOSITORY
    assert all(
        url.startswith(f"{r3d_rs.REPOSITORY}/")
        for name, url in urls.items()
        if name not in ("Repository", "Paper")
    )


def test_the_package_has_a_console_script_and_its_hints():
    [script] = metadata.distribution("r3d-rs").entry_points.select(name="r3d-rs")
    assert script.value == "r3d_rs.__main__:main"
    assert (ROOT / "r3d_rs" / "py.typed").exists()


@pytest.mark.slow
def test_a_wheel_carries_the_published_networks(tmp_path):
    """So that Colab, which installs one, has them without a checkout."""
    source, site = tmp_path / "source", tmp_path / "site"
    networks = sorted(
        path.relative_to(ROOT) for path in ROOT.glob("results/*/*/*/*.network.npz")
    )
    shutil.copytree(
        ROOT / "r3d_rs", source / "r3d_rs", ignore=lambda *_: {"__pycache__"}
    )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for place in {path.parent for path in networks}:
        shutil.copytree(ROOT / place, source / place)
    build = "from setuptools import build_meta; build_meta.build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True)
    with zipfile.ZipFile(next(source.glob("*.whl"))) as wheel:
        found = {name for name in wheel.namelist() if "/results/" in name}
        wheel.extractall(site)
    assert networks and found == {
        f"r3d_rs/{path.with_name(path.name.replace('.network.npz', ending))}"
        for path in networks
        for ending in (".network.npz", ".network.md", ".json")
    }
    listed = "import r3d_rs; print(*r3d_rs.list_networks().index, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", listed],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"pantomime-20/RS-50", "pantomime-web/RS-50"} <= set(done.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("python", ["3.11", "3.13"])
@pytest.mark.parametrize(("platform", "name"), PLATFORMS.items())
def test_all_extras_resolve_together(platform, name, python):
    """So that each of them does, and any combination."""
    where = ["--python-platform", platform, "--python-version", python]
    found = compiled("pyproject.toml", "--all-extras", *where)
    assert set(found) & {"tensorflow", "tensorflow-cpu"} == {name}
    assert ("jax-cuda13-plugin" in found) == ("darwin" not in platform)
    assert ("libtpu" in found) == platform.startswith("x86_64")
