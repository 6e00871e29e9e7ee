"""Which frames and crops clips take, against the official implementation's numbers."""

import numpy as np
import pytest

from r3d_rs.data import transforms
from r3d_rs.videos import geometry

# Sampling: the official implementation's numbers for clips of 32 frames at stride 2.


@pytest.mark.parametrize(
    ("length", "starts"), [(64, 2), (63, 1), (62, 62), (250, 188), (1, 1)]
)
def test_a_random_clip_starts_where_it_fits_and_else_anywhere(length, starts):
    assert int(transforms.num_random_starts(length, 32, 2)) == starts
    drawn = {int(transforms.random_start(length, 32, 2, (0, i))) for i in range(20)}
    assert min(drawn) >= 0 and max(drawn) < starts
    assert starts == 1 or len(drawn) > 1


def test_a_short_video_loops():
    indices = transforms.clip_indices(61, 62, 32, 2).numpy()
    assert indices[:3].tolist() == [61, 1, 3]
    assert indices.max() <= 61


@pytest.mark.parametrize("length", [10, 64, 65, 100, 250, 300])
def test_evaluation_starts_are_the_formula(length):
    starts = transforms.even_starts(length, 32, 2, 10).numpy()
    expected = np.linspace(0, max(0, length - 64), 10) + 1e-9
    assert starts.tolist() == expected.astype(int).tolist()


def test_a_single_clip_is_in_the_middle():
    assert transforms.even_starts(250, 32, 2, 1).numpy().tolist() == [93]


# Crops and flips.


def test_random_crops_are_distributed_as_the_official_ones():
    boxes = np.stack(
        [
            transforms.random_crop_box(
                256, 340, (0.08, 1.0), (0.5, 2.0), (1, i)
            ).numpy()
            for i in range(800)
        ]
    )
    top, left, height, width = boxes.T
    assert (top >= 0).all() and (top + height <= 256).all()
    assert (left >= 0).all() and (left + width <= 340).all()
    area, aspect = height * width / (256 * 340), width / height
    assert area.min() == pytest.approx(0.1, abs=0.01)
    assert area.mean() == pytest.approx(0.37, abs=0.03)
    assert aspect.mean() == pytest.approx(1.245, abs=0.05)


@pytest.mark.parametrize(
    ("side", "offsets"), [(256, [0, 0, 0]), (340, [0, 42, 84]), (343, [0, 44, 87])]
)
def test_crops_are_left_centre_and_right(side, offsets):
    assert transforms.crop_offsets(side, 256, 3).numpy().tolist() == offsets
    assert transforms.crop_offsets(side, 256, 1).numpy().tolist() == [offsets[1]]


def test_crops_run_along_the_longer_side():
    wide = np.tile(np.arange(64.0)[:, None], (2, 24, 1, 3)).astype("float32")
    crops = transforms.spatial_crops(wide, 24, 3).numpy()
    assert crops.shape == (3, 2, 24, 24, 3)
    assert crops[:, 0, 0, 0, 0].tolist() == [0, 20, 40]
    tall = transforms.spatial_crops(wide.swapaxes(1, 2), 24, 3).numpy()
    assert (tall == crops.swapaxes(2, 3)).all()


def test_the_short_side_is_resized_and_the_longer_rounded_down():
    assert transforms.resize_short_side(np.zeros((1, 48, 65, 3)), 36).shape == (
        1,
        36,
        48,
        3,
    )
    assert transforms.resize_short_side(np.zeros((1, 65, 48, 3)), 36).shape == (
        1,
        48,
        36,
        3,
    )
    assert geometry.scaled_size(48, 65, 36) == (36, 48)


def test_half_of_the_clips_are_mirrored_where_it_is_allowed():
    clip = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), "uint8")
    for allowed, low, high in ((True, 35, 65), (False, 0, 0)):
        clips = [
            np.asarray(transforms.random_flip(clip, allowed, (0, i)))
            for i in range(100)
        ]
        mirrored = sum((other == clip[:, :, ::-1]).all() for other in clips)
        assert low <= mirrored <= high
        assert mirrored + sum((other == clip).all() for other in clips) == 100


def test_mirroring_before_resizing_is_mirroring_after_it():
    clip = np.random.default_rng(0).integers(0, 256, (2, 41, 53, 3), "uint8")
    before = transforms.resize(clip[:, :, ::-1], 32, 32).numpy()
    assert np.allclose(before, transforms.resize(clip, 32, 32)[:, :, ::-1], atol=1e-3)
