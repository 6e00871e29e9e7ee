"""Records: their schema and files, how they are found, and their mean over seeds."""

import copy
import hashlib
import json
import os
from pathlib import Path

import jsonschema
import keras
import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.evaluation.interval import wilson_interval
from r3d_rs.experiments import provenance, record
from r3d_rs.files import checksum_of
from tests.shared.made_up import made_up, made_up_scores


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_the_schema_is_valid_and_describes_every_field():
    schema = json.loads(record.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    def fields(part):
        for name, field in part.get("properties", {}).items():
            yield name, field
            yield from fields(field)

    assert len(list(fields(schema))) > 25
    for name, field in fields(schema):
        assert field.get("description"), name


def test_a_record_comes_back_as_it_was_written(tmp_path):
    written = made_up("RS-200@f48", 3)
    path = record.write(written, tmp_path, scores=made_up_scores())
    assert path == tmp_path / "pantomime-20" / "scaling" / "RS-200@f48" / "seed-3.json"
    found = record.read(path)
    assert found == written | {
        "scores_sha256": hashlib.sha256(
            record.scores_path(path).read_bytes()
        ).hexdigest(),
        "sha256": checksum_of(found),
    }
    assert files(tmp_path) == ["seed-3.json", "seed-3.scores.npz"]
    scores = record.load_scores(record.scores_path(path))
    expected = made_up_scores()
    assert scores.ids.tolist() == expected["ids"]
    assert (scores.labels == expected["labels"]).all()
    assert scores.probabilities.dtype == np.float16
    assert (scores.probabilities == expected["probabilities"].astype("float16")).all()


def test_the_same_scores_are_the_same_bytes(tmp_path):
    one, other = (
        record.scores_path(record.write(made_up(), tmp_path / name, made_up_scores()))
        for name in "ab"
    )
    assert one.read_bytes() == other.read_bytes()


def test_a_record_is_not_changed_by_writing(tmp_path):
    written = made_up()
    before = copy.deepcopy(written)
    record.write(written, tmp_path)
    assert written == before


def test_a_record_without_a_field_is_refused(tmp_path):
    for field in made_up():
        broken = made_up()
        del broken[field]
        with pytest.raises(ValueError, match=f"'{field}' is a required property"):
            record.write(broken, tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics.video_top1", 78.2),
        ("metrics.video_top1", float("nan")),
        ("metrics.num_videos", 0),
        ("experiment.point", "../RS-50"),
        ("experiment.seed", -1),
        ("history.loss", [float("inf")]),
        ("history.loss", [10**400]),
        ("gmacs", True),
        ("started", "yesterday"),
        ("recipe_hash", "abc"),
        ("schema", 1),
    ],
)
def test_a_wrong_value_is_refused_with_its_field_and_file(tmp_path, field, value):
    broken = made_up()
    *parents, last = field.split(".")
    part = broken
    for name in parents:
        part = part[name]
    part[last] = value
    with pytest.raises(ValueError, match=field.replace(".", r"\.")):
        record.write(broken, tmp_path)
    assert files(tmp_path) == []
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(broken | {"sha256": "0" * 64}))
    with pytest.raises(ValueError, match=rf"broken\.json: {field}"):
        record.read(file)


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_bit_is_an_error_or_changes_nothing(tmp_path, seed):
    path = record.write(made_up(), tmp_path, made_up_scores())
    whole, scores = record.read(path), record.scores_path(path)
    random = np.random.default_rng(seed)
    for file in (scores, path):
        damaged = bytearray(file.read_bytes())
        damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
        file.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"seed-0\.scores\.npz: damaged"):
        record.scores_of(tmp_path, whole)
    try:
        assert record.read(path) == whole  # white space became another white space
    except ValueError as error:
        assert "seed-0.json" in str(error)


def test_half_a_file_is_not_a_record(tmp_path):
    path = record.write(made_up(), tmp_path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(ValueError, match=r"seed-0\.json: not JSON"):
        record.find(tmp_path)


def test_scores_of_other_videos_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"39 videos, metrics\.num_videos is 40"):
        record.write(made_up(), tmp_path, scores=made_up_scores(39))
    twice = made_up_scores()
    twice["ids"][1] = twice["ids"][0]
    with pytest.raises(ValueError, match="an id is there twice"):
        record.write(made_up(), tmp_path, scores=twice)
    assert files(tmp_path) == []


@pytest.mark.parametrize("interrupted", [".json", ".npz"])
@pytest.mark.parametrize("before", [False, True], ids=["first run", "second run"])
def test_an_interrupted_write_leaves_no_record(
    tmp_path, monkeypatch, interrupted, before
):
    if before:
        record.write(made_up(top1=0.25), tmp_path, scores=made_up_scores())
    replace = os.replace

    def stop(source, target):
        if str(target).endswith(interrupted):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        record.write(made_up(), tmp_path, scores=made_up_scores())
    # Scores may be there; without a record they are no run.
    assert [f for f in files(tmp_path) if not f.endswith(".scores.npz")] == []
    assert record.find(tmp_path) == []


