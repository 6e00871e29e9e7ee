"""The gallery: animations, augmentation and views."""

import base64
import collections
import io
import re

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image, ImageSequence

from r3d_rs.data import transforms
from r3d_rs.data.randaugment import GREY, OPERATIONS
from r3d_rs.pantomime import video
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.report import animation, gallery
from tests.shared import tiny


def parse(shown):
    return BeautifulSoup(shown.data, "html.parser")


def decode(address):
    """Return the frames behind a data URI, as what and how long each is shown."""
    kind, _, data = address.partition(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert (kind, image.format, image.info.get("loop")) == (
            "data:image/webp",
            "WEBP",
            0,
        )
        frames = ImageSequence.Iterator(image)
        return np.stack([np.asarray(frame.convert("RGB")) for frame in frames])


@pytest.fixture(scope="module")
def clip():
    return video("throw", 0, "train", 24)[:32:2]


def test_an_animation_is_the_clip_without_loss_and_says_what_it_shows(clip):
    html = parse(animation.animations([('"throw" & <catch>', clip)]))
    image, still = html.find("img"), html.find("source")
    np.testing.assert_array_equal(decode(image["src"]), clip)
    assert image["alt"] == 'Animated clip: "throw" & <catch>'
    assert (image["width"], image["height"]) == ("240", "192")
    assert still["media"] == "(prefers-reduced-motion: reduce)"
    first = Image.open(io.BytesIO(base64.b64decode(still["srcset"].split(",")[1])))
    np.testing.assert_array_equal(np.asarray(first.convert("RGB")), clip[8])


def test_a_large_clip_is_compressed(clip):
    large = clip.repeat(4, axis=1).repeat(4, axis=2)
    html = parse(animation.animations([("large", large)]))
    shown = decode(html.find("img")["src"])
    assert shown.shape == large.shape
    assert np.abs(shown.astype(int) - large).mean() < 8
    assert len(html.find("img")["src"]) < large.nbytes / 4


def test_every_clip_of_a_gallery_has_its_caption(clip):
    html = parse(animation.animations([("one", clip), ("two\nand a note", clip[::-1])]))
    assert [f.get_text(" ") for f in html.find_all("figcaption")] == [
        "one",
        "two and a note",
    ]
    assert [image["alt"] for image in html.find_all("img")] == [
        "Animated clip: one",
        "Animated clip: two (and a note)",
    ]


def test_the_gallery_has_every_operation_and_what_it_does(clip):
    html = parse(gallery.augmentation_gallery(clip, magnitude=10, seed=3))
    shown = collections.defaultdict(list)
    for figure in html.find_all("figure"):
        name = figure.find("figcaption").contents[0]
        shown[re.sub(r", \d+ %.*", "", name)].append(decode(figure.find("img")["src"]))
    assert set(OPERATIONS) < set(shown)
    np.testing.assert_array_equal(shown["as stored"][0], clip)
    np.testing.assert_array_equal(shown["flip"][0], clip[:, :, ::-1])
    np.testing.assert_array_equal(shown["Invert"][0], 255 - clip)
    np.testing.assert_array_equal(shown["Identity"][0], clip)
    assert (shown["Cutout"][0] == GREY).all(-1).any((1, 2)).sum() > 1
    assert len(shown["RandAugment"]) == 3
    assert len(shown["crop"]) == 6
    assert all(crop.shape == (16, 64, 64, 3) for crop in shown["crop"])


def test_crops_cover_what_scale_jittering_allows(clip):
    text = parse(gallery.augmentation_gallery(clip)).get_text()
    shares = [
        (int(share), float(least))
        for share, least in re.findall(r"crop, (\d+) %.*?from ([\d.]+) to 1", text)
    ]
    assert [least for _, least in shares] == [0.49] * 3 + [0.08] * 3
    # Whole pixels are rounded.
    assert all(100 * least - 2 <= share <= 100 for share, least in shares)


def test_the_views_lie_where_they_are_sampled():
    figure = gallery.views_figure(Recipe(), 250, 240, 320)
    time, *crops = figure.axes
    starts = transforms.even_starts(250, 16, 2, 10).numpy()
    assert [line.get_xdata()[0] for line in time.lines] == list(starts)
    assert starts[0] == 0
    for line in time.lines:
        assert list(np.diff(line.get_xdata())) == [2] * 15
    lefts = [axes.patches[0].get_x() for axes in crops]
    assert lefts == list(transforms.crop_offsets(341, 256, 3).numpy())
    assert all(axes.patches[0].get_width() == 256 for axes in crops)


def test_training_clips_are_shown_even_if_they_do_not_fill_the_gallery(dataset):
    recipe = Recipe(span=8, size=32)
    html = parse(gallery.training_clips(dataset, recipe, split="validation", seed=0))
    captions = [caption.get_text() for caption in html.find_all("figcaption")]
    assert sorted(captions) == sorted(tiny.CLASSES)
    for image in html.find_all("img"):
        assert decode(image["src"]).shape == (4, 32, 32, 3)


def test_the_centre_clip_is_the_middle_of_the_first_video(dataset):
    centre = gallery.centre_clip(dataset, Recipe(span=8), "validation")
    assert centre.shape == (4, 48, 64, 3)
    # Of 20 frames the clip takes 6, 8, 10 and 12, and ten times that is their red.
    np.testing.assert_allclose(centre[..., 0].mean((1, 2)), [60, 80, 100, 120], atol=3)


def test_the_views_of_a_dataset_are_those_of_its_videos(dataset):
    recipe = Recipe(span=8, eval_size=32, temporal_views=4)
    time, *crops = gallery.dataset_views(dataset, recipe).axes
    assert [line.get_xdata()[0] for line in time.lines] == [0, 4, 8, 12]
    assert [axes.patches[0].get_x() for axes in crops] == [0, 5, 10]
