"""The committed counts of parameters and multiply-adds."""

import csv
from pathlib import Path

from r3d_rs.operations import exact
from r3d_rs.recipes import points

COUNTS = Path(__file__).parents[2] / "results" / "exact" / "complexity.csv"


def test_every_point_of_figure_2_is_counted():
    counted = {networks[:3] for networks in exact.networks()}
    for point in points.scaling().values():
        assert (point.model, point.span // 2, point.eval_size) in counted


def test_the_committed_counts_are_those_of_the_networks():
    """One network of the file is counted again."""
    with COUNTS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["name"], int(r["frames"])) for r in rows] == [
        (name, frames) for name, frames, _, _ in exact.networks()
    ]
    counted = exact.count("r3d-50+se", 16, 256, 400)
    [row] = [row for row in rows if row["name"] == "r3d-50+se"]
    assert row == {name: str(value) for name, value in counted.items()}
