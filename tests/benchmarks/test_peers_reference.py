"""The quoted networks beside other people's implementations, with random weights."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import peers


@pytest.mark.slow
def test_other_implementations_have_the_same_parameters_and_multiply_adds():
    """Its packages take 3 GB, which no test installs."""
    if not (peers.harness.ROOT / "build/environments/peers/installed.txt").exists():
        pytest.skip("needs other packages: `python benchmarks/peers.py` installs them")
    for row in peers.measure():
        assert row["params_difference"] == 0, row
        assert abs(row["macs_difference_percent"]) < 1, row
