"""RandAugment of clips, against Pillow, NumPy and trigonometry."""

import math

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from r3d_rs.data import randaugment
from r3d_rs.data.randaugment import OPERATIONS, rand_augment

MAGNITUDES = (0, 2, 5, 9.5, 10, 17, 30)
#: (time, height, width): landscape, portrait, a single frame, and tiny ones.
SHAPES = ((4, 20, 31), (3, 31, 20), (1, 24, 24), (1, 1, 1), (2, 2, 3), (5, 1, 4))
GEOMETRIC = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")


def scene(time=4, height=20, width=31):
    """Draw noise whose frames and channels differ in brightness and in contrast."""
    noise = np.random.default_rng(0).uniform(0, 1, (time, height, width, 3))
    low = 20 + 10 * np.arange(time)[:, None, None, None] % 60
    return (low + noise**2 * np.array([90, 130, 160])).astype("uint8")


def run(name, clip, magnitude=10, seed=(0, 0)):
    return OPERATIONS[name](tf.constant(clip), magnitude, seed).numpy()


def over_seeds(function, count):
    """Apply a function of a seed to `count` seeds, in tf.data."""
    stream = tf.data.Dataset.range(count).map(lambda i: function(tf.stack([7, i])))
    return np.stack(list(stream.as_numpy_iterator()))


def factor(magnitude):
    return 0.18 * magnitude + 0.1


def test_the_operations_are_the_sixteen_and_identity():
    assert ", ".join(OPERATIONS) == (
        "AutoContrast, Equalize, Invert, Rotate, Posterize, Solarize, Color, Contrast, "
        "Brightness, Sharpness, ShearX, ShearY, TranslateX, TranslateY, Cutout, "
        "SolarizeAdd, Identity"
    )


# Colours and levels: Pillow's.

#: From name to a function of (image, magnitude) and the levels its result may be off.
#: Pillow truncates where we round, which is one level.
PILLOW = {
    "AutoContrast": (lambda image, _: ImageOps.autocontrast(image), 1),
    "Equalize": (lambda image, _: ImageOps.equalize(image), 0),
    "Invert": (lambda image, _: ImageOps.invert(image), 0),
    "Posterize": (lambda image, m: ImageOps.posterize(image, bits(m)), 0),
    "Solarize": (lambda image, m: ImageOps.solarize(image, int(25.6 * m)), 0),
    "Color": (lambda image, m: ImageEnhance.Color(image).enhance(factor(m)), 1),
    "Contrast": (lambda image, m: ImageEnhance.Contrast(image).enhance(factor(m)), 1),
    "Brightness": (
        lambda image, m: ImageEnhance.Brightness(image).enhance(factor(m)),
        1,
    ),
    "Sharpness": (lambda image, m: ImageEnhance.Sharpness(image).enhance(factor(m)), 1),
    "SolarizeAdd": (
        lambda image, m: image.point(lambda v: v + int(11 * m) if v < 128 else v),
        0,
    ),
    "Identity": (lambda image, _: image, 0),
}


def bits(magnitude):
    return min(max(int(0.4 * magnitude), 1), 8)


def pillow(name, image, magnitude):
    return np.asarray(PILLOW[name][0](Image.fromarray(image), magnitude))


def assert_close(actual, expected, name, magnitude):
    distance = np.abs(actual.astype(int) - expected)
    tolerance = PILLOW[name][1]
    if name in ("Color", "Contrast", "Sharpness"):
        # They extrapolate from whole levels: one that rounds the other way counts more.
        tolerance += abs(1 - factor(magnitude))
    assert distance.max() <= tolerance
    assert distance.mean() < 0.75


@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("name", PILLOW)
def test_a_clip_of_one_frame_is_as_pillow_has_it(name, magnitude):
    for shape in ((20, 31), (31, 20), (1, 1), (2, 3), (3, 3), (4, 1)):
        clip = scene(1, *shape)
        actual = run(name, clip, magnitude)[0]
        assert_close(actual, pillow(name, clip[0], magnitude), name, magnitude)


@pytest.mark.parametrize("name", PILLOW)
def test_a_clip_is_one_tall_image_but_for_contrast_and_sharpness(name):
    clip, magnitude = scene(), 8
    frames = np.stack([pillow(name, frame, magnitude) for frame in clip])
    tall = pillow(name, np.concatenate(clip), magnitude).reshape(clip.shape)
    frame_by_frame = name in ("Contrast", "Sharpness")
    expected, other = (frames, tall) if frame_by_frame else (tall, frames)
    assert_close(run(name, clip, magnitude), expected, name, magnitude)
    if frame_by_frame or name in ("AutoContrast", "Equalize"):
        assert np.abs(expected.astype(int) - other).max() > 5


