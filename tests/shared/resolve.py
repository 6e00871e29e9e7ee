"""Versions that uv resolves for a platform, from the network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def compiled(*arguments: str) -> list[str]:
    """Return the names of the packages that uv chooses."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header"]
    done = subprocess.run(
        [*command, "--no-annotate", "--color=never", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"},
    )
    if re.search("error sending request|dns error|Failed to fetch", done.stderr):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return re.findall(r"^([a-z0-9-]+)==", done.stdout, flags=re.MULTILINE)
