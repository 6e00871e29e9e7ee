"""Color augmentations against their formulas; a clip has one draw for all frames."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, stats

from r3d_rs.contrastive import colors
from r3d_rs.recipes.contrastive import ContrastiveRecipe

#: Its second view has all changes by chance; the first is always blurred.
PUBLISHED = ContrastiveRecipe(blur_probability=(1.0, 0.5))
BLURRED = ContrastiveRecipe(jitter_probability=0.0, gray_probability=0.0)
ALWAYS = ContrastiveRecipe(
    jitter_probability=1.0,
    gray_probability=1.0,
    blur_probability=(1.0, 1.0),
    solarize_probability=(1.0, 1.0),
)


def clip(frames=5, size=40, seed=0):
    return np.random.default_rng(seed).random((frames, size, size, 3), "float32")


def seeds(count):
    return tf.stack([tf.range(count), tf.zeros(count, tf.int32)], 1)


@tf.function
def augmented(values, seed):
    return colors.augment(values, PUBLISHED, 1, seed)


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


# The kernel has a tenth of the height, 23 taps of the published 224 pixels.
@pytest.mark.parametrize(("size", "radius"), [(224, 11), (40, 2), (16, 0)])
def test_blur_is_gaussian(size, radius):
    values = clip(frames=2, size=size)
    x = np.arange(-radius, radius + 1)
    weights = np.exp(-(x**2) / (2 * 1.3**2))
    weights /= weights.sum()
    expected = values
    for axis in (1, 2):
        expected = ndimage.correlate1d(expected, weights, axis, mode="constant")
    np.testing.assert_allclose(colors.blur(values, 1.3), expected, atol=1e-5)


def test_solarizing_inverts_what_is_bright():
    found = colors.solarize(np.float32([0.2, 0.5, 0.9])).numpy()
    np.testing.assert_allclose(found, [0.2, 0.5, 0.1], atol=1e-6)


# What the draws are, seen through clips and stand-ins that show one at a time.


def over_seeds(function, count):
    """Apply a function of a seed to `count` seeds, in tf.data."""
    stream = tf.data.Dataset.from_tensor_slices(seeds(count)).map(function)
    return np.stack(list(stream.as_numpy_iterator()))


def test_jitter_draws_every_factor_of_its_own():
    plain = np.full((2, 4, 4, 3), [0.4, 0.32, 0.28], "float32")  # no contrast to change
    gray = np.full((2, 4, 4, 3), 0.3, "float32")  # nor saturation and hue here
    gray[0] += 0.03
    gray[1] -= 0.03

    def jittered(seed):
        pixel = colors.jitter(plain, 1.0, seed)[0, 0, 0]
        light, dark = tf.unstack(colors.jitter(gray, 1.0, seed)[:, 0, 0, 0])
        contrast = (light - dark) / (light + dark)
        return tf.concat([tf.image.rgb_to_hsv(pixel), [contrast]], 0)

    hue, saturation, value, contrast = over_seeds(jittered, 2000).T
    start = tf.image.rgb_to_hsv(plain)[0, 0, 0].numpy()
    factors = [value / start[2], contrast / 0.1, saturation / start[1]]
    turn = (hue - start[0] + 0.5) % 1 - 0.5
    for found in factors:
        assert stats.kstest(found, stats.uniform(0.2, 1.6).cdf).pvalue > 1e-4
    assert stats.kstest(turn, stats.uniform(-0.2, 0.4).cdf).pvalue > 1e-4
    correlations = np.corrcoef([*factors, turn])[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 4 / np.sqrt(2000)
    unchanged = colors.jitter(clip(), 0.0, [0, 0]).numpy()
    np.testing.assert_allclose(unchanged, clip(), atol=1e-5)


def test_jitter_takes_its_four_changes_in_any_order(monkeypatch):
    start = np.full((1, 1, 1, 3), 0.25, "float32")
    steps = []

    def note(name):
        def change(values, _):
            steps.append((name, bool(tf.reduce_all(values == start))))
            return values

        return change

    monkeypatch.setattr(colors, "contrast", note("contrast"))
    monkeypatch.setattr(tf.image, "adjust_saturation", note("saturation"))
    monkeypatch.setattr(tf.image, "adjust_hue", note("hue"))
    orders = {}
    for seed in seeds(240):
        steps.clear()
        colors.jitter(start, 1.0, seed)
        assert sorted(name for name, _ in steps) == ["contrast", "hue", "saturation"]
        orders[tuple(steps)] = orders.get(tuple(steps), 0) + 1
    assert len(orders) == 24
    assert stats.chisquare(list(orders.values())).pvalue > 1e-4


def test_sigma_is_drawn_from_the_published_range():
    impulse = np.zeros((1, 20, 20, 3), "float32")
    impulse[0, 10, 10] = 1

    def beside(seed):
        found = colors.augment(impulse, BLURRED, 0, seed)
        return found[0, 10, 11, 0] / found[0, 10, 10, 0]

    sigma = np.sqrt(-1 / (2 * np.log(over_seeds(beside, 2000))))
    assert stats.kstest(sigma, stats.uniform(0.1, 1.9).cdf).pvalue > 1e-4


CHANGES = ("jitter", "grayscale", "blur", "solarize")


def test_the_changes_are_drawn_independently(monkeypatch):
    # Each stand-in adds a bit, so that the result is the set of what was drawn.
    for bit, name in enumerate(CHANGES):
        monkeypatch.setattr(
            colors, name, lambda values, *_, bit=bit: values + 2**bit / 16
        )
    nothing = np.zeros((1, 2, 2, 3), "float32")

    def drawn(seed):
        return colors.augment(nothing, PUBLISHED, 1, seed)[0, 0, 0, 0] * 16

    count = 4000
    found = np.bincount(over_seeds(drawn, count).astype(int), minlength=16)
    expected = np.ones(1)
    for probability in (0.2, 0.5, 0.2, 0.8):  # from the highest bit to the lowest
        expected = np.outer(expected, [1 - probability, probability]).ravel()
    assert stats.chisquare(found, count * expected).pvalue > 1e-4


def test_the_changes_come_in_the_published_order(monkeypatch):
    done = []

    def note(name):
        def change(values, *_):
            done.append(name)
            return values

        return change

    for name in CHANGES:
        monkeypatch.setattr(colors, name, note(name))
    colors.augment(clip(), ALWAYS, 0, [0, 0])
    assert done == list(CHANGES)


def test_a_map_of_tf_data_gives_what_a_direct_call_gives():
    clips = np.stack([clip()] * 8)
    stream = tf.data.Dataset.from_tensor_slices((clips, seeds(8))).map(augmented)
    assert stream.element_spec == tf.TensorSpec((5, 40, 40, 3), tf.float32)
    for seed, found in zip(seeds(8), stream.as_numpy_iterator(), strict=True):
        assert np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1
        direct = colors.augment(clip(), PUBLISHED, 1, seed)
        np.testing.assert_allclose(found, direct, atol=1e-5)