@pytest.mark.parametrize("level", [0, 77, 255])
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_constant_clip_stays_constant(name, level):
    expected = {
        "Invert": 255 - level,
        "Brightness": min(round(1.9 * level), 255),
        "Posterize": level // 16 * 16,
        "SolarizeAdd": level + 110 if level < 128 else level,
    }.get(name, level)
    for shape in SHAPES:
        result = run(name, np.full((*shape, 3), level, "uint8"))
        allowed = {expected, randaugment.GREY} if name == "Cutout" else {expected}
        assert set(np.unique(result)) <= allowed


def test_solarize_inverts_nothing_from_magnitude_10_on():
    levels = np.arange(256, dtype="uint8").repeat(3).reshape(1, 16, 16, 3)
    inverted = {m: (run("Solarize", levels, m) != levels).sum() // 3 for m in (0, 9, 5)}
    assert inverted == {0: 256, 9: 256 - 230, 5: 128}
    for magnitude in (10, 15, 20, 30):
        assert (run("Solarize", levels, magnitude) == levels).all()


@pytest.mark.parametrize(
    ("magnitude", "levels"), [(0, 2), (2, 2), (5, 4), (10, 16), (19, 128), (30, 256)]
)
def test_posterize_leaves_powers_of_two(magnitude, levels):
    clip = np.arange(256, dtype="uint8").repeat(3).reshape(1, 16, 16, 3)
    assert len(np.unique(run("Posterize", clip, magnitude))) == levels


# Geometry.


@pytest.mark.parametrize("name", GEOMETRIC)
def test_magnitude_zero_moves_nothing(name):
    for shape in SHAPES:
        assert (run(name, scene(*shape), 0) == scene(*shape)).all()


def test_a_quarter_turn_is_a_transposed_mirror_image():
    clip = scene(3, 25, 25)
    turns = [run("Rotate", clip, 30, (0, i)) for i in range(12)]
    ways = [np.rot90(clip, way, axes=(1, 2)) for way in (1, -1)]
    seen = [[(turn == way).all() for way in ways] for turn in turns]
    assert all(sum(row) == 1 for row in seen)
    assert {row.index(True) for row in seen} == {0, 1}


@pytest.mark.parametrize("magnitude", [3, 10, 15])
def test_a_spot_turns_to_where_trigonometry_says(magnitude):
    y, x = np.mgrid[-30:31, -35:36]  # so far that the border reflects no second spot
    spot = 255 * np.exp(-((x - 6) ** 2 + (y + 8) ** 2) / 4)
    clip = np.repeat(spot[None, ..., None], 3, axis=-1).round().astype("uint8")
    weights = run("Rotate", clip, magnitude)[0, ..., 0]
    found = [np.average(places, weights=weights) for places in (x, y)]
    angle = math.radians(3 * magnitude)
    distances = []
    for way in (angle, -angle):
        cos, sin = math.cos(way), math.sin(way)
        distances.append(math.dist(found, [6 * cos + 8 * sin, 6 * sin - 8 * cos]))
    assert min(distances) < 0.05 and max(distances) > 1


def shifted(line, shift):
    """Shift `(places, 3)` by a fraction of a pixel, its ends reflected."""
    pad = 40
    places, padded = (
        np.arange(len(line)),
        np.pad(line, ((pad, pad), (0, 0)), "symmetric"),
    )
    grid = np.arange(-pad, len(line) + pad)
    return np.stack([np.interp(places + shift, grid, c) for c in padded.T], axis=1)


@pytest.mark.parametrize("magnitude", [4, 10, 30])
@pytest.mark.parametrize("name", ["ShearX", "ShearY", "TranslateX", "TranslateY"])
def test_shears_and_translations_shift_rows_or_columns(name, magnitude):
    for time, height, width in SHAPES:
        clip = scene(time, height, width)
        # Columns become rows, so that one loop does for both directions.
        turn = (lambda x: x) if name.endswith("X") else (lambda x: x.swapaxes(1, 2))
        rows, actual = turn(clip), turn(run(name, clip, magnitude).astype(float))
        errors = []
        for way in (-1, 1):
            if name.startswith("Shear"):
                shifts = way * 0.03 * magnitude * np.arange(rows.shape[1])
            else:
                side = rows.shape[2]
                shifts = np.full(rows.shape[1], way * magnitude / 10 * 10 / 224 * side)
            expected = [
                [shifted(row, s) for row, s in zip(frame, shifts, strict=True)]
                for frame in rows
            ]
            errors.append(np.abs(actual - expected).max())
        assert min(errors) < 0.51  # rounding to whole levels


@pytest.mark.parametrize("magnitude", [10, 30])
def test_at_224_pixels_a_translation_is_by_the_magnitude_in_pixels(magnitude):
    clip = scene(1, 7, 224)
    for axis, name in ((2, "TranslateX"), (1, "TranslateY")):
        image = clip if axis == 2 else clip.swapaxes(1, 2)
        padding = [(0, 0)] * 4
        padding[axis] = (magnitude, magnitude)
        padded = np.pad(image, padding, "symmetric")
        crops = [
            np.take(padded, np.arange(224) + start, axis)
            for start in (0, 2 * magnitude)
        ]
        matched = set()
        for i in range(12):
            result = run(name, image, magnitude, (0, i))
            matched |= {way for way in (0, 1) if (result == crops[way]).all()}
            assert any((result == crop).all() for crop in crops)
        assert matched == {0, 1}


@pytest.mark.parametrize("name", GEOMETRIC)
def test_both_directions_are_as_likely(name):
    clip = scene(1, 6, 6)
    results = over_seeds(lambda seed: OPERATIONS[name](clip, 10, seed), 200)
    different, counts = np.unique(results, axis=0, return_counts=True)
    assert len(different) == 2
    assert counts.min() > 70


# Cutout.


def test_cutout_fills_a_cuboid_with_grey():
    clip = np.zeros((16, 32, 48, 3), "uint8")
    cuts = over_seeds(lambda seed: OPERATIONS["Cutout"](clip, 10, seed), 300)
    assert set(np.unique(cuts)) == {0, 128}
    places, extents = (cuts == 128)[..., 0], []
    for cut in places:
        spans = [cut.any(axis) for axis in ((1, 2), (0, 2), (0, 1))]
        assert (cut == np.einsum("t,h,w->thw", *spans)).all()
        for span in spans:
            assert np.abs(np.diff(span.astype(int))).sum() <= 2  # without a gap
        extents.append([span.sum() for span in spans])
    # Half sizes are 1 to 3 frames, 8 to 15 rows, 12 to 23 columns; less at the border.
    assert (np.min(extents, axis=0) >= [1, 8, 12]).all()
    assert np.max(extents, axis=0).tolist() == [6, 30, 46]
    assert places.any(axis=0).all()


def test_cutout_does_not_depend_on_the_magnitude():
    clip = scene(8, 16, 16)
    results = [run("Cutout", clip, magnitude, (3, 4)) for magnitude in MAGNITUDES]
    assert all((result == results[0]).all() for result in results)
    assert (results[0] != run("Cutout", clip, 10, (3, 5))).any()


@pytest.mark.parametrize("shape", [(1, 12, 12), (1, 1, 1), (2, 2, 3), (3, 5, 1)])
def test_cutout_cuts_something_of_the_smallest_clip(shape):
    clip = np.zeros((*shape, 3), "uint8")
    for i in range(20):
        assert (run("Cutout", clip, 10, (0, i)) == 128).any()


# All operations.


@pytest.mark.parametrize("name", OPERATIONS)
def test_eagerly_is_as_inside_tf_data(name):
    clips = [scene(*shape) for shape in SHAPES]
    stream = tf.data.Dataset.from_generator(
        lambda: iter(clips), output_signature=tf.TensorSpec([None] * 4, tf.uint8)
    )
    mapped = stream.map(lambda clip: OPERATIONS[name](clip, 4, (1, 2)))
    for clip, result in zip(clips, mapped.as_numpy_iterator(), strict=True):
        assert result.dtype == np.uint8 and result.shape == clip.shape
        assert (result == run(name, clip, 4, (1, 2))).all()


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "Cutout"])
def test_all_frames_are_changed_alike(name):
    clip = np.repeat(scene(1), 5, axis=0)
    for i in range(3):
        result = run(name, clip, 7, (i, 5))
        assert (result == result[:1]).all()
        assert name == "Identity" or (result != clip).any()


