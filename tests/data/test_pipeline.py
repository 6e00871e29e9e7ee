"""The two pipelines, on tiny videos."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import inspect, pipeline
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.videos import clip

RECIPE = Recipe(
    span=8,
    temporal_stride=2,
    size=16,
    batch_size=4,
    eval_size=24,
    temporal_views=4,
    spatial_views=3,
)


def first_clips(dataset, batches=1, recipe=RECIPE, **options):
    stream = pipeline.training_clips(dataset, recipe, **options).take(batches)
    clips, labels = zip(*stream.as_numpy_iterator(), strict=True)
    return np.concatenate(clips), np.concatenate(labels)


def test_decoding_a_crop_is_cropping_the_decoded():
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), "uint8")
    jpegs = tf.constant([clip.encode_jpeg(noise)])
    whole = pipeline._decode(jpegs).numpy()
    part = pipeline._decode(jpegs, tf.constant([5, 9, 21, 30])).numpy()
    assert (part == whole[:, 5:26, 9:39]).all()


def test_training_clips_are_batches_in_the_unit_range(dataset):
    stream = pipeline.training_clips(dataset, RECIPE, seed=0)
    clips, labels = stream.element_spec
    assert clips.shape == (4, 4, 16, 16, 3) and clips.dtype == tf.float32
    assert labels.shape == (4,) and labels.dtype == tf.int32
    clips, _ = first_clips(dataset, seed=0)
    assert clips.min() >= 0 and 0.3 < clips.max() <= 1
    # The clock shows that frames are two apart, unless the video looped.
    steps = np.diff(clips[..., 0].mean((2, 3)) * 255, axis=1)
    assert np.allclose(steps, 20, atol=3)


@pytest.mark.parametrize("layers", [0, 1])
def test_a_clip_has_one_draw_and_each_frame_its_own_where_it_is_told(dataset, layers):
    """Green grows from left to right, so that it tells the crop; red is the time."""
    recipe = dataclasses.replace(
        RECIPE, flip=False, area_range=(0.1, 0.5), randaugment_layers=layers
    )
    once, _ = first_clips(dataset, seed=0, recipe=recipe)
    green = once[..., 1].mean((2, 3))
    if not layers:
        assert np.ptp(green, axis=1).max() < 0.01
    own = dataclasses.replace(recipe, per_frame=True)
    each, _ = first_clips(dataset, seed=0, recipe=own)
    assert each.shape == once.shape and 0 <= each.min() <= each.max() <= 1
    assert np.ptp(each[..., 1].mean((2, 3)), axis=1).min() > 0.03
    again, _ = first_clips(dataset, seed=0, recipe=own)
    assert (again == each).all()


def test_clips_are_a_function_of_seed_and_epoch(dataset):
    keras.utils.set_random_seed(0)
    clips, labels = first_clips(dataset, 4, seed=3)  # two epochs of two batches
    keras.utils.set_random_seed(1)  # does not matter
    again, labels_again = first_clips(dataset, 4, seed=3)
    assert (clips == again).all() and (labels == labels_again).all()
    second, _ = first_clips(dataset, 2, seed=3, first_epoch=1)
    assert (second == clips[8:]).all()
    other, _ = first_clips(dataset, 2, seed=4)
    assert not (clips[:8] == clips[8:]).all()
    assert not (clips[:8] == other).all()


def test_every_video_is_in_an_epoch_once(dataset, monkeypatch):
    drawn = []
    seed = pipeline.clip_seed

    def spy(run_seed, epoch, video_id):
        tf.numpy_function(lambda e, i: drawn.append((int(e), i)), [epoch, video_id], [])
        return seed(run_seed, epoch, video_id)

    monkeypatch.setattr(pipeline, "clip_seed", spy)
    recipe = dataclasses.replace(RECIPE, batch_size=5)
    for _ in pipeline.training_clips(dataset, recipe, seed=0).take(2 * 30):
        pass
    # Maps run ahead and in parallel, so the spy tells of no order.
    drawn = [(epoch, ident) for epoch, ident in drawn if epoch < 30]
    assert len(drawn) == len(set(drawn)) == 10 * 30


def test_the_order_of_an_epoch_is_a_shuffle(dataset):
    recipe = dataclasses.replace(RECIPE, batch_size=1)
    _, labels = first_clips(dataset, 10 * 30, recipe=recipe, seed=0)
    orders = labels.reshape(30, 10)
    assert len({tuple(order) for order in orders}) == 30
    assert set(orders[:, 0]) == set(orders[:, 9]) == {0, 1, 2}
    _, other = first_clips(dataset, 10, recipe=recipe, seed=1)
    assert tuple(other) != tuple(orders[0])


def test_an_epoch_drops_the_remainder(dataset):
    recipe = dataclasses.replace(RECIPE, batch_size=4)
    stream = pipeline.training_clips(dataset, recipe, seed=0).take(3)
    clips = np.concatenate([clips for clips, _ in stream.as_numpy_iterator()])
    second, _ = first_clips(dataset, recipe=recipe, seed=0, first_epoch=1)
    assert (clips[8:] == second).all()


def test_only_clips_whose_class_survives_it_are_mirrored(dataset):
    kind = dataclasses.replace(dataset.kind, no_flip=dataset.classes[1:])
    sided = dataclasses.replace(dataset, kind=kind)
    clips, labels = first_clips(sided, 30, seed=0)
    green = clips[..., 1].mean((1, 2))
    mirrored = green[:, 0] > green[:, -1]
    assert 0.3 < mirrored[labels == 0].mean() < 0.7
    assert not mirrored[labels != 0].any()
    plain = dataclasses.replace(RECIPE, flip=False)
    clips, _ = first_clips(dataset, 6, recipe=plain, seed=0)
    green = clips[..., 1].mean((1, 2))
    assert (green[:, 0] < green[:, -1]).all()


def test_clips_to_show_do_not_depend_on_micro_batches(dataset):
    whole, names = inspect.first_clips(dataset, RECIPE, seed=0, count=6)
    divided = dataclasses.replace(RECIPE, micro_batches=8)
    clips, same = inspect.first_clips(dataset, divided, seed=0, count=6)
    assert len(names) == 6 and same == names
    assert (clips == whole).all()


def test_evaluation_has_every_video_once(dataset):
    videos = list(pipeline.evaluation_views(dataset, RECIPE, split="test"))
    ids = [video["id"].numpy().decode() for video in videos]
    assert sorted(ids) == [f"test-{i}_000003_000013" for i in range(5)]
    for video, name in zip(videos, ids, strict=True):
        assert int(video["label"]) == int(name[5]) % 3
    few = pipeline.evaluation_views(dataset, RECIPE, split="test", limit=2)
    assert [video["id"].numpy().decode() for video in few] == ids[:2]


def test_views_are_in_order_of_crops_and_then_of_clips(dataset):
    video = next(iter(pipeline.evaluation_views(dataset, RECIPE, split="test")))
    seen = video["views"].numpy()
    assert seen.shape == (12, 4, 24, 24, 3) and seen.dtype == np.float32
    assert seen.min() >= 0 and seen.max() <= 1
    number = seen[:, :, ..., 0].mean((2, 3)) * 25.5  # red is 10 times the frame
    starts = [0, 4, 8, 12]  # int(linspace(0, 20 - 4 * 2, 4))
    for (view, start), step in itertools.product(enumerate(3 * starts), range(4)):
        assert number[view, step] == pytest.approx(start + 2 * step, abs=0.3)
    green = seen[..., 1].mean((1, 2, 3)).reshape(3, 4)
    assert (np.diff(green, axis=0) > 0.05).all()
    assert np.allclose(np.diff(green, axis=1), 0, atol=0.01)
