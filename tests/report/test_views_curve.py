"""The accuracy over the number of views, as it is kept and shown."""

import itertools
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from r3d_rs.data import datasets
from r3d_rs.evaluation import multiview, trained
from r3d_rs.experiments import record
from r3d_rs.files import whole_file
from r3d_rs.recipes.recipe import Recipe, recipe_hash
from r3d_rs.report import curves, views_curve
from tests.shared.made_up import is_locked, made_up

RESULTS = Path(__file__).parents[2] / "results"
DATASET = "pantomime-20"
COMMITTED = record.path(RESULTS, DATASET, "scaling", "RS-50", 0)


def has_record(results, point="RS-50"):
    """Copy a committed record, and return it."""
    source = record.path(RESULTS, DATASET, "scaling", point, 0)
    own = record.path(results, DATASET, "scaling", point, 0)
    own.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, own)
    return record.read(own)


def measured(run, top1=None):
    """Return rows whose accuracy over all views is given, or the record's."""
    top1 = run["metrics"]["video_top1"] if top1 is None else top1
    return [
        {
            "clips": clips,
            "crops": crops,
            "top1": round(top1 - 0.01 * (4 - clips), 6),
            "clip_top1": 0.7,
            "videos": 2000,
            "recipe": run["recipe_hash"],
        }
        for clips, crops in itertools.product((1, 2, 3, 4), (1, 3))
    ]


def curve(results, top1):
    """Write the curve of one network whose accuracy over all views is given."""
    rows = pd.DataFrame(measured(has_record(results), top1))
    rows = rows.assign(point="RS-50", seed=0)
    path = views_curve.path(results, DATASET)
    rows.to_csv(path, columns=views_curve.COLUMNS, index=False)


def write(results, *points):
    return views_curve.write("checkpoints", results, DATASET, points, [0])


def test_a_curve_ends_where_its_record_is(tmp_path):
    top1 = record.read(COMMITTED)["metrics"]
    curve(tmp_path, top1["video_top1"])
    rows = views_curve.read(tmp_path, DATASET)
    assert len(rows) == 8
    table = views_curve.table(rows)
    assert table.loc["RS-50", "4 × 3"] == f"{100 * top1['video_top1']:.1f}"
    assert table.loc["RS-50", "4 × 3 over 1 × 1"] == "+3.0 (1 seed)"


def test_a_stale_curve_is_refused(tmp_path):
    curve(tmp_path, 0.5)
    with pytest.raises(ValueError, match=r"RS-50, seed 0, has 0.5 .* measure again"):
        views_curve.read(tmp_path, DATASET)


def test_a_stale_curve_is_measured_again(tmp_path, monkeypatch):
    curve(tmp_path, 0.5)
    run = has_record(tmp_path)
    monkeypatch.setattr(views_curve, "measure", lambda *_: measured(run))
    write(tmp_path, "RS-50")
    rows = views_curve.read(tmp_path, DATASET)
    assert rows["top1"].max() == run["metrics"]["video_top1"]
    assert len(rows) == 8
    # What agrees with its record is not measured once more.
    monkeypatch.setattr(views_curve, "measure", None)
    write(tmp_path, "RS-50")


def test_a_stale_network_that_is_not_wanted_is_dropped(tmp_path, monkeypatch):
    curve(tmp_path, 0.5)
    run = has_record(tmp_path, "RS-101")
    monkeypatch.setattr(views_curve, "measure", lambda *_: measured(run))
    write(tmp_path, "RS-101")
    assert set(views_curve.read(tmp_path, DATASET)["point"]) == {"RS-101"}


def test_of_several_processes_each_keeps_the_others_rows(tmp_path, monkeypatch):
    runs = {point: has_record(tmp_path, point) for point in ("RS-50", "RS-101")}
    locked = []

    def measure(folder, data_dir):
        point = folder.parent.name
        if point == "RS-50":  # meanwhile another process measures the other network
            write(tmp_path, "RS-101")
        return measured(runs[point])

    def writing(file):
        locked.append(is_locked(file.parent))
        return whole_file(file)

    monkeypatch.setattr(views_curve, "measure", measure)
    monkeypatch.setattr(views_curve, "whole_file", writing)
    write(tmp_path, "RS-50")
    rows = views_curve.read(tmp_path, DATASET)
    assert rows["point"].value_counts().to_dict() == {"RS-101": 8, "RS-50": 8}
    assert locked == [True, True]


def test_a_network_that_is_not_its_records_is_refused(tmp_path, monkeypatch):
    run = has_record(tmp_path)
    monkeypatch.setattr(views_curve, "measure", lambda *_: measured(run, 0.5))
    with pytest.raises(ValueError, match=r"RS-50/seed-0: the network has 0.5 with 4×3"):
        write(tmp_path, "RS-50")
    assert not views_curve.path(tmp_path, DATASET).exists()


def test_without_a_record_nothing_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(views_curve, "measure", None)
    with pytest.raises(FileNotFoundError, match=r"RS-50/seed-0\.json"):
        write(tmp_path, "RS-50")
    curve(tmp_path, 0.5)
    record.path(tmp_path, DATASET, "scaling", "RS-50", 0).unlink()
    with pytest.raises(ValueError, match="RS-50, seed 0, has no record"):
        views_curve.read(tmp_path, DATASET)


def test_on_kinetics_the_curve_ends_at_ten_clips_of_three_crops(tmp_path, monkeypatch):
    recipe, name = Recipe(), "kinetics-400"
    run = made_up("RS-50", top1=0.75, temporal_views=10, spatial_views=3)
    run["experiment"]["dataset"] = name
    record.write(run | {"recipe_hash": recipe_hash(recipe)}, tmp_path)
    shares = {"video_top1": 0.75, "clip_top1": 0.6, "num_videos": 40}
    network = trained.Trained(None, recipe, ("one", "two"), name)
    prepared = SimpleNamespace(name=name, classes=network.classes)
    monkeypatch.setattr(trained, "load", lambda folder: network)
    monkeypatch.setattr(datasets, "load", lambda *_: prepared)
    monkeypatch.setattr(
        multiview, "evaluate", lambda *_: SimpleNamespace(metrics=lambda: shares)
    )
    views_curve.write("checkpoints", tmp_path, name, ["RS-50"], [0])
    rows = views_curve.read(tmp_path, name)
    assert len(rows) == 20 and rows["clips"].max() == 10
    assert views_curve.table(rows).loc["RS-50", "10 × 3"] == "75.0"
    assert list(views_curve.figure(rows).axes[0].get_xticks()) == list(range(1, 11))


def test_a_curve_without_the_views_of_its_record_is_stale(tmp_path):
    curve(tmp_path, record.read(COMMITTED)["metrics"]["video_top1"])
    file = views_curve.path(tmp_path, DATASET)
    rows = pd.read_csv(file)
    rows[rows["clips"] < 4].to_csv(file, index=False)
    with pytest.raises(ValueError, match="has nothing with 4×3 views"):
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
