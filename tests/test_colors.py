"""Color augmentations against their formulas; a clip has one draw for all frames."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats

from r3d_rs.contrastive import colors

NEVER = {
    "jitter_strength": 1.0,
    "jitter_probability": 0.0,
    "gray_probability": 0.0,
    "blur_probability": 0.0,
    "solarize_probability": 0.0,
}
PUBLISHED = NEVER | {
    "jitter_probability": 0.8,
    "gray_probability": 0.2,
    "blur_probability": 0.5,
    "solarize_probability": 0.2,
}


def clip(frames=5, size=40, seed=0):
    return np.random.default_rng(seed).random((frames, size, size, 3), "float32")


def seeds(count):
    return tf.stack([tf.range(count), tf.zeros(count, tf.int32)], 1)


@tf.function
def augmented(values, seed):
    return colors.augment(values, **PUBLISHED, seed=seed)


def test_all_frames_are_changed_alike():
    still = np.repeat(clip(frames=1), 5, 0)
    order = [3, 0, 4, 1, 2]
    moving = clip()
    for seed in seeds(12):
        found = augmented(still, seed).numpy()
        assert (found == found[:1]).all()
        direct = augmented(moving, seed).numpy()[order]
        np.testing.assert_allclose(
            augmented(moving[order], seed).numpy(), direct, atol=1e-5
        )


def test_a_seed_gives_the_same_bits_and_another_does_not():
    one, again, other = (
        augmented(clip(), seed).numpy() for seed in [[1, 2]] * 2 + [[1, 3]]
    )
    assert (one == again).all() and (one != other).any()
    assert one.dtype == np.float32 and one.shape == clip().shape
    assert np.isfinite(one).all() and one.min() >= 0 and one.max() <= 1


def test_contrast_is_about_the_mean_of_the_whole_clip():
    values = clip()
    mean = values.mean((0, 1, 2))
    expected = mean + 1.5 * (values - mean)
    np.testing.assert_allclose(colors.contrast(values, 1.5), expected, atol=1e-5)


def test_gray_is_the_luma():
    values = clip()
    expected = values @ np.array([0.2989, 0.5870, 0.1140], "float32")
    gray = colors.grayscale(values).numpy()
    for channel in range(3):
        np.testing.assert_allclose(gray[..., channel], expected, atol=1e-4)


@pytest.mark.parametrize(("size", "radius"), [(40, 2), (32, 1), (16, 0)])
def test_blur_is_gaussian(size, radius):
    values = clip(size=size)
    x = np.arange(-radius, radius + 1)
    weights = np.exp(-(x**2) / (2 * 1.3**2))
    weights /= weights.sum()
    expected = values
    for axis in (1, 2):
        expected = ndimage.correlate1d(expected, weights, axis, mode="constant")
    np.testing.assert_allclose(colors.blur(values, 1.3), expected, atol=1e-5)


def test_the_kernel_has_the_published_number_of_taps():
    impulse = np.zeros((1, 224, 224, 3), "float32")
    impulse[0, 100, 100] = 1
    assert (colors.blur(impulse, 2.0).numpy()[0, 100, :, 0] > 0).sum() == 23


def test_solarizing_inverts_what_is_bright():
    found = colors.solarize(np.float32([0.2, 0.5, 0.9])).numpy()
    np.testing.assert_allclose(found, [0.2, 0.5, 0.1], atol=1e-6)


def test_jitter_draws_from_the_published_ranges():
    dark = np.full((1, 4, 4, 3), 0.1, "float32")  # gray: brightness alone shows

    @tf.function
    def brightness(seed):
        return colors.jitter(dark, 1.0, seed)[0, 0, 0, 0] / 0.1

    found = np.array([brightness(seed).numpy() for seed in seeds(800)])
    assert stats.kstest(found, stats.uniform(0.2, 1.6).cdf).pvalue > 1e-4
    unchanged = colors.jitter(clip(), 0.0, [0, 0]).numpy()
    np.testing.assert_allclose(unchanged, clip(), atol=1e-5)


@pytest.mark.parametrize("name", ["gray", "blur", "solarize", "jitter"])
def test_each_change_comes_as_often_as_its_probability_says(name):
    values = clip(frames=1, size=20)

    @tf.function
    def changed(seed):
        found = colors.augment(
            values, **NEVER | {f"{name}_probability": 0.3}, seed=seed
        )
        return tf.reduce_any(tf.abs(found - values) > 1e-5)

    count = sum(bool(changed(seed)) for seed in seeds(800))
    assert stats.binomtest(count, 800, 0.3).pvalue > 1e-4
