"""What the probes of motion do to clips, and what ridge regression sees of them."""

import numpy as np

from r3d_rs import files
from r3d_rs.evaluation import probes
from r3d_rs.experiments import registry

VIEWS = np.random.default_rng(0).random((2, 5, 16, 16, 3), "float32")


def test_a_frozen_clip_is_its_middle_frame():
    frozen = probes.freeze(VIEWS).numpy()
    assert (frozen == VIEWS[:, 2:3]).all() and frozen.shape == VIEWS.shape


def test_a_clip_that_is_reversed_twice_is_itself():
    assert (probes.reverse(VIEWS)[:, 0] == VIEWS[:, 4]).all()
    assert (probes.reverse(probes.reverse(VIEWS)) == VIEWS).all()


def test_shuffled_clips_have_their_frames_in_the_same_other_order():
    shuffled = probes.shuffle(VIEWS)
    order = [
        next(t for t in range(5) if (VIEWS[0, t] == frame).all())
        for frame in shuffled[0]
    ]
    assert sorted(order) == list(range(5)) != order
    assert (shuffled[1] == VIEWS[1, order]).all()


def test_differences_are_where_something_moves():
    clip = np.zeros((3, 16, 16, 3), "float32")
    clip[1:, :2, 2:4] = 1  # one of 8 by 8 cells, from the first frame to the second
    first, second = np.split(probes.difference_features(clip).reshape(16, 8), 2)
    assert first[0, 1] == 1 and first.sum() == 1 and second.sum() == 0


def test_every_probe_is_measured_on_all_test_videos(dataset, tmp_path):
    recipe = registry.get("scaling/RS-50").recipe("kinetics-400", "tiny")
    path = probes.write(dataset, recipe, tmp_path)
    found = files.read_json(path)
    assert path == tmp_path / "kinetics-400" / "probes.json"
    assert found["chance"] == 1 / 3
    for name in ("clips", "reversed", "shuffled", "trained_on_single_frames"):
        assert found[name]["num_videos"] == 3
    # The clips of the tiny videos differ by their frame number alone.
    assert 0 <= found["ridge_on_frame_differences"]["video_top1"] <= 1
