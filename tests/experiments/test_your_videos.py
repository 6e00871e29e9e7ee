"""From a folder of videos to a prediction, by the commands and by the notebook."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from r3d_rs.experiments import executed, record
from tests.shared.tiny import clock, write_video

ROOT = Path(__file__).parents[2]
LABELS = ("sauter à la corde", "Füße heben", "wave")
ENDINGS = ("mp4", "mkv", "avi")
#: A network that trains in seconds.
TINY = {"network": "RS-50", "scale": "tiny", "epochs": 1, "size": 16, "frames": 4}

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of 60 videos, and one of the data."""
    folder = tmp_path_factory.mktemp("yours")
    for label in LABELS:
        for number in range(20):
            name = f"person {number // 4} take {number % 4}.{ENDINGS[number % 3]}"
            write_video(folder / "my videos" / label / name, clock(12))
    (folder / "my videos" / "wave" / "notes.txt").touch()
    return folder


def command(place, *words):
    """Run `r3d-rs`, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "r3d_rs", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"R3D_RS_DATA": str(place / "data")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "oneDNN" not in done.stderr  # nor anything else that is TensorFlow's
    return done.stdout


def parameters(place):
    own = {"results": place / "records", "checkpoints": place / "states"}
    return {name: str(value) for name, value in (TINY | own).items()}


def test_four_commands_lead_from_a_folder_to_a_prediction(place):
    videos = place / "my videos"
    command(
        *(place, "data", "prepare", "mine", "--videos", videos),
        *("--group", "(person [0-9]+)", "--no-flip", "wave"),
    )
    given = [word for item in TINY.items() for word in ("-p", "{}={}".format(*item))]
    folders = ("--results", place / "records", "--checkpoints", place / "states")
    command(place, "run", "finetune/mine", *folders, *given)
    [found] = record.find(place / "records")
    assert found["experiment"]["dataset"] == "mine"
    # one of five persons is aside
    assert found["metrics"]["num_videos"] == 12
    assert "finetune/RS-50" in command(
        place, "list", "finetune", "--results", place / "records"
    )
    network = place / "states" / "mine" / "finetune" / "RS-50" / "seed-0"
    clip = videos / LABELS[0] / "person 0 take 1.mkv"
    printed = command(place, "predict", clip, "--network", network)
    assert {line.split("  ")[-1] for line in printed.splitlines()} == set(LABELS)


def test_the_notebook_does_the_same(place):
    command(place, "data", "prepare", "yours", "--videos", place / "my videos")
    out = place / "out.ipynb"
    given = parameters(place) | {"dataset": "yours", "data_dir": str(place / "data")}
    words = [word for item in given.items() for word in ("-p", *item)]
    notebook = ROOT / "notebooks" / "finetune.ipynb"
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "--no-progress-bar", notebook, out, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pictures = [
        output
        for cell in executed.read(out)["cells"]
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 4  # clips, curves, confusion, examples
    [found] = record.find(place / "records", "yours")
    assert found["metrics"]["num_videos"] == 12
