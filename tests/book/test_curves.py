"""Training curves, confusions and the curve over views, as chapters draw them."""

import dataclasses

import curves
import numpy as np
import pandas as pd
import pytest
import recipe_tables
import views_curve
from links import NOTHING

from r3d_rs.evaluation.gains import Gain
from r3d_rs.experiments import record
from r3d_rs.experiments.views_curve import COLUMNS
from r3d_rs.pantomime import CLASSES_20, CLASSES_30
from r3d_rs.report import claims
from tests.shared.made_up import made_up, write

DATASET = "pantomime-20"


def test_24_of_30_classes_are_each_others_reversal():
    groups = curves.paired_classes(CLASSES_30)
    assert [name for group in groups for name in group] == list(CLASSES_30)
    assert [len(group) for group in groups].count(2) == 12


def confusion(results):
    return curves.confusion(results, DATASET, "scaling/RS-50")


def test_confusions_agree_with_the_accuracy_and_pairs_stand_side_by_side(tmp_path):
    labels = np.tile(np.arange(20), 2)
    sit, stand = (sorted(CLASSES_20).index(name) for name in ("sit down", "stand up"))
    for seed in range(2):
        found = labels.copy()
        found[seed * 20 + sit] = stand  # one of two videos, of each seed another
        scores = {"ids": [f"video-{i}" for i in range(40)], "labels": labels}
        scores["probabilities"] = np.eye(20)[found]
        record.write(made_up(seed=seed, top1=39 / 40), tmp_path, scores)
    table = confusion(tmp_path)
    assert list(table.index) == list(table.columns) == list(CLASSES_20)
    assert table.sum(axis=1).tolist() == pytest.approx([100] * 20)
    assert table.to_numpy().diagonal().mean() == pytest.approx(100 * 39 / 40)
    most = curves.most_confused(table, 1)
    assert most.index.tolist() == ["sit down"]
    assert most.iloc[0].tolist() == ["stand up", "50.0", "yes"]
    assert len(curves.confusion_figure(table).axes[0].texts) == 21


def test_a_gain_is_made_of_what_its_classes_gain(tmp_path):
    labels = np.tile(np.arange(20), 2)
    wave, kick = (sorted(CLASSES_20).index(name) for name in ("wave", "kick"))
    before, after = labels.copy(), labels.copy()
    before[wave], before[20 + wave] = kick, kick
    after[kick] = wave
    for point, found in (("LS", before), ("SD", after)):
        scores = {"ids": [f"video-{i}" for i in range(40)], "labels": labels}
        scores["probabilities"] = np.eye(20)[found]
        run = made_up(point, top1=(found == labels).mean())
        run["experiment"]["study"] = "ablation"
        record.write(run, tmp_path, scores)
    [statement] = [
        s for s in claims.statements(tmp_path) if s.text.startswith("Stochastic")
    ]
    assert curves.gains_by_class(tmp_path, [statement]).empty
    told = Gain(0.025, 0.01, 0.04, 0.01, (8, 8))
    statement = dataclasses.replace(statement, found=told, missing=0)
    [gains] = curves.gains_by_class(tmp_path, [statement]).to_dict().values()
    first, *_, last = gains
    assert (first, last) == ("wave", "kick")
    assert {name for name, gain in gains.items() if gain} == {"wave", "kick"}
    assert (gains["wave"], gains["kick"]) == (100, -50)
    told = curves.gaining(pd.Series(gains))
    assert told["rising"] == "1 of 20" and told["most"].startswith("wave +100.0, ")


def test_the_spread_is_over_seeds(tmp_path):
    for seed, top1 in enumerate((0.5, 0.6, 0.7)):
        record.write(made_up(seed=seed, top1=top1), tmp_path)
    assert curves.spread(tmp_path, DATASET, "scaling/RS-50") == "10.0"


def test_without_records_each_says_not_run_and_shows_nothing(tmp_path):
    table, rows = confusion(tmp_path), pd.DataFrame(columns=COLUMNS)
    assert NOTHING.data == "Not run."
    assert curves.figure(tmp_path, DATASET, "scaling", ("RS-50",)) is NOTHING
    assert curves.confusion_figure(table) is NOTHING
    assert curves.most_confused(table) is None
    assert views_curve.figure(rows) is NOTHING
    assert views_curve.table(rows) is None
    assert recipe_tables.contrastive_curves(tmp_path) is NOTHING


def test_every_point_is_drawn_in_a_color_of_its_own(tmp_path):
    points = ("R3D-50", "RS-50", "RS-101", "RS-152")
    for point in points[:3]:  # the last one has not been run
        write(tmp_path, point, [0.5, 0.6])
    loss = curves.figure(tmp_path, DATASET, "scaling", points).axes[0]
    assert len(loss.lines) == 6
    assert len({line.get_color() for line in loss.lines}) == 3


def test_a_row_of_table_2_has_the_curves_of_its_point_of_figure_2(tmp_path):
    write(tmp_path, "R3D-50", [0.5])
    loss, _ = curves.figure(tmp_path, DATASET, "ablation", ("baseline",)).axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.5, 1.5]]


def test_networks_stand_in_the_order_of_the_study_with_the_gain_over_seeds():
    rows = pd.DataFrame(
        [
            (point, seed, clips, crops, top1 - (clips == 1) * top1, 0.5, 9, "")
            for point in ("RS-50", "R3D-50")
            for seed, top1 in ((0, 0.9), (1, 0.98))
            for clips in (1, 2, 3, 4)
            for crops in (1, 3)
        ],
        columns=COLUMNS,
    )
    table = views_curve.table(rows)
    assert list(table.index) == ["R3D-50", "RS-50"]
    *_, most, gain = table.loc["RS-50"]
    assert (most, gain) == ("94.0", "+94.0 (+43.2 to +144.8, 2 seeds)")
    panels = views_curve.figure(rows).axes
    assert [len(axes.containers) for axes in panels] == [2, 2]
    # An accuracy ends at 100, where Student's interval would not.
    [bar] = panels[1].containers[1].lines[2]
    assert max(segment[:, 1].max() for segment in bar.get_segments()) == 100
