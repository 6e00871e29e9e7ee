"""The conda environment and pyproject.toml pin the same packages."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.one_backend  # the backend does not matter

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_conda_environment_has_the_pins_of_pyproject():
    [pip] = [item["pip"] for item in CONDA["dependencies"] if isinstance(item, dict)]
    expected = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    assert sorted(pip) == sorted(expected)


def test_conda_environment_has_the_python_versions_of_pyproject():
    assert f"python{PROJECT['requires-python']}" in CONDA["dependencies"]


def test_the_lock_has_every_pinned_package_with_hashes():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE))
    asked = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    assert {re.split(r"[=<>!~\[]", name)[0] for name in asked} <= locked
    assert lock.count("--hash=sha256:") >= len(locked)


def test_the_lock_names_no_package_index():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index-url|--find-links", lock)
