"""The commands `r3d-rs data`, from videos to a dataset that is complete."""

import pytest
from click.testing import CliRunner

from r3d_rs.cli import main
from r3d_rs.data import datasets
from tests.shared.tiny import clock, in_process, write_video, write_videos


def call(*words):
    done = CliRunner().invoke(main, ["data", *map(str, words)])
    return done.exit_code, done.output


def test_a_dataset_is_prepared_in_parts_merged_verified_and_shown(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_videos(tmp_path / "videos", {"train": 6, "validate": 3})
    for path in (tmp_path / "videos" / "validate").rglob("*.mp4"):
        write_video(path, clock()[:, :, ::-1])  # other ones than those of training
    where = ("kinetics-400", "--data-dir", tmp_path / "data")
    how = ("--videos", tmp_path / "videos", "--workers", 1, "--short-side", 48)
    code, said = call("verify", *where, "--videos", tmp_path / "videos")
    assert code == 0 and "kinetics-400 is not prepared" in said
    assert "train: 6 videos are listed, 0 have no file" in said
    assert call("prepare", *where, *how, "--part", "1/2")[0] == 0
    code, said = call("prepare", *where, *how, "--part", "2/2")
    assert (code, said.splitlines()[-1]) == (0, "kinetics-400: part 2/2 is written")
    code, said = call("merge", *where)
    assert code == 0 and said.splitlines()[-2:] == [
        "kinetics-400 train: 6 videos",
        "kinetics-400 validation: 3 videos",
    ]
    code, said = call("verify", *where)
    assert code == 0 and "kinetics-400: 3 classes, of 400 when complete" in said
    assert "validation, whose accuracy is reported: 3 stored, listed: 3" in said
    code, said = call("inspect", *where)
    assert code == 0 and "contact sheet: kinetics-400.png" in said
    assert (tmp_path / "kinetics-400.png").stat().st_size > 1000


def test_repeated_frames_and_partial_downloads_are_counted_and_shown(tmp_path):
    write_videos(tmp_path, {"train": 6})
    first, second, *_ = sorted((tmp_path / "train").rglob("*.mp4"))
    write_video(first, clock(4), pts=[0, 40, 80, 400])
    second.rename(f"{second}.part")
    where = ("kinetics-400", "--data-dir", tmp_path / "data")
    named = f"{second.stem}: there is only {second.name}.part, whose ending"
    _, said = call("verify", *where, "--videos", tmp_path)
    assert "6 videos are listed, 1 have no file" in said and named in said
    how = ("--videos", tmp_path, "--workers", 1, "--max-aside", 0.2)
    code, said = call("prepare", *where, *how)
    assert code == 0 and said.splitlines()[-1] == (
        "kinetics-400 train: 5 videos, 1 set aside, 1 with broken, repeated or left out"
        " frames (data verify lists them)"
    )
    _, said = call("verify", *where)
    assert f"missing: {second.stem}" in said and f"{second.name}.part" in said
    assert f"frames: {first.stem} " in said
    assert "7 frames that repeat the one before (of 11 frames)" in said


@pytest.mark.filterwarnings("ignore:videos are divided one by one")
def test_classes_that_are_told_by_side_are_named_one_by_one_or_together(tmp_path):
    labels = ("jump", "left, up", "left", "right")
    for number in range(8):
        path = tmp_path / "videos" / labels[number // 2] / f"{number}.mp4"
        write_video(path, clock(2))
    where = ("mine", "--data-dir", tmp_path / "data", "--videos", tmp_path / "videos")
    with in_process():
        code, said = call("prepare", *where, "--no-flip", "left, right,up")
        assert (code, said.splitlines()[-1]) == (
            1,
            "Error: parameter no_flip: received 'up', allowed are 'jump', 'left',"
            " 'left, up', 'right'",
        )
        options = ("--no-flip", "left, up", "--no-flip", "left, right")
        assert call("prepare", *where, *options)[0] == 0
    made = datasets.load("mine", tmp_path / "data")
    assert made.classes == ("jump", "left", "left, up", "right")
    assert made.may_flip == (True, False, False, False)
