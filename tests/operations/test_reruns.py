"""Runs that are made again are compared with their records."""

import copy
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from r3d_rs.cli import main
from r3d_rs.experiments import record, registry
from r3d_rs.files import whole_file
from r3d_rs.operations import plan
from r3d_rs.operations import rerun as reruns
from tests.shared import tiny_run
from tests.shared.engine import Engine
from tests.shared.made_up import is_locked, made_up, made_up_scores
from tests.shared.tiny import write_videos


def written(results, scores=None, name="scaling/RS-50", seed=0, **changes):
    """Write the record of a run of the recipe that the code has, and return it."""
    study, point = name.split("/")
    run = made_up(point, seed)
    run["experiment"] |= {"study": study}
    run["commit"] = "0" * 40
    run["recipe_hash"] = plan.job(registry.get(name), "pantomime-20", seed).own
    path = record.write({**run, **changes}, results, scores or made_up_scores())
    return record.read(path)


def compared(folder, scores=None, before=None, **changes):
    """Compare a record with another of the same run."""
    run = written(folder / "results", **(before or {}))
    return reruns.compare(
        *(folder / "results", run),
        *(folder / "again", written(folder / "again", scores, **changes)),
    )


def test_the_same_seed_draws_the_same_records_whatever_else_there_is(tmp_path):
    for seed in range(6):
        written(tmp_path, seed=seed)
    runs = reruns.candidates(tmp_path)
    drawn = reruns.draw(runs, 0, 3)
    assert drawn == reruns.draw(runs[::-1], 0, 3)
    assert len({run["experiment"]["seed"] for run in drawn}) == 3
    assert any(reruns.draw(runs, seed, 3) != drawn for seed in range(1, 9))
    less = [run for run in runs if run in drawn or run["experiment"]["seed"] < 3]
    assert reruns.draw(less, 0, 3) == drawn


@pytest.mark.parametrize("count", [0, 2])
def test_more_than_there_are_cannot_be_drawn(tmp_path, count):
    written(tmp_path)
    with pytest.raises(
        ValueError, match=f"count: received {count}, allowed are 1 to 1"
    ):
        reruns.draw(reruns.candidates(tmp_path), 0, count)


def test_records_of_other_recipes_are_not_drawn(tmp_path):
    """Those of the first edition are not: the code has not their recipes any more."""
    record.write(made_up(seed=2), tmp_path)
    with pytest.raises(ValueError, match="no record of a recipe that the code has now"):
        reruns.draw(reruns.candidates(tmp_path), 0, 1)
    written(tmp_path, seed=1)
    record.write(made_up("RS-51", seed=3), tmp_path)
    [run] = reruns.candidates(tmp_path)
    assert run["experiment"]["seed"] == 1


def test_a_rerun_with_the_same_bits_is_identical(tmp_path):
    row = compared(tmp_path)
    assert (row["identical"], row["changed"], row["largest"]) == ("yes", "", "0.0000")
    assert (row["epochs_alike"], row["changed_classes"], row["weights"]) == (2, 0, "")


def test_a_probability_that_differs_is_seen(tmp_path):
    scores = made_up_scores()
    first = scores["probabilities"][0]
    best = first.argmax()
    first[(best + 1) % 5], first[best] = first[best], first[(best + 1) % 5]
    row = compared(tmp_path, scores)
    assert (row["identical"], row["changed_classes"], row["videos"]) == ("no", 1, 40)
    assert float(row["largest"]) == pytest.approx(
        np.ptp(first[[best, (best + 1) % 5]]), abs=1e-3
    )
    assert row["difference"].endswith("1 seed)")


