"""The trials of the rates of training without labels."""

import sys
from pathlib import Path

import pandas as pd

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import rates


def test_only_trials_that_are_missing_are_made(tmp_path, monkeypatch):
    made = []

    def trials(point, rate, linear_rates):
        for linear in linear_rates:
            made.append((point, rate, linear))
            yield {"network": point, "learning_rate": rate, "linear_rate": linear}

    monkeypatch.setattr(rates, "trials", trials)
    path = tmp_path / "contrastive.csv"
    for linear in (["8"], ["8", "32"]):
        options = ["--rates", "0.01", "--linear-rates", *linear, "--output", str(path)]
        monkeypatch.setattr(sys, "argv", ["rates.py", "RS-50", *options])
        rates.main()
    assert made == [("RS-50", 0.01, 8.0), ("RS-50", 0.01, 32.0)]
    assert pd.read_csv(path)["linear_rate"].tolist() == [8.0, 32.0]
