"""The accuracy over the number of views, as it is measured and kept."""

import dataclasses
import itertools
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from r3d_rs.data import datasets
from r3d_rs.evaluation import multiview, networks, trained
from r3d_rs.experiments import record, registry, views_curve
from r3d_rs.files import whole_file
from r3d_rs.recipes.recipe import Recipe, recipe_hash
from r3d_rs.training.fit import build_model
from tests.shared.made_up import is_locked, made_up

RESULTS = Path(__file__).parents[2] / "results"
FIRST = RESULTS / "first-edition"
DATASET = "pantomime-20"
COMMITTED = record.path(FIRST, DATASET, "scaling", "RS-50", 0)


def has_record(results, point="RS-50"):
    """Copy a committed record, and return it."""
    source = record.path(FIRST, DATASET, "scaling", point, 0)
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


def test_a_network_is_measured_with_each_number_of_views(
    dataset, data_dir, monkeypatch
):
    recipe = registry.get("scaling/RS-50").recipe("kinetics-400", "tiny")
    recipe = dataclasses.replace(recipe, spatial_views=3)
    model = build_model(recipe, len(dataset.classes), size=recipe.size)
    network = trained.Trained(model, recipe, dataset.classes, dataset.name)
    monkeypatch.setattr(trained, "load", lambda folder: network)
    rows = views_curve.measure("checkpoint", data_dir)
    numbers = [(row["clips"], row["crops"]) for row in rows]
    assert numbers == [(1, 1), (1, 3), (2, 1), (2, 3)]
    top1 = multiview.evaluate(model, dataset, recipe).metrics()["video_top1"]
    assert rows[-1]["top1"] == round(top1, 6)
    assert {row["recipe"] for row in rows} == {recipe_hash(recipe)}


def test_a_curve_ends_where_its_record_is(tmp_path):
    top1 = record.read(COMMITTED)["metrics"]
    curve(tmp_path, top1["video_top1"])
    rows = views_curve.read(tmp_path, DATASET)
    assert len(rows) == 8


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


def test_without_a_run_the_published_network_is_measured(tmp_path, monkeypatch):
    published = networks.published()[f"{DATASET}/RS-50"]
    sources = []

    def measure(source, data_dir):
        sources.append(source)
        return measured(published.record)

    def write_again():
        views_curve.path(tmp_path, DATASET).unlink(missing_ok=True)
        views_curve.write(tmp_path, tmp_path, DATASET, ["RS-50"], [0])

    monkeypatch.setattr(views_curve, "measure", measure)
    write_again()
    # Neither is another seed's, nor measured for another run of that name.
    with pytest.raises(FileNotFoundError, match=r"RS-50/seed-1\.json"):
        views_curve.write(tmp_path, tmp_path, DATASET, ["RS-50"], [1])
    has_record(tmp_path)
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError, match=r"seed-0/run\.json is not there"):
        write_again()
    record.write(published.record, tmp_path)
    monkeypatch.setattr(views_curve, "measure", measure)
    write_again()
    folder = record.place(tmp_path, DATASET, "scaling", "RS-50", 0)
    folder.mkdir(parents=True)
    (folder / "run.json").touch()
    write_again()
    assert sources == [published.name, published.name, folder]


def test_without_a_record_nothing_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(views_curve, "measure", None)
    with pytest.raises(FileNotFoundError, match=r"RS-200/seed-0\.json"):
        write(tmp_path, "RS-200")
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
        multiview, "evaluate", lambda *_, **__: SimpleNamespace(metrics=lambda: shares)
    )
    views_curve.write("checkpoints", tmp_path, name, ["RS-50"], [0])
    rows = views_curve.read(tmp_path, name)
    assert len(rows) == 20 and rows["clips"].max() == 10


def test_a_curve_without_the_views_of_its_record_is_stale(tmp_path):
    curve(tmp_path, record.read(COMMITTED)["metrics"]["video_top1"])
    file = views_curve.path(tmp_path, DATASET)
    rows = pd.read_csv(file)
    rows[rows["clips"] < 4].to_csv(file, index=False)
    with pytest.raises(ValueError, match="has nothing with 4×3 views"):
        views_curve.read(tmp_path, DATASET)


def test_what_has_not_been_measured_has_no_rows(tmp_path):
    assert views_curve.read(tmp_path, DATASET).empty


def test_the_committed_curves_agree_with_the_records():
    for results in (RESULTS, FIRST):
        rows = views_curve.read(results, DATASET)
        assert not rows.duplicated(["point", "seed", "clips", "crops"]).any()
    assert len(rows)


def test_two_clips_are_no_better_than_one_as_the_book_says():
    rows = views_curve.read(RESULTS, DATASET)
    top1 = rows.pivot_table(index=["point", "crops"], columns="clips", values="top1")
    assert len(top1) == 4 and (top1[2] < top1[1]).all()
