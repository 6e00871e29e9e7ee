"""The experiments by name, and what runs one."""

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

import r3d_rs
from r3d_rs import paper
from r3d_rs.data.datasets import DATASETS
from r3d_rs.experiments import published, record, registry, run
from r3d_rs.models.resnet3d import TINY_NAMES
from r3d_rs.operations import engine, plan, status
from tests.shared.made_up import made_up


def test_every_row_and_point_of_the_paper_is_there():
    found = registry.everything()
    expected = {f"scaling/{name}" for name in paper.figure(2)["point"]}
    expected |= {f"ablation/{name}" for name in paper.table(2)["row"]}
    expected |= {f"contrastive/{name}" for name in paper.table(6)["point"]}
    assert expected <= set(found)
    for table, dataset in ((4, "kinetics-600"), (6, "kinetics-400")):
        study = "scaling" if table == 4 else "contrastive"
        for row in paper.table(table).dropna(subset="point").itertuples():
            experiment = found[f"{study}/{row.point}"]
            assert experiment.paper[dataset] == row.top1
            assert row.source in experiment.source
    tuned = found["fine-tuning/RS-200@f48"]
    assert tuned.paper == {"kinetics-400": 83.5, "kinetics-600": 84.3}


def test_a_notebook_with_an_experiments_parameters_runs_that_experiment():
    for name, experiment in registry.everything().items():
        for dataset in experiment.datasets:
            assert dataset in DATASETS
            received = experiment.received(dataset, 1, "build")
            asked = run.check(experiment.notebook, received)
            assert asked.experiment.name == name and asked.seed == 1
            assert asked.recipe == experiment.recipe(dataset)
            if experiment.notebook == "contrastive":
                assert asked.pretraining == experiment.parent_recipe(dataset)


def test_toggles_other_points_and_backbones_are_experiments_of_their_own():
    toggled = {"row": "baseline", "toggles": "LS, SE", "dataset": "pantomime"}
    asked = run.check("ablation", toggled)
    assert asked.experiment.name == "ablation/baseline+LS+SE"
    assert asked.recipe.label_smoothing == 0.1 and asked.recipe.stochastic_depth == 0
    other = {"stage": "scratch", "point": "RS-101", "dataset": "pantomime"}
    asked = run.check("pretraining", other)
    assert asked.experiment.name == "from-scratch/RS-101"
    given = {"point": "RS-50", "backbone": "there/ckpt-7", "dataset": "pantomime"}
    asked = run.check("contrastive", given)
    assert asked.experiment.name == "linear-evaluation/RS-50+ckpt-7"
    assert asked.pretraining is None


def test_the_tiny_scale_is_for_every_experiment():
    for experiment in registry.everything().values():
        recipe = experiment.recipe("kinetics-400", "tiny")
        assert recipe.model in TINY_NAMES and recipe.batch_size == 4
    sizes = {
        recipe.size
        for name in ("RS-200", "RS-200@i256", "RS-200@i288")
        for recipe in [registry.get(f"scaling/{name}").recipe("kinetics-400", "tiny")]
    }
    assert len(sizes) == 3


def test_fine_tuning_starts_from_the_same_seed_of_its_scale():
    experiment = registry.get("fine-tuning/RS-50")
    for dataset, web in (
        ("pantomime-30", "pantomime-web"),
        ("kinetics-400", "web-video-text"),
    ):
        received = experiment.received(dataset, 2, "there")
        assert received["parent"] == f"there/{web}/pre-training/RS-50/seed-2"


def test_the_same_recipe_is_one_run():
    """Two rows of Table 2 are points of Figure 2, and no other two are the same."""
    hashes = {}
    for name, experiment in registry.everything().items():
        if experiment.study in ("scaling", "ablation"):
            own = plan.job(experiment, "kinetics-400", 0).own
            hashes.setdefault(own, []).append(name)
    twins = {tuple(names) for names in hashes.values() if len(names) > 1}
    assert twins == {(b, a) for a, b in registry.SAME.items()}


