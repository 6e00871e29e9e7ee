"""Every aggregated number is that of its records, by arithmetic of the test's own."""

import csv
import json
import math
import statistics
import tomllib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.shared.blocks import effects

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"

#: Folder of the records that a table shows, by its column `edition`.
FOLDERS = {"": RESULTS, "first edition, superseded": RESULTS / "first-edition"}

#: Quantiles of Student's t for 95 %, by degrees of freedom (printed tables).
T = dict(
    enumerate((12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262), start=1)
)

#: Rows of Table 2 whose runs are points of Figure 2.
TWINS = {"baseline": "R3D-50", "RS-200@f48": "RS-200@f48"}

#: The row that is a point's network with runs of its own; gains take both as one.
STEM, POINT = ("ablation", "D-stem"), ("scaling", "RS-50")


@pytest.fixture(scope="module")
def runs():
    """Files of records by edition, dataset, study and point, read as plain JSON."""
    found = defaultdict(dict)
    for edition, folder in FOLDERS.items():
        for file in folder.glob("*/*/*/seed-*.json"):
            run = json.loads(file.read_text(encoding="utf-8"))
            key = [run["experiment"][name] for name in ("dataset", "study", "point")]
            found[edition, *key][run["experiment"]["seed"]] = (run, file)
    return found


@pytest.fixture(scope="module")
def alike():
    """Groups of networks whose seeds are expected to spread alike, by the plan."""
    file = ROOT / "r3d_rs" / "operations" / "study.toml"
    plan = tomllib.loads(file.read_text(encoding="utf-8"))
    return [[tuple(name.split("/")) for name in own] for own in plan["alike"]]


def rows(name):
    """Return the rows of a table, all of one edition."""
    with (RESULTS / "tables" / name).open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert len({row["edition"] for row in found}) == 1
    assert found[0]["edition"] in FOLDERS
    return found


def named(name):
    """Return the names of an experiment that may be a row of Table 2 too."""
    study, point = name
    twins = [row for row, own in TWINS.items() if own == point and study == "scaling"]
    return [name, *(("ablation", row) for row in twins)]


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


class Gains:
    """Gains between experiments of an edition on a dataset; seeds are blocks.

    An experiment is a list of its names: study and point.
    """

    def __init__(self, runs, alike, edition, dataset):
        self.runs, self.alike = runs, alike
        self.place = (edition, dataset)

    def of(self, names):
        """Return the accuracy of each seed, by the scores."""
        own = {}
        for name in [STEM, POINT] if {STEM, POINT} & set(names) else names:
            own |= self.runs.get((*self.place, *name), {})
        return {seed: right(file).mean() for seed, (_, file) in own.items()}

    def possible(self, before, after):
        """Return what a gain may be: just one thing where both have the same seeds."""
        ends = [self.of(names) for names in (before, after)]
        plain = [np.mean(list(own.values())) for own in ends]
        if set(ends[0]) == set(ends[1]) or min(map(len, ends)) < 2:
            return [plain[1] - plain[0]]
        shared = set(ends[0]) & set(ends[1])
        if len(shared) > 1:
            found = [np.mean([ends[1][seed] - ends[0][seed] for seed in shared])]
        else:
            found = [plain[1] - plain[0]]
        before, after = (
            [POINT if name == STEM else name for name in end] for end in (before, after)
        )
        for names in self.alike:
            group = [name for name in names if name != STEM or POINT not in names]
            own = [
                next((n for n in end if n in group), None) for end in (before, after)
            ]
            if None not in own:
                fitted = effects({name: self.of(named(name)) for name in group})
                found.append(fitted[own[1]] - fitted[own[0]])
        return found

    def check(self, cell, before, after):
        if not self.of(before) or not self.of(after):
            assert cell == "not run"
            return
        shown = float(cell.partition(" ")[0])
        possible = self.possible(before, after)
        assert any(abs(shown - 100 * one) < 0.051 for one in possible), (cell, possible)


def check_table(name, dataset, places, runs, alike):
    above = None
    for row, place in zip(rows(name), places, strict=True):
        if place is None:
            assert row["pantomime_top1"] == row["kinetics_top1"] == ""
            continue
        own = {}
        for study, point in place:
            own |= runs.get((row["edition"], dataset, study, point), {})
        check(row, "pantomime", own)
        if above is None:
            assert row["pantomime_delta"] == ""
        else:
            gains = Gains(runs, alike, row["edition"], dataset)
            gains.check(row["pantomime_delta"], above, place)
        above = place


def test_table_2(runs, alike):
    places = []
    for row in rows("table2.csv"):
        own = row["row"]
        twin = named(("scaling", TWINS[own])) if own in TWINS else None
        places.append(twin or [("ablation", own)])
    assert len(places) == 10
    check_table("table2.csv", "pantomime-20", places, runs, alike)


@pytest.mark.parametrize(
    ("number", "dataset"), [(3, "pantomime-20"), (4, "pantomime-30")]
)
def test_tables_3_and_4(runs, alike, number, dataset):
    name = f"table{number}.csv"
    places = [
        None
        if row["quoted"] == "True"
        else [("ablation", "RA")]
        if row["point"].endswith("+RA")
        else named(("scaling", row["point"]))
        for row in rows(name)
    ]
    check_table(name, dataset, places, runs, alike)


def test_table_6(runs, alike):
    table = rows("table6.csv")
    places = [[("contrastive", row["point"])] for row in table]
    check_table("table6.csv", "pantomime-20", places, runs, alike)
    for row in table:
        place = ("linear-evaluation", f"{row['point']}+untrained")
        own = runs.get((row["edition"], "pantomime-20", *place), {})
        check(row, "pantomime_untrained", own)


def test_fine_tuning(runs, alike):
    found = rows("pretraining.csv")
    assert [(row["network"], row["dataset"]) for row in found] == [
        (network, dataset)
        for network in ("RS-50", "RS-200@f48")
        for dataset in ("pantomime-20", "pantomime-30")
    ]
    for row in found:
        point = row["network"]
        places = {
            "tuned": [("fine-tuning", point)],
            "full": named(("scaling", point)),
            "short": [("from-scratch", point)],
        }
        for column, names in places.items():
            own = {}
            for name in names:
                own |= runs.get((row["edition"], row["dataset"], *name), {})
            check(row, column, own)
        gains = Gains(runs, alike, row["edition"], row["dataset"])
        for column in ("full", "short"):
            gains.check(row[f"over_{column}"], places[column], places["tuned"])


def test_a_records_accuracy_is_that_of_its_scores(runs):
    """Half precision can move a video whose two best classes are nearly equal.

    Pre-training on wrong labels leaves many.
    """
    assert len(runs) > 20
    for own in runs.values():
        for run, file in own.values():
            shown = right(file)
            assert len(shown) == run["metrics"]["num_videos"]
            assert shown.mean() == pytest.approx(run["metrics"]["video_top1"], abs=5e-3)
