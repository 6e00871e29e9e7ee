"""Tables and figures that are not what the records give are found."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from r3d_rs.cli import main
from r3d_rs.recipes.recipe import Recipe, from_dict, recipe_hash
from r3d_rs.report import stale

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture
def results(tmp_path):
    """Return a folder with the study's records and a copy of what is made of them."""
    for path in RESULTS.iterdir():
        if path.name in stale.MADE:
            shutil.copytree(path, tmp_path / path.name)
        else:
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def test_the_committed_tables_and_figures_are_what_the_records_give():
    assert stale.files(RESULTS) == []


def test_the_command_names_a_wrong_number_and_a_missing_table(results):
    table = results / "tables" / "table3.csv"
    table.write_text(table.read_text().replace("78.2", "78.3", 1))
    (results / "tables" / "table2.csv").write_text("row\n")
    (results / "tables" / "table6.csv").unlink()
    options = ["tables", "--check", "--results", str(results)]
    done = CliRunner().invoke(main, ["report", *options])
    assert done.exit_code == 1
    found = ", ".join(rf"\S*table{number}\.csv" for number in (2, 3, 6))
    assert re.search(f"run `make tables`: {found}$", done.stderr)


def test_hashes_of_all_records_stay():
    """Otherwise the study would have to be run again."""
    paths = sorted(RESULTS.rglob("pantomime-*/*/*/seed-*.json"))
    assert len(paths) > 100  # the first edition's
    for path in paths:
        run = json.loads(path.read_text(encoding="utf-8"))
        assert recipe_hash(from_dict(run["recipe"])) == run["recipe_hash"], path
    assert recipe_hash(Recipe(batch_size=64)) != recipe_hash(Recipe())
