"""The experiments by name, and what runs one."""

import json
import sys
from pathlib import Path

import nbformat
import pytest

import r3d_rs
from r3d_rs import paper
from r3d_rs.data.datasets import DATASETS
from r3d_rs.experiments import record, registry, run
from r3d_rs.models.resnet3d import TINY_NAMES
from r3d_rs.operations import engine, plan
from tests.shared.made_up import made_up


def test_every_row_and_point_of_the_paper_is_there():
    found = registry.all_experiments()
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
    for name, experiment in registry.all_experiments().items():
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
    for experiment in registry.all_experiments().values():
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
    for name, experiment in registry.all_experiments().items():
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


def test_a_wrong_experiment_is_named(tmp_path):
    with pytest.raises(ValueError, match="received 'scaling/RS-51', allowed are scal"):
        engine.run(engine.Request("scaling/RS-51", "pantomime"))
    with pytest.raises(ValueError, match="'ucf101' for ablation/SE, allowed are pant"):
        engine.run(engine.Request("ablation/SE", "ucf101"))
    with pytest.raises(
        ValueError, match="parameter seed: received '3', but it is set by"
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
    assert len({engine.executing_folder(path) for path in others}) == len(others)
    for path in others:  # the engine makes a folder of this name
        name = engine.executing_folder(path).relative_to(engine.RUNNING).name
        assert len(name) < 40 and name.isascii()
    for same in ("results/", "./results", Path("results").absolute()):
        assert engine.executing_folder(same) == engine.RUNNING / "results"


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


def test_a_dry_run_prints_papermills_command():
    options = {"parameters": {"epochs": "1"}}
    command = engine.command(engine.Request("ablation/SE", "pantomime", 3, **options))
    assert command[2:4] == ["papermill", "--log-output"]
    assert command[-3:] == ["-p", "epochs", "1"]
    assert command[command.index("results") + 1] == "runs"


def test_without_a_checkout_a_run_says_where_one_is(monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "NOTEBOOKS", tmp_path)
    with pytest.raises(FileNotFoundError, match=f"git clone {r3d_rs.REPOSITORY}"):
        engine.run(engine.Request("scaling/RS-50", "pantomime"))
