"""What has to run is told by the hashes of recipes."""

import dataclasses
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from r3d_rs.experiments import record, registry
from r3d_rs.operations import plan, study
from r3d_rs.recipes import table2
from tests.shared.made_up import let_plan, made_up

ROOT = Path(__file__).parents[2]


def make(folder, only="scaling/RS-50 ablation", datasets="pantomime-20", seeds=2):
    return plan.make(
        only=only,
        datasets=datasets,
        seeds=seeds,
        results=folder / "results",
        checkpoints=folder / "checkpoints",
    )


def write(folder, job, **changes):
    """Write the record that a run would have left."""
    run = made_up(job.experiment.point, seed=job.seed) | changes
    run["experiment"] |= {"study": job.experiment.study, "dataset": job.dataset}
    run["recipe_hash"] = job.own
    if job.parent:
        run["parent"] = {"name": "a run", "recipe_hash": job.parent}
    record.write(run, folder / "results")


def names(jobs):
    return sorted(f"{job.experiment.name}-{job.seed}" for job in jobs)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_what_has_no_record_has_to_run(tmp_path):
    found = make(tmp_path)
    assert len(found.wanted) == len(found.stale) == 2 * 12
    write(tmp_path, found.wanted[0])
    again = make(tmp_path)
    assert again.book == found.book
    assert again.stale == found.stale[1:]
    assert again.summary() == "23 of 24 runs to do, about 0 minutes for 1 of them; " + (
        "22 have never been timed"
    )


def test_each_experiment_has_the_seeds_that_the_study_gives_it(tmp_path, monkeypatch):
    let_plan(
        monkeypatch,
        [
            ("pantomime-20", ("scaling/RS-50", "ablation/LS"), 2),
            ("pantomime-20", ("scaling/R3D-50",), 1),
        ],
    )
    found = make(tmp_path, "scaling ablation", seeds=None)
    expected = ["ablation/LS-0", "ablation/LS-1", "scaling/R3D-50-0"]
    assert names(found.wanted) == [*expected, "scaling/RS-50-0", "scaling/RS-50-1"]
    # What is not planned on any of a dataset's experiments has three.
    kinetics = make(tmp_path, "scaling/RS-50", "kinetics-400", seeds=None)
    assert names(kinetics.wanted) == [f"scaling/RS-50-{seed}" for seed in range(3)]
    assert len(make(tmp_path, "scaling/RS-101", seeds=1).wanted) == 1


def test_runs_are_made_in_the_order_of_the_study(tmp_path, monkeypatch):
    study = let_plan(
        monkeypatch,
        [
            ("pantomime-20", ("scaling/RS-101", "scaling/RS-50"), 2),
            ("pantomime-web", ("pre-training/RS-50",), 1),
        ],
    )
    found = make(tmp_path, "scaling pre-training", "pantomime-20 pantomime-web", None)

    def priority(dataset, name, seed):
        own, point = name.split("/")
        return found.priority(
            types.SimpleNamespace(
                dataset=dataset, study=own, point=point, seed=str(seed)
            )
        )

    order = [priority(*run) for run in study.runs()]
    assert order == sorted(set(order), reverse=True) and min(order) > 0
    assert priority("pantomime-20", "scaling/RS-152", 0) == 0
    assert priority("pantomime-20", "scaling/RS-50", 2) == 0


def test_runs_on_accelerators_tell_nothing_of_a_core(tmp_path):
    write(tmp_path, make(tmp_path).wanted[0], device="1 × NVIDIA H200, a processor")
    assert make(tmp_path).summary() == "23 of 24 runs to do; 23 have never been timed"


def test_nothing_runs_twice(tmp_path):
    for job in make(tmp_path).stale:
        write(tmp_path, job)
    found = make(tmp_path)
    assert not found.stale and not found.markers
    assert found.summary() == "0 of 24 runs to do"