def test_a_full_disk_leaves_the_record_that_was_there(tmp_path, monkeypatch):
    record.write(made_up(top1=0.25), tmp_path, scores=made_up_scores())

    def full(path, data):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            record.write(made_up(), tmp_path, scores=made_up_scores())
    [kept] = record.find(tmp_path)
    assert kept["metrics"]["video_top1"] == 0.25
    assert len(record.scores_of(tmp_path, kept).ids) == kept["metrics"]["num_videos"]


def test_a_record_says_how_many_of_the_cores_a_run_used(monkeypatch):
    monkeypatch.setattr(provenance, "usable_cores", lambda: 8)
    assert provenance.device().endswith(", 8 cores")
    threading = tf.config.threading
    monkeypatch.setattr(threading, "get_intra_op_parallelism_threads", lambda: 3)
    for backend, used in (("tensorflow", "3 of 8"), ("jax", "8")):
        monkeypatch.setattr(keras.backend, "backend", lambda name=backend: name)
        assert provenance.device().endswith(f", {used} cores")


def test_records_are_found_by_what_they_are(tmp_path):
    for point, seed in [("RS-50", 10), ("RS-50", 2), ("RS-101", 0)]:
        record.write(made_up(point, seed), tmp_path)
    (tmp_path / "pantomime-20" / "probes.json").write_text("{}")
    found = record.find(tmp_path, "pantomime-20", "scaling", "RS-50")
    assert [run["experiment"]["seed"] for run in found] == [2, 10]
    assert (
        len(record.find(tmp_path)) == len(record.find(tmp_path, study="scaling")) == 3
    )
    assert record.find(tmp_path, dataset="kinetics-400") == []
    assert record.find(tmp_path / "nowhere") == []


def test_a_record_in_another_runs_place_is_refused(tmp_path):
    path = record.write(made_up(), tmp_path)
    path.rename(path.with_name("seed-1.json"))
    with pytest.raises(
        ValueError, match=r"seed-1\.json: its experiment is .*'seed': 0"
    ):
        record.find(tmp_path)


def test_the_mean_over_three_seeds():
    runs = [made_up(seed=i, top1=x) for i, x in enumerate((0.50, 0.54, 0.58))]
    summary = record.summarize(runs)
    half = 4.302653 * 0.04 / 3**0.5  # t(0.975, 2), standard deviation 0.04
    assert (summary.seeds, summary.interval) == (3, "t over seeds")
    assert summary.mean == pytest.approx(0.54)
    assert (summary.low, summary.high) == pytest.approx((0.54 - half, 0.54 + half))


def test_one_seed_has_wilsons_interval_over_its_videos():
    summary = record.summarize([made_up(top1=0.5)])
    assert (summary.mean, summary.seeds) == (0.5, 1)
    assert summary.interval == "Wilson over videos"
    assert (summary.low, summary.high) == wilson_interval(20, 40)


def test_an_interval_ends_at_zero_and_one():
    summary = record.summarize([made_up(seed=0, top1=0.1), made_up(seed=1, top1=0.9)])
    assert (summary.low, summary.high) == (0, 1)


def test_different_recipes_are_not_averaged():
    runs = [made_up(seed=0), made_up(seed=1, epochs=3)]
    with pytest.raises(ValueError, match="epochs is 2 and 3") as error:
        record.summarize(runs)
    assert "model" not in str(error.value)


def test_the_parents_recipe_tells_runs_apart():
    runs = [made_up(seed=seed) | {"parent": {"name": "a run"}} for seed in (0, 1)]
    assert record.summarize(runs).seeds == 2
    runs[1]["parent"] = {"name": "a run", "recipe_hash": "1" * 64}
    with pytest.raises(ValueError, match="recipes differ: parent is 'none' and '111"):
        record.summarize(runs)


def test_seeds_of_batches_that_were_divided_otherwise_are_averaged():
    one, other = (made_up(seed=seed, micro_batches=8 // (seed + 1)) for seed in (0, 1))
    other["recipe_hash"] = one["recipe_hash"]  # it leaves the division out
    assert record.summarize([one, other]).seeds == 2


def test_seeds_of_other_videos_are_not_averaged():
    runs = [made_up(seed=0), made_up(seed=1) | {"evaluated_ids_sha256": "1" * 64}]
    with pytest.raises(
        ValueError, match="averaged: they were evaluated on other video"
    ):
        record.summarize(runs)
