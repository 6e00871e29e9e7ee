"""The accuracy over the number of views, as it is kept and shown."""

import itertools
import shutil
from pathlib import Path

import pandas as pd
import pytest

from r3d_rs.study import curves, record, views_curve

pytestmark = pytest.mark.one_backend  # the backend does not matter

RESULTS = Path(__file__).parents[1] / "results"
DATASET = "pantomime-20"


def curve(results, top1):
    """Write the curve of one network whose accuracy over all views is given."""
    source = record.path(RESULTS, DATASET, "scaling", "RS-50", 0)
    own = record.path(results, DATASET, "scaling", "RS-50", 0)
    own.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, own)
    rows = [
        (
            "RS-50",
            0,
            clips,
            crops,
            top1 - 0.01 * (4 - clips),
            0.7,
            2000,
            record.read(own)["recipe_hash"],
        )
        for clips, crops in itertools.product(views_curve.TEMPORAL, views_curve.SPATIAL)
    ]
    path = views_curve.path(results, DATASET)
    pd.DataFrame(rows, columns=views_curve.COLUMNS).to_csv(path, index=False)


def test_a_curve_ends_where_its_record_is(tmp_path):
    top1 = record.read(record.path(RESULTS, DATASET, "scaling", "RS-50", 0))["metrics"]
    curve(tmp_path, top1["video_top1"])
    rows = views_curve.read(tmp_path, DATASET)
    assert len(rows) == 8
    table = views_curve.table(rows)
    assert table.loc["RS-50", "4 × 3"] == f"{100 * top1['video_top1']:.1f}"
    assert table.loc["RS-50", "4 × 3 over 1 × 1"] == "+3.0 (1 seed)"


def test_a_stale_curve_is_refused(tmp_path):
    curve(tmp_path, 0.5)
    with pytest.raises(ValueError, match=r"RS-50, seed 0, has 0.5 .* measure it again"):
        views_curve.read(tmp_path, DATASET)


def test_what_has_not_been_measured_is_not_run(tmp_path):
    rows = views_curve.read(tmp_path, DATASET)
    assert rows.empty
    assert views_curve.table(rows).to_numpy().tolist() == [["not run"]]


def test_the_committed_curve_agrees_with_the_records():
    rows = views_curve.read(RESULTS, DATASET)
    assert not rows.duplicated(["point", "seed", "clips", "crops"]).any()


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


def test_networks_stand_in_the_order_of_the_study_with_the_gain_over_seeds():
    rows = pd.DataFrame(
        [
            (point, seed, clips, crops, top1 - (clips == 1) * top1, 0.5, 9, "")
            for point in ("RS-50", "R3D-50")
            for seed, top1 in ((0, 0.9), (1, 0.98))
            for clips in views_curve.TEMPORAL
            for crops in views_curve.SPATIAL
        ],
        columns=views_curve.COLUMNS,
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
