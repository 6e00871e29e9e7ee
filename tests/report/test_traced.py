"""Every aggregated number is that of its records, by arithmetic of the test's own."""

import csv
import json
import math
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

RESULTS = Path(__file__).parents[2] / "results"

#: Quantiles of Student's t for 95 %, by degrees of freedom (printed tables).
T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571}

#: Rows of Table 2 whose runs are points of Figure 2.
TWINS = {"baseline": "R3D-50", "RS-200@f48": "RS-200@f48"}


@pytest.fixture(scope="module")
def runs():
    """Files of records by dataset, study and point, read as plain JSON."""
    found = defaultdict(dict)
    for file in RESULTS.glob("*/*/*/seed-*.json"):
        run = json.loads(file.read_text(encoding="utf-8"))
        key = tuple(run["experiment"][name] for name in ("dataset", "study", "point"))
        found[key][run["experiment"]["seed"]] = (run, file)
    return found


def rows(name):
    with (RESULTS / "tables" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def right(file):
    with np.load(file.with_suffix(".scores.npz")) as scores:
        order = np.argsort(scores["ids"])
        best = scores["probabilities"].argmax(1)
        return (best == scores["labels"])[order]


def check(row, prefix, own):
    """Compare the cells of a row with the records of its runs."""
    if not own:
        assert row[f"{prefix}_top1"] == "not run"
        return
    top1 = [100 * run["metrics"]["video_top1"] for run, _ in own.values()]
    mean = statistics.mean(top1)
    assert float(row[f"{prefix}_top1"]) == pytest.approx(mean, abs=0.006)
    assert int(row[f"{prefix}_seeds"]) == len(top1)
    if len(top1) > 1:
        half = T[len(top1) - 1] * statistics.stdev(top1) / math.sqrt(len(top1))
        low, high = max(0, mean - half), min(100, mean + half)
        assert float(row[f"{prefix}_low"]) == pytest.approx(low, abs=0.02)
        assert float(row[f"{prefix}_high"]) == pytest.approx(high, abs=0.02)


def check_step(row, above, own):
    if not above or not own:
        assert row["pantomime_delta"] in ("", "not run")
        return
    ends = [
        np.mean([right(scores).mean() for _, scores in runs.values()])
        for runs in (above, own)
    ]
    mean = float(row["pantomime_delta"].partition(" ")[0])
    assert mean == pytest.approx(100 * (ends[1] - ends[0]), abs=0.051)


def check_table(name, dataset, places, runs):
    above = None
    for row, place in zip(rows(name), places, strict=True):
        if place is None:
            assert row["pantomime_top1"] == row["kinetics_top1"] == ""
            continue
        own = {}
        for study, point in place:
            own |= runs.get((dataset, study, point), {})
        check(row, "pantomime", own)
        check_step(row, above, own)
        above = own


def test_table_2(runs):
    places = []
    for row in rows("table2.csv"):
        place = [("ablation", row["row"])]
        if row["row"] in TWINS:
            place.insert(0, ("scaling", TWINS[row["row"]]))
        places.append(place)
    assert len(places) == 10
    check_table("table2.csv", "pantomime-20", places, runs)


@pytest.mark.parametrize(
    ("number", "dataset"), [(3, "pantomime-20"), (4, "pantomime-30")]
)
def test_tables_3_and_4(runs, number, dataset):
    name = f"table{number}.csv"
    places = [
        None
        if row["quoted"] == "True"
        else [("ablation", "RA")]
        if row["point"].endswith("+RA")
        else [("scaling", row["point"])]
        for row in rows(name)
    ]
    check_table(name, dataset, places, runs)


def test_table_6(runs):
    table = rows("table6.csv")
    places = [[("contrastive", row["point"])] for row in table]
    check_table("table6.csv", "pantomime-20", places, runs)
    for row in table:
        point = f"{row['point']}+untrained"
        own = runs.get(("pantomime-20", "linear-evaluation", point), {})
        check(row, "pantomime_untrained", own)


def test_fine_tuning(runs):
    found = rows("pretraining.csv")
    assert {(row["network"], row["dataset"]) for row in found} == {
        (point, dataset)
        for dataset, study, point in runs
        if study in ("fine-tuning", "from-scratch")
    }
    columns = {
        "pre-trained and fine-tuned": "fine-tuning",
        "from scratch, as long": "from-scratch",
        "from scratch, in full": "scaling",
    }
    for row in found:
        for column, study in columns.items():
            own = runs.get((row["dataset"], study, row["network"]), {})
            if not own:
                assert row[column] == "not run"
                continue
            mean = 100 * statistics.mean(
                run["metrics"]["video_top1"] for run, _ in own.values()
            )
            assert float(row[column].partition(" ")[0]) == pytest.approx(
                mean, abs=0.051
            )


def test_a_records_accuracy_is_that_of_its_scores(runs):
    """Half precision can move a video whose two best classes are nearly equal."""
    for own in runs.values():
        for run, file in own.values():
            shown = right(file)
            assert len(shown) == run["metrics"]["num_videos"]
            assert shown.mean() == pytest.approx(run["metrics"]["video_top1"], abs=2e-3)
