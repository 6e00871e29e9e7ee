"""Run the quick tests with the versions of an environment, and write what came of it.

    build/oldest/bin/python -m tests.faults.versions oldest    # make test-oldest
    build/newest/bin/python -m tests.faults.versions newest    # make test-newest

The environments have the oldest and the newest versions that pyproject.toml allows of
every direct dependency. A warning, of a name that has become old, is no failure here.
Writes `runs/faults/versions.csv`.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from tests.shared import tally

ROOT = Path(__file__).parents[2]
FILE = tally.RESULTS / "faults" / "versions.csv"

#: The tests of each backend, as in `make test`.
MARKED = {"tensorflow": "not slow", "jax": "both_backends and not slow"}

#: What the table names the versions of.
NAMED = (
    *("tensorflow-cpu", "jax", "keras", "numpy", "pandas", "scipy", "matplotlib"),
    *("pillow", "av", "papermill", "jupyter-book"),
)


def counts(report: Path) -> dict[str, int]:
    """Return how many tests a JUnit report says have passed, failed or been skipped."""
    suite = ElementTree.parse(report).getroot().find("testsuite")
    told = {name: int(suite.get(name)) for name in ("tests", "failures", "errors")}
    skipped = int(suite.get("skipped"))
    failed = told["failures"] + told["errors"]
    passed = told["tests"] - failed - skipped
    return {"passed": passed, "failed": failed, "skipped": skipped}


def run(backend: str) -> dict[str, int]:
    """Run the quick tests on a backend and return their counts.

    Raises:
        RuntimeError: where pytest has not run them.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-n", "2", "-m", MARKED[backend], "-o", "filterwarnings=default"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"--junitxml={report}"],
            cwd=ROOT,
            env=os.environ | {"KERAS_BACKEND": backend},
        )
        if done.returncode not in (0, 1) or not report.exists():
            raise RuntimeError(f"pytest ended with exit code {done.returncode}")
        return counts(report)


def main() -> int:
    """Run the tests on both backends."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("versions", choices=("oldest", "newest"))
    parser.add_argument("backends", nargs="*", choices=MARKED)
    arguments, rows = parser.parse_args(), []
    own = ", ".join(f"{package} {metadata.version(package)}" for package in NAMED)
    for backend in arguments.backends or MARKED:
        found = run(backend)
        rows.append(
            {
                "versions": arguments.versions,
                "python": platform.python_version(),
                "backend": backend,
            }
            | found
            | {"of": own, "commit": tally.commit()}
        )
    tally.replace(FILE, pd.DataFrame(rows), "versions", "backend")
    return int(any(row["failed"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
