"""Differences between points are never printed without their uncertainty."""

import numpy as np
import pytest

from r3d_rs.study import claims, comparison, record, tables
from tests.test_study import made_up


def write(results, point, accuracies, study="scaling", ids=None, first_seed=0):
    """Write records whose first videos are right, and return them."""
    labels = np.arange(40) % 5
    for seed, accuracy in enumerate(accuracies, start=first_seed):
        right = np.arange(40) < round(40 * accuracy)
        found = np.where(right, labels, (labels + 1) % 5)
        run = made_up(point, seed=seed, top1=accuracy)
        run["experiment"]["study"] = study
        scores = {
            "ids": ids or [f"video-{i}" for i in range(40)],
            "labels": labels,
            "probabilities": np.eye(5)[found],
        }
        record.write(run, results, scores)
    return record.find(results, "pantomime-20", study, point)


def test_a_step_with_a_missing_point_is_not_run(tmp_path):
    runs = write(tmp_path, "RS-50", [0.5])
    assert comparison.described(tmp_path, [], runs) == "not run"
    assert comparison.described(tmp_path, runs, []) == "not run"
    other = write(tmp_path, "RS-101", [0.5], first_seed=1)
    assert comparison.described(tmp_path, runs, other) == "no seed in common"


def test_a_difference_is_over_the_seeds_that_both_have(tmp_path):
    before = write(tmp_path, "RS-50", [0.5, 0.55, 0.9])
    after = write(tmp_path, "RS-101", [0.75, 0.7])
    found = comparison.difference(tmp_path, before, after)
    assert (found.seeds, found.videos) == (2, 40)
    assert found.mean == pytest.approx((0.25 + 0.15) / 2)
    text = comparison.described(tmp_path, before, after)
    assert text.startswith("+20.0 (+") and text.endswith(", 2 seeds)")
    steps = claims.scaling_steps(tmp_path)["ours, pantomime-20"]
    assert "not run" in steps["depth, 50 to 200 layers (§4.4)"]


def test_other_videos_are_refused(tmp_path):
    before = write(tmp_path, "RS-50", [0.5])
    after = write(tmp_path, "RS-101", [0.5], ids=[f"clip-{i}" for i in range(40)])
    with pytest.raises(ValueError, match="was evaluated on other videos than"):
        comparison.difference(tmp_path, before, after)


def test_a_row_of_table_2_has_its_step_from_the_row_above(tmp_path, monkeypatch):
    monkeypatch.setattr(
        tables, "_exact", lambda results, networks, spans, **_: {"exact_gmacs": 1.0}
    )
    write(tmp_path, "baseline", [0.5, 0.6], "ablation")
    write(tmp_path, "LS", [0.6, 0.7], "ablation")
    steps = tables.table2(tmp_path).set_index("row")["pantomime_delta"]
    assert steps["baseline"] == ""
    assert steps["LS"].startswith("+10.0 (")
    assert steps["SD"] == steps["RA"] == "not run"