def test_an_experiment_has_the_records_of_its_twin(tmp_path):
    for study, point, seed in (
        ("scaling", "R3D-50", 0),
        ("scaling", "R3D-50", 1),
        ("ablation", "baseline", 1),
        ("ablation", "baseline", 2),
        ("ablation", "LS", 3),
    ):
        one = made_up(point, seed)
        one["experiment"]["study"] = study
        record.write(one, tmp_path)
    found = {
        name: [
            (r["experiment"]["study"], r["experiment"]["seed"])
            for r in registry.records(tmp_path, "pantomime-20", name)
        ]
        for name in ("ablation/baseline", "scaling/R3D-50", "scaling/RS-50")
    }
    assert found == {
        "ablation/baseline": [("scaling", 0), ("ablation", 1), ("ablation", 2)],
        "scaling/R3D-50": [("scaling", 0), ("scaling", 1), ("ablation", 2)],
        "scaling/RS-50": [],
    }


@pytest.fixture
def shipped(monkeypatch):
    """Let five runs of R3D-RS-50 be published, and three of its features."""
    runs = [made_up(seed=seed, top1=0.5 + 0.01 * seed) for seed in range(5)]
    for seed in range(3):
        run = made_up(seed=seed)
        run["experiment"] |= {"study": "contrastive"}
        runs.append(run)
    rows = [published._row(run) for run in runs]
    table = pd.DataFrame(rows, columns=published.COLUMNS)
    monkeypatch.setattr(published, "read", lambda: table)


def listed(tmp_path):
    table = status.overview(Path("runs"), tmp_path)
    return table.set_index(["experiment", "dataset"])["status"]