# RandAugment.


@pytest.fixture(scope="module")
def augmented():
    """RandAugment of two layers, traced once for clips of any shape."""
    return tf.function(
        lambda clip, seed: rand_augment(clip, 2, 9, seed),
        input_signature=[
            tf.TensorSpec([None, None, None, 3], tf.uint8),
            tf.TensorSpec([2], tf.int64),
        ],
    )


def test_rand_augment_is_the_same_eagerly_and_in_a_graph(augmented):
    for number, shape in enumerate(SHAPES * 4):
        clip, seed = scene(*shape), (5, number)
        one, other = rand_augment(clip, 2, 9, seed), augmented(clip, seed)
        assert one.dtype == np.uint8 and one.shape == clip.shape
        assert (one.numpy() == other.numpy()).all()


def test_the_seed_decides(augmented):
    clip = scene()
    results, again = (
        over_seeds(lambda seed: augmented(clip, seed), 40) for _ in range(2)
    )
    assert (results == again).all()
    assert len(np.unique(results, axis=0)) > 30
    one = rand_augment(clip, 2, 9, tf.constant([7, 3], tf.int64)).numpy()
    assert (one == results[3]).all()
    others = [augmented(clip, (i, 3)).numpy() for i in range(5)]
    assert len(np.unique(others, axis=0)) > 3


