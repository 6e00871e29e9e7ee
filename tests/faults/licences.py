"""Write the licences of the direct dependencies, as their metadata have them.

python -m tests.faults.licences     # runs/faults/licences.csv: `make licences`
"""

import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pandas as pd
from packaging.requirements import Requirement

from r3d_rs.files import whole_file
from tests.shared import tally

ROOT = Path(__file__).parents[2]
FILE = tally.RESULTS / "faults" / "licences.csv"


def direct() -> dict[str, str]:
    """Return the direct dependencies, by name, and what they are for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"the library": project["dependencies"]}
    groups |= project["optional-dependencies"]
    found = {}
    for group, requirements in groups.items():
        for requirement in map(Requirement, requirements):
            found.setdefault(requirement.name, group)
    return found


def licence(name: str) -> str:
    """Return a package's licence: its expression, its classifiers or its text."""
    about = metadata.metadata(name)
    if expression := about.get("License-Expression"):
        return expression
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    stated = (about.get("License") or "").strip().splitlines()
    return " and ".join(classifiers) or (stated[0] if stated else "unknown")


def table() -> pd.DataFrame:
    """Return name, licence and use of each; "not installed" where it is not."""
    rows = []
    for name, group in sorted(direct().items()):
        try:
            found = licence(name)
        except metadata.PackageNotFoundError:
            found = "not installed"
        rows.append({"package": name, "licence": found, "for": group})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    found = table()
    with whole_file(FILE) as part:
        found.to_csv(part, index=False, lineterminator="\n")
    print(found.to_string(index=False))
    unknown = found[found["licence"] == "unknown"]["package"].tolist()
    sys.exit(f"no licence is stated by {', '.join(unknown)}" if unknown else 0)