def test_a_changed_field_makes_exactly_its_runs_stale(tmp_path, monkeypatch):
    before = make(tmp_path)
    for job in before.stale:
        write(tmp_path, job)
    # Rows from squeeze-excitation on have it, and R3D-RS-50.
    changed = table2.TABLE_2 | {"SE": {"squeeze_excitation": 0.5}}
    monkeypatch.setattr(table2, "TABLE_2", changed)
    found = make(tmp_path)
    rows = ["D-stem", "RA", "RS-200@f48", "SE", "per-frame"]
    expected = [f"ablation/{row}-{seed}" for row in rows for seed in (0, 1)]
    assert names(found.stale) == sorted(expected)
    assert found.book != before.book
    assert not set(found.markers) & set(before.markers)


def test_a_marker_without_a_record_is_removed(tmp_path):
    found = make(tmp_path, "scaling/RS-50", seeds=1)
    [marker] = found.markers
    Path(marker).parent.mkdir(parents=True)
    Path(marker).touch()
    make(tmp_path, "scaling/RS-50", seeds=1)
    assert not Path(marker).exists()


def test_fine_tuning_waits_for_its_parent_unless_its_network_is_there(tmp_path):
    found = make(tmp_path, "fine-tuning/RS-50", seeds=1)
    assert names(found.stale) == ["fine-tuning/RS-50-0", "pre-training/RS-50-0"]
    parent, child = found.stale
    assert child.parent == parent.own

    class Wildcards:
        dataset, study, point, seed = "pantomime-20", "fine-tuning", "RS-50", "0"

    assert found.needs(Wildcards) == [
        "build/study/data/pantomime-20",
        parent.marker,
    ]
    folder = tmp_path / "checkpoints/pantomime-web/pre-training/RS-50/seed-0"
    folder.mkdir(parents=True)
    (folder / "model.keras").touch()
    (folder / "run.json").write_text(f'{{"recipe_hash": "{parent.own}"}}')
    found = make(tmp_path, "fine-tuning/RS-50", seeds=1)
    assert names(found.stale) == ["fine-tuning/RS-50-0"]
    write(tmp_path, child)
    assert not make(tmp_path, "fine-tuning/RS-50", seeds=1).stale


def test_every_experiment_has_recipes():
    for experiment in registry.all_experiments().values():
        for dataset in experiment.datasets:
            job = plan.job(experiment, dataset, 0)
            assert bool(job.parent) == (
                experiment.study in ("fine-tuning", "contrastive")
            )


def test_what_is_no_experiment_is_named(tmp_path):
    with pytest.raises(ValueError, match="only: received 'scaling/RS', which is no"):
        make(tmp_path, "scaling/RS")
    with pytest.raises(
        ValueError, match="datasets: received 'pantomime-2O', allowed a"
    ):
        make(tmp_path, "scaling/RS-50", "pantomime-2O kinetics-400")
    with pytest.raises(ValueError, match="seeds: received 0, allowed is 1 or more"):
        make(tmp_path, "scaling/RS-50", seeds=0)


def test_what_the_tables_show_decides_whether_a_run_is_done(tmp_path):
    """Of two records of one recipe each experiment has its own."""
    baseline, point = (
        plan.job(registry.get(name), "pantomime-20", 1)
        for name in ("ablation/baseline", "scaling/R3D-50")
    )
    results = tmp_path / "results"
    write(tmp_path, point)
    assert baseline.is_done(results) and point.is_done(results)
    write(tmp_path, dataclasses.replace(baseline, own="0" * 64))  # of another recipe
    assert not baseline.is_done(results) and point.is_done(results)


def test_the_engine_plans_the_whole_study(tmp_path):
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile"]
    options = ["--profile", ROOT / "profiles" / "local", "--dry-run", "--directory"]
    done = subprocess.run(
        [*command, *options, tmp_path],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    runs = set(study.read().runs())
    found = make(tmp_path, "", "pantomime-20 pantomime-30 pantomime-web", None)
    assert {(j.dataset, j.experiment.name, j.seed) for j in found.stale} == runs
    number = len(runs)
    assert f"{number} of {number} runs to do" in done.stderr
    assert f"run {number}" in " ".join(done.stdout.split() + done.stderr.split())