def test_what_else_changed_is_named(tmp_path):
    history = copy.deepcopy(made_up()["history"])
    history["loss"][1] += 1e-7
    row = compared(
        tmp_path,
        history=history,
        backend="jax",
        versions={"python": "3.11.7", "jax": "0.10.2"},
        parent={"name": "another", "weights_sha256": "1" * 64},
        before={"parent": {"name": "one", "weights_sha256": "0" * 64}},
    )
    assert row["changed"] == "backend tensorflow to jax; jax none to 0.10.2"
    assert (row["identical"], row["epochs_alike"], row["weights"]) == ("no", 1, "no")
    reruns.add_row(tmp_path / "results", {**row, "draw": "seed 0, 1 of 1"})
    assert reruns.described(tmp_path / "results") == (
        "On jax, with the code of the record's commit, 0 of 1 are identical to the last"
        " bit; scaling/RS-50 on pantomime-20, seed 0, differs by +0.0 (+0.0 to +0.0,"
        " 1 seed) points of top-1 (backend"
        " tensorflow to jax; jax none to 0.10.2)."
    )


def test_records_that_were_made_elsewhere_are_compared_as_drawn(tmp_path):
    results, made = tmp_path / "results", tmp_path / "made"
    written(results)
    keep = tmp_path / "runs"
    words = ["rerun", "--count", "1", "--results", str(results), "--made", str(made)]
    words += ["--keep", str(keep)]
    done = CliRunner().invoke(main, words)
    absent = made / "pantomime-20/scaling/RS-50/seed-0.json"
    assert f"{absent}: not made" in done.output
    assert reruns.read(results, keep).empty
    written(made, commit="1" * 40)
    assert CliRunner().invoke(main, words).exit_code == 0
    assert reruns.read(results).empty  # what the study publishes is not touched
    [row] = reruns.read(results, keep).to_dict("records")
    assert (row["identical"], row["code"]) == ("yes", reruns.OTHER)
    assert row["draw"] == "seed 0, 1 of 1"
    for more in (["--folder", "build/other"], ["-p", "threads=1"]):
        done = CliRunner().invoke(main, words + more)
        assert "--folder and -p are for making records, and are not" in done.stderr


@pytest.mark.parametrize("commit", ["unknown", "2" * 40 + "+changes"])
def test_code_that_no_commit_names_is_not_taken_for_the_records(tmp_path, commit):
    results, made = tmp_path / "results", tmp_path / "made"
    written(results, commit=commit)
    written(made, commit=commit)
    [run], [rerun] = record.find(results), record.find(made)
    assert reruns.compare(results, run, made, rerun)["code"] == reruns.OTHER


def test_other_videos_are_not_compared(tmp_path):
    scores = made_up_scores()
    scores["ids"][0] = "another"
    with pytest.raises(ValueError, match="was evaluated on other videos"):
        compared(tmp_path, scores)


def test_a_rerun_takes_the_place_of_an_older_one_and_goes_with_its_record(
    tmp_path, monkeypatch
):
    results = tmp_path / "results"
    assert reruns.table(results).loc["any run", "rerun"] == "not run"
    assert reruns.described(results) == "No run has been made again."
    row = {**compared(tmp_path), "draw": "seed 0, 1 of 1"}
    alone = []

    def writing(file):
        alone.append(is_locked(file.with_name(".reruns.lock")))
        return whole_file(file)

    monkeypatch.setattr(reruns, "whole_file", writing)
    for minutes in (1.0, 2.0):
        reruns.add_row(results, {**row, "minutes": minutes})
    assert alone == [True, True]
    reruns.add_row(results, {**row, "backend": "jax"})
    # Those of other code or on another device stand beside it.
    reruns.add_row(results, {**row, "code": reruns.OTHER})
    reruns.add_row(
        results, {**row, "code": reruns.OTHER, "device": "a newer processor"}
    )
    rows = reruns.read(results)
    columns = ["backend", "code", "device", "minutes"]
    assert rows[columns].to_numpy().tolist() == [
        ["jax", reruns.SAME, "a processor, 2 cores", "0.1"],
        ["tensorflow", reruns.OTHER, "a newer processor", "0.1"],
        ["tensorflow", reruns.OTHER, "a processor, 2 cores", "0.1"],
        ["tensorflow", reruns.SAME, "a processor, 2 cores", "2.0"],
    ]
    shown = reruns.table(results)
    assert shown["what else changed"].to_list() == ["nothing"] * 4
    written(results, seed=1, metrics=made_up(top1=0.25)["metrics"])
    assert set(reruns.table(results)["all seeds"]) == {"25.0 to 50.0"}
    assert reruns.described(results).startswith(
        "On jax, with the code of the record's commit, 1 of 1 are identical"
    )
    written(results, device="another machine")
    assert reruns.read(results).empty


