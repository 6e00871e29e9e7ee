"""Tables of benchmarks, from rows whose values are known."""

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import harness
import report


def row(side, rates, reference, **changed):
    return {
        "side": side,
        "case": "RS-50",
        "unit": "clips/s",
        **harness.summary(rates, reference),
        "reference": "official",
        "peak_mb": 3000,
        "first_seconds": 15.2,
        "gflops": 60.0,
        "limit_gflops": 120.0,
        "versions": "tensorflow 2.20" if side == "official" else "keras 3, jax 0.10",
        "processor": "a processor",
        "cores": 2,
        "date": "2026-11-25",
        **changed,
    }


def write(folder, name, *rows):
    harness.write(folder, f"{name}.csv", rows)


def test_the_table_has_rates_ratios_shares_and_memory(tmp_path):
    rates = [1.0, 1.1, 1.2]
    write(
        tmp_path,
        "step",
        row("official", rates, rates),
        row("ours, TensorFlow", [2.0, 2.2, 2.4], rates),
    )
    card = row("ours, JAX", [500.0], [250.0], device_peak_mb=20_000, card="a card")
    write(tmp_path, "step-gpu", card)
    table = report.table(tmp_path, "step", "step-gpu")
    official, ours, gpu = table.to_dict("records")
    assert (official["clips/s"], official["quartiles"]) == ("1.1", "1.05 to 1.15")
    assert official["ratio"] == official["95 % interval"] == ""
    assert (ours["ratio"], ours["95 % interval"]) == ("2.00", "2.00 to 2.00")
    assert (ours["of the limit"], ours["memory, MB"]) == ("50%", "3000")
    assert (gpu["clips/s"], gpu["memory, MB"]) == ("500", "20000")
    facts = report.facts(tmp_path, "step")
    assert facts["machine"] == "a processor, 2 cores, 2026-11-25"
    assert facts["versions"] == "tensorflow 2.20, keras 3, jax 0.10"
    assert (facts["repetitions"], facts["ratio"]) == ("3", "2.00")
    assert report.facts(tmp_path, "step-gpu")["machine"].startswith("a card, ")


def test_what_was_not_measured_is_not_run(tmp_path):
    assert report.table(tmp_path, "step").to_numpy().item() == "not run"
    assert set(report.facts(tmp_path, "step").values()) == {"not run"}
    assert set(report.limits(tmp_path).values()) == {"not run"}


@pytest.mark.parametrize("name", ["pipeline", "step", "step-gpu", "evaluation"])
def test_published_ratios_are_to_the_first_side_of_their_case(name):
    rows = pd.read_csv(harness.ROOT / "results" / "benchmarks" / f"{name}.csv")
    assert (rows["low"] <= rows["median"]).all()
    assert (rows["median"] <= rows["high"]).all()
    first = rows.drop_duplicates("case")
    assert (first["side"] == first["reference"]).all()
    assert (first["ratio"] == 1).all()