def telling(number):
    """Make an operation that puts its number and what it draws before the clip."""

    def operation(clip, magnitude, seed):
        draw = tf.random.stateless_uniform([], seed, 0, 17, tf.int32)
        now = tf.cast(tf.stack([number, draw, 0]), tf.uint8)[None, None, None]
        return tf.concat([now, clip[:-1]], 0)

    return operation


@pytest.mark.parametrize("shape", [(4, 20, 31, 3), (1, None, 31, 3), (None, 1, 1, 3)])
def test_what_is_known_of_the_shape_stays_known(shape, monkeypatch):
    some = {name: OPERATIONS[name] for name in ("Cutout", "Rotate", "Equalize")}
    monkeypatch.setattr(randaugment, "OPERATIONS", some)
    clip = np.zeros([side or 5 for side in shape], "uint8")
    stream = tf.data.Dataset.from_generator(
        lambda: iter([clip]), output_signature=tf.TensorSpec(shape, tf.uint8)
    ).map(lambda clip: rand_augment(clip, 2, 10, (0, 0)))
    assert stream.element_spec == tf.TensorSpec(shape, tf.uint8)
    assert next(iter(stream)).shape == clip.shape


def test_choices_are_uniform_and_draws_depend_on_neither_choice_nor_layer(monkeypatch):
    told = {name: telling(number) for number, name in enumerate(OPERATIONS)}
    monkeypatch.setattr(randaugment, "OPERATIONS", told)
    clip = np.full((3, 1, 1, 3), 99, "uint8")
    drawn = over_seeds(lambda seed: rand_augment(clip, 2, 10, seed), 2890)
    drawn = drawn.reshape(-1, 3, 3).astype(int)
    assert (drawn[:, 2] == 99).all()  # two layers, no more
    (second, draw_after), (first, draw) = drawn[:, 0, :2].T, drawn[:, 1, :2].T
    for each in (first, second, draw, draw_after):
        counts = np.bincount(each, minlength=17)
        assert len(counts) == 17
        # 170 are expected, with a deviation of 13.
        assert counts.min() > 115 and counts.max() < 225
    for one, other in ((first, second), (first, draw), (draw, draw_after)):
        pairs = np.bincount(17 * one + other, minlength=17 * 17)
        assert pairs.min() > 0 and pairs.max() < 30  # 10 are expected


def test_only_the_drawn_operation_is_computed(monkeypatch):
    computed = []

    def spy(name):
        def spied(clip, magnitude, seed):
            tell = tf.numpy_function(lambda: computed.append(name), [], [])
            with tf.control_dependencies([tell] if tell is not None else []):
                return tf.identity(clip)

        return spied

    spies = {name: spy(name) for name in OPERATIONS}
    monkeypatch.setattr(randaugment, "OPERATIONS", spies)
    over_seeds(lambda seed: rand_augment(scene(), 3, 10, seed), 40)
    assert len(computed) == 3 * 40
    assert len(set(computed)) > 10


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("magnitude", -1, "received -1, allowed is a number from 0 to 30"),
        ("magnitude", 30.1, "received 30.1, allowed is a number from 0 to 30"),
        ("magnitude", math.nan, "received nan, allowed is a number from 0 to 30"),
        ("magnitude", "10", "received '10', allowed is a number from"),
        ("magnitude", True, "received True, allowed is a number from"),
        ("layers", 0, "received 0, allowed is a whole number from 1"),
        ("layers", 2.0, r"received 2\.0, allowed is a whole number from 1"),
        ("clip", np.zeros((1, 2, 2, 3)), "received float64, allowed is uint8"),
    ],
)
def test_what_is_not_allowed_is_named(name, value, allowed):
    arguments = {"clip": scene(), "layers": 2, "magnitude": 10, "seed": (0, 0)}
    with pytest.raises(ValueError, match=f"parameter {name}: {allowed}"):
        rand_augment(**(arguments | {name: value}))


def test_the_ends_of_the_magnitudes_are_allowed():
    for magnitude in (0, 30, np.float32(9.5)):
        assert rand_augment(scene(), 1, magnitude, (0, 0)).shape == scene().shape
