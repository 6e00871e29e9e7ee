"""Training curves, confusions and the curve over views, as chapters draw them."""

from pathlib import Path

import curves
import pandas as pd
import pytest
import views_curve

from r3d_rs.experiments import record
from r3d_rs.experiments.views_curve import COLUMNS
from r3d_rs.pantomime import CLASSES_30

RESULTS = Path(__file__).parents[2] / "results"
DATASET = "pantomime-20"


def test_24_of_30_classes_are_each_others_reversal():
    groups = curves.paired_classes(CLASSES_30)
    assert [name for group in groups for name in group] == list(CLASSES_30)
    assert [len(group) for group in groups].count(2) == 12


def test_confusions_agree_with_the_accuracy_and_pairs_stand_side_by_side():
    table = curves.confusion(RESULTS, DATASET, "scaling", "RS-50")
    assert table.sum(axis=1).tolist() == pytest.approx([100] * len(table))
    runs = record.find(RESULTS, DATASET, "scaling", "RS-50")
    top1 = sum(run["metrics"]["video_top1"] for run in runs) / len(runs)
    # The scores are kept in half precision; every class has equally many videos.
    diagonal = table.to_numpy().diagonal().mean()
    assert diagonal == pytest.approx(100 * top1, abs=0.1)
    assert list(table.index[:4]) == ["sit down", "stand up", "fall", "get up"]
    most = curves.most_confused(table)
    assert most.index[0] != most.iloc[0]["predicted"]


def test_a_point_without_records_is_named():
    with pytest.raises(ValueError, match="no record of scaling/RS-9 on pantomime-20"):
        curves.figure(RESULTS, DATASET, "scaling", ("RS-9",))


def test_every_point_is_drawn_in_a_color_of_its_own():
    points = ("R3D-50", "RS-50", "RS-101", "RS-152")
    loss = curves.figure(RESULTS, DATASET, "scaling", points).axes[0]
    assert len({line.get_color() for line in loss.lines}) == 4


def test_a_row_of_table_2_has_the_curves_of_its_point_of_figure_2():
    figures = [
        curves.figure(RESULTS, DATASET, study, (point,))
        for study, point in (("scaling", "R3D-50"), ("ablation", "baseline"))
    ]
    lines = [[list(a.get_ydata()) for a in f.axes[0].lines] for f in figures]
    assert lines[0] == lines[1]


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
    assert views_curve.table(rows[:0]).to_numpy().tolist() == [["not run"]]
