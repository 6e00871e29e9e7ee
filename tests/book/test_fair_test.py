"""The criteria of a fair test, from runs whose numbers are known."""

from pathlib import Path

import fair_test
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


def write(folder, accuracies, ridge=30.0, **changed):
    """Write `runs.csv`: unseen accuracies of each experiment, one a seed."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {
        "train": 98.0,
        "reversed": 24.0,
        "single_frames": 8.0,
        "hardest_pair": "bow / sit down",
        "pair": 85.0,
        "minutes": 5.5,
    } | changed
    rows = [
        {"experiment": name, "seed": seed, "unseen": top1} | own
        for name, group in accuracies.items()
        for seed, top1 in enumerate(group)
    ]
    rows.append({"experiment": "ridge regression", "seed": 0, "unseen": ridge})
    pd.DataFrame(rows).to_csv(folder / "runs.csv", index=False)
    growth = {"model": ["RS-50", "RS-101"], "off, %": [-34.0, -8.0]}
    pd.DataFrame(growth).to_csv(folder / "geometry.csv", index=False)


BASELINE = {"scaling/R3D-50": [72.0, 74.0, 73.0]}
FULL = {"scaling/RS-50": [80.0, 82.0, 83.0]}


def met(folder):
    table = fair_test.criteria(folder).reset_index()
    return dict(zip(table["criterion"], table["met"], strict=True))


def test_a_fair_test_meets_every_criterion(tmp_path):
    write(tmp_path, BASELINE | FULL)
    write(
        tmp_path / "longer",
        {name: group[:1] for name, group in (BASELINE | FULL).items()},
    )
    assert {name for name, value in met(tmp_path).items() if value == "no"} == {
        "Seeds of R3D-RS-50 agree"  # a standard deviation of 1.53
    }


def test_each_criterion_can_fail(tmp_path):
    write(
        tmp_path,
        {"scaling/R3D-50": [76.0, 80.0], "scaling/RS-50": [93.0, 93.0]},
        train=90.0,
        pair=70.0,
        reversed=41.0,
        single_frames=41.0,
        minutes=7.0,
        ridge=41.0,
    )
    write(tmp_path / "longer", {"scaling/R3D-50": [80.0], "scaling/RS-50": [90.0]})
    growth = {"model": ["RS-50", "RS-101"], "off, %": [0.0, -18.0]}
    pd.DataFrame(growth).to_csv(tmp_path / "geometry.csv", index=False)
    assert [name for name, value in met(tmp_path).items() if value == "yes"] == [
        "Seeds of R3D-RS-50 agree",
    ]


def test_seeds_that_shift_all_networks_are_blocks(tmp_path):
    shift = [0.0, 3.0, -2.0]
    rest = ([0.1, -0.2, 0.0], [-0.1, 0.1, 0.1], [0.2, 0.0, -0.1])
    write(
        tmp_path,
        {
            f"ablation/{i}": [70 + i + s + r for s, r in zip(shift, own, strict=True)]
            for i, own in enumerate(rest)
        },
    )
    found = fair_test.blocks(tmp_path)
    assert found["networks"] == "3" and found["f_p"] == "0.00"
    assert float(found["f"]) > 100
    assert float(found["with_blocks"]) < 0.3 < 2 < float(found["without_blocks"])


def test_half_of_an_interval_is_students(tmp_path):
    write(tmp_path, BASELINE | FULL)
    # variances 1.0 and 2.33, pooled 1.67; t of 14 degrees of freedom is 2.145
    assert fair_test.half(tmp_path, seeds=8) == pytest.approx(1.385, abs=0.002)


def test_the_page_says_of_each_criterion_that_is_not_met_what_follows():
    text = (ROOT / "book" / "fair-test.md").read_text(encoding="utf-8")
    bullets = {part[0]: part for part in text.split("\n- **")[1:] if part[1:3] == ". "}
    table = fair_test.criteria(ROOT / "results" / "calibration")
    letters = set(table.index[table["met"] == "no"])
    assert letters <= {letter for letter, own in bullets.items() if "Not met" in own}


def test_criteria_that_are_not_met_are_listed(tmp_path):
    write(tmp_path, BASELINE | FULL)
    assert fair_test.unmet(tmp_path) == "d"
    write(tmp_path, BASELINE | FULL, pair=70.0, minutes=7.0)
    assert fair_test.unmet(tmp_path) == "b, d and f"
