"""Pantomime: exact, balanced, about motion, and made whole or not at all."""

import collections
import csv
import dataclasses
import hashlib
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from r3d_rs.data.names import data_directory
from r3d_rs.pantomime import (
    CLASSES_20,
    CLASSES_30,
    FLIP_CHANGES,
    SETS,
    exact,
    make,
    video,
)
from r3d_rs.pantomime import make as make_function
from r3d_rs.pantomime.actions import ACTIONS, STANDING
from r3d_rs.pantomime.exact import Draws
from r3d_rs.pantomime.video import SPLITS, _phase

make_module = sys.modules[make_function.__module__]

#: SHA-256 of the frames of video 0 of every class of seed 0, one after the other.
FRAMES_SHA256 = "aa0744960cbce4d409216cc4109a4f55b8bca7346fa8b1862f1305023b013047"

HASH_PROGRAM = """
import hashlib
from r3d_rs.pantomime import CLASSES_30, video
digest = hashlib.sha256()
for index, name in enumerate(CLASSES_30):
    digest.update(video(name, 0, "train", index).tobytes())
print(digest.hexdigest())
"""


def run_hash_program(**environment: str) -> str:
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [sys.executable, "-c", HASH_PROGRAM],
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


def dispatched_features() -> list[str]:
    """The SIMD levels above its baseline that NumPy uses on this processor."""
    core = np._core._multiarray_umath
    return [f for f in core.__cpu_dispatch__ if core.__cpu_features__.get(f)]


def test_the_same_seed_gives_the_same_frames_on_every_machine():
    digest = hashlib.sha256()
    for index, name in enumerate(CLASSES_30):
        digest.update(video(name, 0, "train", index).tobytes())
    assert digest.hexdigest() == FRAMES_SHA256


def test_the_frames_do_not_depend_on_the_simd_level():
    features = dispatched_features()
    if not features:
        pytest.skip("NumPy uses nothing above its baseline here")
    found = run_hash_program(NPY_DISABLE_CPU_FEATURES=" ".join(features))
    assert found == FRAMES_SHA256


def test_sine_and_cosine():
    degrees = np.linspace(-1000.0, 1000.0, 4001)
    radians = np.deg2rad(degrees)
    np.testing.assert_allclose(exact.sine(degrees), np.sin(radians), atol=1e-11)
    np.testing.assert_allclose(exact.cosine(degrees), np.cos(radians), atol=1e-11)


def test_videos_have_40_frames_of_64_by_80_and_differ():
    frames = [video("clap", 0, "train", index) for index in (12, 32)]
    frames += [video("clap", 1, "train", 12), video("clap", 0, "test", 12)]
    assert {(f.shape, f.dtype.name) for f in frames} == {((40, 64, 80, 3), "uint8")}
    assert len({f.tobytes() for f in frames}) == 4
    assert all(np.any(f[0] != f[20]) for f in frames)


def test_pantomime_30_begins_with_pantomime_20():
    assert (len(CLASSES_20), len(CLASSES_30)) == (20, 30)
    assert CLASSES_30[:20] == CLASSES_20
    assert len(set(CLASSES_30)) == 30
    assert set(FLIP_CHANGES) == set(FLIP_CHANGES.values()) <= set(CLASSES_30)


@pytest.mark.parametrize(
    ("one", "other"),
    [pair for pair in itertools.pairwise(CLASSES_30) if ACTIONS[pair[1]].reverse],
)
def test_pairs_are_time_reversals(one, other):
    phase = np.linspace(0.0, 1.0, 9)
    a, b = ACTIONS[one].pose(phase), ACTIONS[other].pose(phase)
    assert set(a) == set(b) <= set(STANDING)
    assert all(np.array_equal(a[channel], b[channel]) for channel in a)
    if ACTIONS[one].period is None:
        forward = _phase(Draws(3), ACTIONS[one])
        np.testing.assert_allclose(_phase(Draws(3), ACTIONS[other]), 1.0 - forward)
        assert forward[0] == 0.0
        assert forward[-1] == 1.0


def test_a_frame_is_as_likely_under_an_action_as_under_its_reversal():
    phases = np.array([_phase(Draws(9, i), ACTIONS["bow"]) for i in range(2000)])
    shares = np.histogram(phases, bins=8, range=(0.0, 1.0))[0] / phases.size
    np.testing.assert_allclose(shares, shares[::-1], atol=0.01)


def test_most_clips_of_the_shortest_span_hold_motion():
    phases = np.array([_phase(Draws(9, i), ACTIONS["bow"]) for i in range(200)])
    change = phases[:, 15:] - phases[:, :-15]
    assert np.mean(change > 0.25) > 0.85


def test_turn_left_is_to_the_left():
    pose = ACTIONS["turn left"].pose(np.array([0.0, 1.0]))
    assert pose["yaw"][1] > pose["yaw"][0]


