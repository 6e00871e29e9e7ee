"""The same clip in two splits, or in training and in another dataset's evaluation."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from r3d_rs.cli import main
from r3d_rs.preparation import overlaps, preparation
from tests.shared.tiny import clock, in_process, write_csv, write_video

A, B = "-0b_c1_000003_000013", "abcdefghijk_000003_000013"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (A, A, True),
        (A, "-0b_c1_000012_000022", True),
        (A, "-0b_c1_000013_000023", False),  # which begins where the other ends
        (A, "-0b_c2_000003_000013", False),
        (A, "-0b_c1", True),  # the whole video
        (B, "abcdefghijk_12", True),  # MediaSequence's
        (B, "abcdefghijk_13", False),
        ("abcdef_1_23", "abcdef_1_23", True),  # one of YouTube's ids
        ("abcdef_1_23", "abcdef_5_15", False),
        ("train-0.tfrecord__1", "train-0.tfrecord__1", False),  # no clip's name
    ],
)
def test_clips_are_the_same_where_their_seconds_overlap(one, other, same):
    assert bool(overlaps.of_ids([one, "x"], ["y", other])) == same
    assert bool(overlaps.of_ids(["x", other], [one, "y"])) == same


def index(*clips):
    """Return what is needed of an index of clips, each with its frames' hashes."""
    hashes = np.concatenate([np.array(clip, np.int32) for clip in clips])
    row = np.cumsum([0, *map(len, clips)])
    ids = np.array([f"{chr(97 + i)}{len(clips)}" for i in range(len(clips))])
    return SimpleNamespace(ids=ids, row=row, hash=hashes, size=hashes % 7)


def test_clips_are_the_same_where_all_frames_are():
    one = index([1, 2, 3], [4, 5], [1, 2])
    other = index([1, 2], [4, 6])
    assert overlaps.of_frames(one, other) == {"c3": "a2"}
    assert overlaps.of_frames(other, one) == {"a2": "c3"}


def prepare(folder, name, train, validate):
    """Prepare videos by their source and start; those of one start are the same."""
    videos = folder / "videos" / name
    for split, rows in {"train": train, "validate": validate}.items():
        clips = [("wave", source, start, start + 10) for source, start in rows]
        write_csv(videos / f"{split}.csv", [(*row, split) for row in clips])
        for _, source, start, end in clips:
            path = videos / split / f"{source}_{start:06d}_{end:06d}.mp4"
            write_video(
                path, clock(4)[:, ::-1] if start % 2 else clock(5, 48, 48 + start)
            )
    with in_process():
        preparation.prepare(name, folder / "data", False, videos=videos, short_side=48)


def verify(folder, name):
    words = ["data", "verify", name, "--data-dir", str(folder / "data")]
    done = CliRunner().invoke(main, words)
    return done.exit_code, [x for x in done.output.splitlines() if "same clips" in x]


def test_verify_counts_and_names_clips_of_two_splits(tmp_path):
    (tmp_path / "videos" / "kinetics-400").mkdir(parents=True)
    train = [("a", 2), ("b", 20), ("c", 40)]
    validate = [("a", 11), ("b", 30), ("d", 40), ("e", 60)]
    prepare(tmp_path, "kinetics-400", train, validate)
    assert verify(tmp_path, "kinetics-400") == (
        1,
        [
            "same clips: 2 clips of validation are in train:"
            " a_000011_000021 (a_000002_000012), d_000040_000050 (c_000040_000050)"
        ],
    )
    # Before they are prepared, the lists tell.
    shutil.rmtree(tmp_path / "data")
    words = ["data", "verify", "kinetics-400", "--data-dir", str(tmp_path / "data")]
    words += ["--videos", str(tmp_path / "videos" / "kinetics-400")]
    said = CliRunner().invoke(main, words).output
    assert "same clips: 1 clips of validation are in train: a_000011_000021 (" in said


def test_verify_counts_clips_that_another_dataset_trains_on(tmp_path):
    for name in ("kinetics-400", "kinetics-600"):
        (tmp_path / "videos" / name).mkdir(parents=True)
    prepare(tmp_path, "kinetics-400", [("a", 2), ("b", 20)], [("c", 40), ("d", 60)])
    prepare(tmp_path, "kinetics-600", [("c", 44), ("f", 80)], [("b", 22), ("g", 100)])
    assert verify(tmp_path, "kinetics-400") == (
        0,  # which no list of one dataset tells
        [
            "same clips: 1 clips of validation are in kinetics-600's train:"
            " c_000040_000050 (c_000044_000054)",
            "same clips: 1 clips of train are in kinetics-600's validation:"
            " b_000020_000030 (b_000022_000032)",
        ],
    )


def test_verify_compares_with_datasets_of_your_own_by_their_frames(tmp_path):
    (tmp_path / "videos" / "kinetics-400").mkdir(parents=True)
    prepare(tmp_path, "kinetics-400", [("a", 2), ("b", 20)], [("c", 40), ("d", 60)])
    for name, width in (("mine", 88), ("yours", 90)):
        videos = tmp_path / "videos" / name
        for number in (0, 2):
            write_video(videos / f"{number}.mp4", clock(5, 48, width + 50 * number))
        (videos / "train.csv").write_text("label,path\nx,0.mp4\ny,2.mp4\n")
        with in_process():
            preparation.prepare(
                name, tmp_path / "data", False, videos=videos, short_side=48
            )
    same = "clips of validation are in mine's train: c_000040_000050 (0.mp4)"
    assert verify(tmp_path, "kinetics-400") == (0, [f"same clips: 1 {same}"])
    # A path is below one's own folder: that yours has 0.mp4, too, tells nothing.
    same = "clips of train are in kinetics-400's validation: 0.mp4 (c_000040_000050)"
    assert verify(tmp_path, "mine") == (0, [f"same clips: 1 {same}"])
