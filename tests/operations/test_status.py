"""The list of the experiments, and how far the plan is."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from r3d_rs.experiments import published, record
from r3d_rs.operations import status, study
from tests.shared.made_up import made_up


@pytest.fixture
def shipped():
    """Let five runs of R3D-RS-50 be published, and three of its features."""
    runs = [made_up(seed=seed, top1=0.5 + 0.01 * seed) for seed in range(5)]
    for seed in range(3):
        run = made_up(seed=seed)
        run["experiment"] |= {"study": "contrastive"}
        runs.append(run)
    return [published._row(run) for run in runs]


def overview(results, folder, shipped):
    rows = status.overview(results, folder, shipped)
    return {(row["experiment"], row["dataset"]): row for row in rows}


def listed(tmp_path, shipped):
    table = overview(Path("runs"), tmp_path, shipped)
    return {place: row["status"] for place, row in table.items()}


def test_the_list_says_what_is_running_was_stopped_or_has_failed(
    tmp_path, monkeypatch, shipped
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "pantomime-20" / "scaling" / "RS-50" / "seed-3"
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = listed(tmp_path, shipped)
    assert found["scaling/RS-50", "pantomime-20"] == "5 of 8 published, seed-3 running"
    assert found["scaling/RS-50", "kinetics-400"] == "not run"
    found = listed(tmp_path, shipped)
    assert not any("seed-3" in text for text in found.values())
    (folder / "epoch-0002.npz").touch()
    found = listed(tmp_path, shipped)["scaling/RS-50", "pantomime-20"]
    assert found == "5 of 8 published, seed-3 stopped"
    notebook = Path("build/runs/runs/pantomime-20/scaling/RS-50/seed-3.ipynb")
    notebook.parent.mkdir(parents=True)
    for exception, expected in (("true", f"failed: {notebook}"), ("null", "stopped")):
        notebook.write_text(
            f'{{"metadata": {{"papermill": {{"exception": {exception}}}}}}}'
        )
        found = listed(tmp_path, shipped)["scaling/RS-50", "pantomime-20"]
        assert found == f"5 of 8 published, seed-3 {expected}"


def test_the_list_has_the_paper_the_published_runs_and_yours(tmp_path, shipped):
    for epochs, expected in ((2, "55.0 (0.0 to 100.0, 2 seeds)"), (3, "50.0, 60.0")):
        record.write(made_up(), tmp_path)
        record.write(made_up(seed=1, top1=0.6, epochs=epochs), tmp_path)
        table = overview(tmp_path, tmp_path / "checkpoints", shipped)
        row = table["scaling/RS-50", "pantomime-20"]
        assert row["yours"] == expected
        assert row["published"] == "52.0 (50.0 to 54.0, 5 seeds)"
        assert row["status"] == "5 of 8 published, 2 yours"
        assert table["scaling/RS-50", "kinetics-400"]["paper"] == 78.2


def test_the_list_has_what_was_fine_tuned_on_your_videos(tmp_path, shipped):
    run = made_up("from-pantomime-web-RS-50", top1=0.7)
    run["experiment"] |= {"dataset": "mine", "study": "finetune"}
    record.write(run, tmp_path)
    table = overview(tmp_path, tmp_path / "checkpoints", shipped)
    row = table["finetune/from-pantomime-web-RS-50", "mine"]
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
        found = listed(tmp_path, shipped)
    assert found["contrastive/RS-50", "pantomime-20"] == "3 published, seed-0 running"
    (folder / "epoch-0030.npz").touch()
    found = listed(tmp_path, shipped)["contrastive/RS-50", "pantomime-20"]
    assert found == "3 published, seed-0 stopped"


def test_the_plans_runs_are_counted_with_their_core_hours():
    planned = len(set(study.read().runs()))
    row = {"dataset": "pantomime-20", "study": "ablation", "point": "baseline"}
    rows = [
        # The baseline of Table 2 is Figure 2's R3D-50, which is what is planned.
        row | {"seed": 0, "hours": 0.5, "device": "a processor, 1 of 2 cores"},
        row | {"seed": 1, "hours": 0.5, "device": "a processor, 2 cores"},
        row | {"seed": 99, "hours": 9.0, "device": "a processor, 1 core"},
    ]
    assert status.progress(rows).startswith(
        f"plan: 2 of {planned} runs published, {planned - 2} left; 1.5 of "
    )


def test_the_list_loads_nothing_that_takes_long():
    """Each of them takes longer to import than all else together."""
    code = (
        "import pathlib, sys; from r3d_rs.experiments import published;"
        "from r3d_rs.operations import status; folder = pathlib.Path('nowhere');"
        "status.overview(folder, folder, published.read());"
        "slow = {'keras', 'tensorflow', 'pandas', 'jsonschema'} & set(sys.modules);"
        "assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
