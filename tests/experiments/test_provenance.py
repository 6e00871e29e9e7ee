"""What a record says of the machine and of the code."""

import subprocess
import sys
from importlib import metadata

import pytest

from r3d_rs.experiments import provenance


@pytest.mark.skipif(sys.platform != "linux", reason="of /proc/cpuinfo")
def test_processors_of_one_name_are_told_apart(monkeypatch):
    for flags, vectors in (
        ("avx avx2", " with AVX2"),
        ("avx2 avx512f", " with AVX-512"),
        ("avx2 avx512f avx512_vnni", " with AVX-512 VNNI"),
        ("avx", ""),
    ):
        text = f"processor\t: 0\nmodel name\t: A Model\nflags\t\t: fpu sse2 {flags}\n"
        monkeypatch.setattr(provenance.Path, "read_text", lambda _, text=text: text)
        assert provenance.processor() == f"A Model{vectors}"


def test_the_commit_is_not_that_of_another_repository_around(tmp_path, monkeypatch):
    """Such as of a project whose .venv the package lies in."""
    module = tmp_path / "env" / "provenance.py"
    module.parent.mkdir()
    module.touch()
    own = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], [*own, "commit", "-qm", "a", "--allow-empty"]):
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