def test_the_file_holds_the_frames():
    frames = video("jump", 0, "train", 4)
    with av.open(io.BytesIO(make_module.encode(frames))) as container:
        stream = container.streams.video[0]
        decoded = [f.to_ndarray(format="rgb24") for f in container.decode(stream)]
        assert stream.average_rate == 12
        assert stream.codec_context.name == "h264"
    assert np.abs(np.stack(decoded).astype(float) - frames).mean() < 5.0


def test_gray_keeps_its_value_in_yuv():
    gray = np.full((1, 4, 4, 3), 128, np.uint8)
    assert set(make_module.to_yuv(gray).reshape(-1).tolist()) == {126, 128}


@pytest.fixture
def few(monkeypatch):
    """Make the sets small."""
    for name, videos in SETS.items():
        small = dataclasses.replace(
            videos, train=2, validate=1, test=videos.test // 100
        )
        monkeypatch.setitem(SETS, name, small)


def test_make_lays_files_out_like_kinetics(tmp_path, few):
    root = make(tmp_path / "videos", workers=1, progress=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["videos"]
    ids = []
    for split, count in (("train", 40), ("validate", 20), ("test", 20)):
        with open(root / f"{split}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == [
            "label",
            "youtube_id",
            "time_start",
            "time_end",
            "split",
        ]
        assert len(rows) == count
        assert {row["label"] for row in rows} == set(CLASSES_20)
        for row in rows:
            ids.append(row["youtube_id"])
            name = f"{row['youtube_id']}_000000_000004.mp4"
            assert (root / split / row["label"] / name).stat().st_size > 0
            assert row["split"] == split
    assert len(set(ids)) == len(ids)
    assert {len(i) for i in ids} == {11}
    before = (root / "train.csv").stat().st_mtime_ns
    assert make(root, progress=False) == root
    assert (root / "train.csv").stat().st_mtime_ns == before
    with pytest.raises(FileExistsError, match="seed is 0, not 1"):
        make(root, seed=1)


def test_processes_make_the_same_files(tmp_path, monkeypatch):
    one = dataclasses.replace(SETS["pantomime-20"], train=1, validate=0, test=0)
    monkeypatch.setitem(SETS, "pantomime-20", one)
    roots = [make(tmp_path / str(n), workers=n, progress=False) for n in (1, 2)]
    files = [
        {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}
        for root in roots
    ]
    assert files[0] == files[1]


def test_an_interrupted_make_leaves_nothing(tmp_path, few, monkeypatch):
    def interrupt(job):
        raise KeyboardInterrupt

    monkeypatch.setattr(make_module, "_write_video", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "videos", workers=1, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_error(tmp_path, few, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        OSError, match=r"cannot write pantomime-20 to .*: No space left"
    ):
        make(tmp_path / "videos", workers=1, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_make_does_not_touch_what_it_did_not_make(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is no Pantomime"):
        make(tmp_path, progress=False)
    (tmp_path / "mine.txt").unlink()
    (tmp_path / "pantomime.json").write_text(json.dumps({"classes": ["nap"]}))
    with pytest.raises(FileExistsError, match="version is None, not 2"):
        make(tmp_path, progress=False)


def test_the_sets_are_named_when_there_is_none_of_a_name(tmp_path):
    message = "name: 'pantomime-25'; allowed are pantomime-20, pantomime-30, pantomime-"
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "videos", name="pantomime-25")


def test_the_sets_have_stated_sizes():
    counts = {
        name: [videos.count(split) for split in SPLITS] for name, videos in SETS.items()
    }
    assert counts == {
        "pantomime-20": [400, 400, 2000],
        "pantomime-30": [600, 600, 3000],
        "pantomime-web": [12000, 600, 0],
    }


def test_three_in_ten_labels_of_the_web_set_are_wrong():
    web = SETS["pantomime-web"]
    shown = [web.shown(0, "train", index) for index in range(6000)]
    wrong = [i for i, name in enumerate(shown) if name != web.label(i)]
    assert len(wrong) / 6000 == pytest.approx(0.3, abs=0.03)
    counts = collections.Counter(shown[i] for i in wrong)
    assert set(counts) == set(CLASSES_30)  # any class may be in the place of another
    assert max(counts.values()) < 2 * min(counts.values())
    assert all(web.shown(0, "validate", i) == web.label(i) for i in range(600))
    for name in ("pantomime-20", "pantomime-30"):
        right = SETS[name]
        number = right.count("train")
        assert all(right.shown(0, "train", i) == right.label(i) for i in range(number))


def test_the_web_set_shares_no_video_with_the_others():
    web = {video("clap", 0, split, 12, stream=1).tobytes() for split in SPLITS}
    own = {video("clap", 0, split, 12).tobytes() for split in SPLITS}
    assert len(web | own) == 6


def test_the_data_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("R3D_RS_DATA", str(tmp_path))
    assert data_directory(None) == tmp_path
    assert data_directory("~/videos") == Path.home() / "videos"
    monkeypatch.delenv("R3D_RS_DATA")
    assert data_directory(None) == Path.home() / ".cache" / "r3d_rs"