def test_the_list_says_what_is_running_was_stopped_or_has_failed(
    tmp_path, monkeypatch, shipped
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pantomime-20" / "scaling" / "RS-50" / "seed-3"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = listed(tmp_path)
    assert found["scaling/RS-50", "pantomime-20"] == "5 published, seed-3 running"
    assert found["scaling/RS-50", "kinetics-400"] == "not run"
    found = listed(tmp_path)
    assert not found.str.contains("seed-3").any()
    (folder / "epoch-0002.npz").touch()
    found = listed(tmp_path)["scaling/RS-50", "pantomime-20"]
    assert found == "5 published, seed-3 stopped"
    notebook = Path("build/runs/runs/pantomime-20/scaling/RS-50/seed-3.ipynb")
    notebook.parent.mkdir(parents=True)
    for exception, expected in (("true", f"failed: {notebook}"), ("null", "stopped")):
        notebook.write_text(
            f'{{"metadata": {{"papermill": {{"exception": {exception}}}}}}}'
        )
        found = listed(tmp_path)["scaling/RS-50", "pantomime-20"]
        assert found == f"5 published, seed-3 {expected}"


def test_the_list_has_the_paper_the_published_runs_and_yours(tmp_path, shipped):
    for epochs, expected in ((2, "55.0 (0.0 to 100.0, 2 seeds)"), (3, "50.0, 60.0")):
        record.write(made_up(), tmp_path)
        record.write(made_up(seed=1, top1=0.6, epochs=epochs), tmp_path)
        table = status.overview(tmp_path, tmp_path / "checkpoints")
        table = table.set_index(["experiment", "dataset"])
        row = table.loc["scaling/RS-50", "pantomime-20"]
        assert row["yours"] == expected
        assert row["published"] == "52.0 (50.0 to 54.0, 5 seeds)"
        assert row["status"] == "5 published, 2 yours"
        assert table.loc[("scaling/RS-50", "kinetics-400"), "paper"] == 78.2


def test_the_list_has_what_was_fine_tuned_on_your_videos(tmp_path, shipped):
    run = made_up("from-pantomime-web-RS-50", top1=0.7)
    run["experiment"] |= {"dataset": "mine", "study": "finetune"}
    record.write(run, tmp_path)
    table = status.overview(tmp_path, tmp_path / "checkpoints")
    row = table.set_index(["experiment", "dataset"]).loc[
        ("finetune/from-pantomime-web-RS-50", "mine")
    ]
    assert (row["yours"], row["status"]) == (
        "70.0 (54.6 to 81.9, 1 seed)",
        "1 yours",
    )


def test_contrastive_pre_training_is_running_or_stopped_too(
    tmp_path, monkeypatch, shipped
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pantomime-20/contrastive-pretraining/RS-50/seed-0"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = listed(tmp_path)
    assert found["contrastive/RS-50", "pantomime-20"] == "3 published, seed-0 running"
    (folder / "epoch-0030.npz").touch()
    found = listed(tmp_path)["contrastive/RS-50", "pantomime-20"]
    assert found == "3 published, seed-0 stopped"


def test_a_wrong_experiment_is_named(tmp_path):
    with pytest.raises(ValueError, match="received 'scaling/RS-51', allowed are scal"):
        engine.run(engine.Request("scaling/RS-51", "pantomime"))
    with pytest.raises(ValueError, match="'ucf101' for ablation/SE, allowed are pant"):
        engine.run(engine.Request("ablation/SE", "ucf101"))
    with pytest.raises(
        ValueError, match="parameter seed: received '3' besides, but it"
    ):
        engine.run(engine.Request("ablation/SE", "pantomime", parameters={"seed": "3"}))


def test_runs_for_other_records_are_executed_elsewhere(tmp_path):
    others = ("results", "a/b", "a-b", ".", "..", tmp_path, "Ergebnisse/größer", "ä")
    others += (
        "  ",
        "結果",
        "results\n",
        "%2E",
        "a" * 255,
        "a" * 254 + "/b",
        "/".join(["Läufe " * 40] * 9),
    )
    assert len({engine.executing(path) for path in others}) == len(others)
    for path in others:  # the engine makes a folder of this name
        name = engine.executing(path).relative_to(engine.RUNNING).name
        assert len(name) < 40 and name.isascii()
    for same in ("results/", "./results", Path("results").absolute()):
        assert engine.executing(same) == engine.RUNNING / "results"


@pytest.mark.parametrize("home", ["other", "gone"])
def test_notebooks_run_on_this_python_without_a_home_that_can_be_written(
    home, tmp_path, monkeypatch
):
    """Where there is one, a kernel of another Python is in it."""
    kernel = tmp_path / "other/.local/share/jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    spec = {"argv": ["/no/python"], "display_name": "Python 3", "language": "python"}
    kernel.write_text(json.dumps(spec))
    monkeypatch.setenv("HOME", str(tmp_path / home))
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import sys\nprint(sys.executable)")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, tmp_path / "in.ipynb")
    names = [str(tmp_path / name) for name in ("in.ipynb", "out.ipynb")]
    assert not engine._shown([sys.executable, "-m", "papermill", *names])
    [cell] = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert cell.outputs[0].text == f"{sys.executable}\n"
    assert not (tmp_path / "gone").exists()


def test_the_list_loads_no_framework():
    code = "import sys, r3d_rs.operations.status; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_failed_run_leaves_its_notebook_and_no_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = (
        "^scaling/RS-50 on kinetics-400, seed 0, failed: FileNotFoundError: dataset"
        " kinetics-400 is not prepared"
    )
    given = {"parameters": {"data_dir": str(tmp_path)}}
    request = engine.Request("scaling/RS-50", "kinetics-400", **given)
    with pytest.raises(ChildProcessError, match=said) as error:
        engine.run(request)
    notebook = "build/runs/runs/kinetics-400/scaling/RS-50/seed-0.ipynb"
    assert str(error.value).endswith(f"\nnotebook: {notebook}")
    assert "is not prepared" in (tmp_path / notebook).read_text()
    assert not list((tmp_path / "runs").iterdir())


def test_a_dry_run_prints_papermills_command_and_checks_the_experiment():
    options = {"parameters": {"epochs": "1"}}
    command = engine.command(engine.Request("ablation/SE", "pantomime", 3, **options))
    assert command[2:4] == ["papermill", "--log-output"]
    assert command[-3:] == ["-p", "epochs", "1"]
    assert command[command.index("results") + 1] == "runs"
    with pytest.raises(ValueError, match="received 'scaling/RS-999', allowed are"):
        engine.command(engine.Request("scaling/RS-999", "pantomime"))


def test_without_a_checkout_a_run_says_where_one_is(monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "NOTEBOOKS", tmp_path)
    with pytest.raises(FileNotFoundError, match=f"git clone {r3d_rs.REPOSITORY}"):
        engine.run(engine.Request("scaling/RS-50", "pantomime"))


def test_hours_are_added_up_by_part_of_the_paper(tmp_path):
    for study, point, dataset, seconds, device in (
        ("scaling", "R3D-50", "pantomime-20", 3600, "one core"),
        ("scaling", "RS-50", "pantomime-20", 1800, "one core"),
        ("ablation", "LS", "pantomime-20", 7200, "a card"),
        ("pre-training", "RS-50", "pantomime-web", 900, "one core"),
        ("fine-tuning", "RS-50", "pantomime-30", 900, "one core"),
        ("scaling", "RS-50", "pantomime-30", 900, "one core"),
    ):
        one = made_up(point)
        one["experiment"] |= {"study": study, "dataset": dataset}
        one["device"] = device
        one["wall_seconds"] |= {"total": seconds}
        record.write(one, tmp_path)
    assert status.table(tmp_path).loc["Table 2: ablation", "pantomime"] == (
        "2 points, 2 runs"
    )
    found = [
        (name.partition(":")[0], row["device"], row["runs"], row["hours"])
        for name, row in status.hours(tmp_path).iterrows()
    ]
    assert found == [
        ("Figures 1 and 2, Table 3", "one core", 2, "1.5"),
        # The baseline is Figure 2's R3D-50.
        ("Table 2", "a card", 1, "2.0"),
        ("Table 2", "one core", 1, "1.0"),
        ("Table 4", "-", 0, "not run"),
        # R3D-RS-50 in full is what pre-training is compared with.
        ("Table 5", "one core", 4, "1.2"),
        ("Table 6", "-", 0, "not run"),
        ("all runs", "a card", 1, "2.0"),
        ("all runs", "one core", 5, "2.2"),
    ]


def test_runs_on_accelerators_are_beside_those_on_processors(tmp_path):
    assert status.on_accelerators(tmp_path)["device"].tolist() == ["not run"]
    for point, seed, top1, device, backend in (
        ("RS-50", 0, 0.5, "a processor with AVX2, 1 of 2 cores", "tensorflow"),
        ("RS-50", 1, 0.52, "1 × NVIDIA H200, a processor, 16 cores", "jax"),
        ("RS-50", 2, 0.54, "1 × NVIDIA H200, a processor, 16 cores", "jax"),
        ("RS-101", 0, 0.6, "8 × TPU v5 lite, a processor, 112 cores", "jax"),
        ("RS-152", 0, 0.7, "a processor, 2 cores", "tensorflow"),
    ):
        one = made_up(point)
        one["experiment"] |= {"seed": seed}
        one["metrics"] |= {"video_top1": top1}
        record.write(one | {"device": device, "backend": backend}, tmp_path)
    assert status.on_accelerators(tmp_path).T.to_dict("list") == {
        "scaling/RS-101": [
            "pantomime-20",
            "8 × TPU v5 lite",
            "60.0 (seed 0, jax)",
            "not run",
        ],
        "scaling/RS-50": [
            "pantomime-20",
            "1 × NVIDIA H200",
            "52.0 (seed 1, jax), 54.0 (seed 2, jax)",
            "50.0 (seed 0, tensorflow)",
        ],
    }
