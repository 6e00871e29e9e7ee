"""The quoted networks beside other people's implementations, with random weights."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import peers


@pytest.mark.slow
def test_other_implementations_have_the_same_parameters_and_multiply_adds():
    """Needs packages of 3 GB, once."""
    try:
        peers.harness.environment("peers")
    except subprocess.CalledProcessError:
        pytest.skip("the packages of peers-requirements.txt cannot be installed here")
    for row in peers.measure():
        assert row["params_difference"] == 0, row
        assert abs(row["macs_difference_percent"]) < 1, row