def test_a_rerun_has_the_parameters_of_the_kept_notebook_and_its_parent(
    tmp_path, monkeypatch
):
    """Fine-tuning starts from a pre-training that is made again, before it."""
    experiment = registry.get("fine-tuning/RS-50")
    job = plan.job(experiment, "pantomime-20", 1)
    parent = {"name": "a run", "recipe_hash": job.parent}
    run = written(tmp_path, name="fine-tuning/RS-50", seed=1, parent=parent)
    assert reruns.candidates(tmp_path) == [run]
    notebook = record.path(tmp_path, **{**run["experiment"], "seed": 0})
    received = {"seed": 0, "point": "RS-50", "threads": 1}
    reruns.executed.write(
        {"metadata": {"papermill": {"parameters": received}}},
        notebook.with_suffix(".ipynb"),
    )
    calls = []

    def instead(request):
        name = request.experiment
        calls.append((name, request.dataset, request.seed, request.parameters))
        if name == "fine-tuning/RS-50":
            written(request.results, name=name, seed=1, parent=parent)

    monkeypatch.setattr(reruns.engine, "run", instead)
    row = reruns.run_again(tmp_path, run, tmp_path / "folder", {"epochs": "1"})
    expected = {"threads": 1, "epochs": "1"}
    assert calls == [
        ("pre-training/RS-50", "pantomime-web", 1, expected),
        ("fine-tuning/RS-50", "pantomime-20", 1, expected),
    ]
    assert row["identical"] == "yes"
    # A rerun of the same commit is there, and is not made once more.
    monkeypatch.setattr(reruns.provenance, "commit", lambda: "0" * 40)
    calls.clear()
    [again] = (tmp_path / "folder").glob("*/results")
    written(again, name="fine-tuning/RS-50", seed=1, parent=parent, commit="0" * 40)
    reruns.run_again(tmp_path, run, tmp_path / "folder")
    assert [name for name, *_ in calls] == ["pre-training/RS-50"]


def test_a_rerun_of_a_folder_below_the_checkout_is_found(tmp_path, monkeypatch):
    """Folders are below the checkout then, wherever in it the current one is."""
    run = written(tmp_path / "results")
    for name in ("r3d_rs/paths.py", "notebooks/a.ipynb"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path / "notebooks")
    monkeypatch.setattr(reruns.engine, "run", lambda request: written(request.results))
    row = reruns.run_again(tmp_path / "results", run, "build/reruns")
    assert row["identical"] == "yes"
    assert (tmp_path / "build/reruns").is_dir()


@pytest.mark.slow
def test_a_real_run_is_identical_on_its_backend_and_told_from_the_others(tmp_path):
    write_videos(tmp_path / tiny_run.NAME, {"train": 8, "validate": 4})
    study = Engine(tmp_path / "study", tmp_path)

    def call(*arguments, backend="tensorflow"):
        done = subprocess.run(
            [sys.executable, "-m", "r3d_rs", *arguments],
            cwd=study.folder,
            env=study.environment | {"KERAS_BACKEND": backend},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    call("data", "prepare", tiny_run.NAME)
    run = ["run", "scaling/RS-50", "--dataset", tiny_run.NAME, "-p", "threads=1"]
    run += ["-p", "scale=tiny"]
    call(*run, "--results", "results")
    said = call("rerun", "--seed", "7", "--count", "1")
    assert f"drawn by seed 7, 1 of 1 records:\n  {tiny_run.NAME}/scaling/RS-50/" in said
    assert "of the record's commit, 1 of 1 are identical to the last bit." in said
    call("rerun", "--seed", "7", "--count", "1", backend="jax")
    rows = pd.read_csv(study.folder / "runs" / "reruns.csv").set_index("backend")
    assert rows.loc["tensorflow", "identical"] == "yes"
    assert rows.loc["jax", "identical"] == "no"
    assert "backend tensorflow to jax" in rows.loc["jax", "changed"]
    assert set(os.listdir(study.folder / "build/reruns")) == {"jax", "tensorflow"}
