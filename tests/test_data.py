"""Reading videos, sampling clips, cropping, and the two pipelines, on tiny videos."""

import csv
import dataclasses
import itertools

import av
import keras
import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import (
    augment,
    clip,
    datasets,
    kinetics,
    listing,
    pipeline,
    sampling,
    views,
)
from r3d_rs.training.recipe import Recipe

CLASSES = ("sit down", "turn left", "turn right")
HEADER = "label,youtube_id,time_start,time_end,split\n"
FRAMES = 20
RECIPE = Recipe(
    span=8,
    temporal_stride=2,
    size=16,
    batch_size=4,
    eval_size=24,
    temporal_views=4,
    spatial_views=3,
)


def write_video(path, frames, rate=25):
    """Encode `(time, height, width, 3)` uint8 as H.264, nearly without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p"
        stream.options = {"crf": "1", "preset": "ultrafast"}
        for frame in frames:
            packets = stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
            container.mux(packets)
        container.mux(stream.encode())


def clock(frames=FRAMES, height=48, width=64):
    """Red tells the frame's number, green grows from left to right."""
    video = np.zeros((frames, height, width, 3), "uint8")
    video[..., 0] = 10 * np.arange(frames)[:, None, None]
    video[..., 1] = np.linspace(20, 220, width)
    return video


def write_videos(folder, counts):
    """Write videos and CSV files as Kinetics keeps them."""
    for split, count in counts.items():
        rows = []
        for i in range(count):
            label = CLASSES[i % len(CLASSES)]
            rows.append((label, f"{split}-{i}", 3, 13, split))
            name = f"{split}-{i}_000003_000013.mp4"
            write_video(folder / split / label / name, clock())
        with (folder / f"{split}.csv").open("w", newline="") as file:
            file.write(HEADER)
            csv.writer(file).writerows(rows)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    write_videos(directory / "kinetics-400", {"train": 14, "test": 5})
    return directory


@pytest.fixture(scope="module")
def dataset(data_dir):
    """The tiny videos in the place of Kinetics-400."""
    return datasets.prepare("kinetics-400", data_dir, progress=False)


def first_clips(dataset, batches=1, recipe=RECIPE, **options):
    stream = pipeline.training_clips(dataset, recipe, **options).take(batches)
    clips, labels = zip(*stream.as_numpy_iterator(), strict=True)
    return np.concatenate(clips), np.concatenate(labels)


# Sampling: the official implementation's numbers for clips of 32 frames at stride 2.


@pytest.mark.parametrize(
    ("length", "starts"), [(64, 2), (63, 1), (62, 62), (250, 188), (1, 1)]
)
def test_a_random_clip_starts_where_it_fits_and_else_anywhere(length, starts):
    assert int(sampling.num_random_starts(length, 32, 2)) == starts
    drawn = {int(sampling.random_start(length, 32, 2, (0, i))) for i in range(20)}
    assert min(drawn) >= 0 and max(drawn) < starts
    assert starts == 1 or len(drawn) > 1


def test_a_short_video_loops():
    indices = sampling.clip_indices(61, 62, 32, 2).numpy()
    assert indices[:3].tolist() == [61, 1, 3]
    assert indices.max() <= 61


@pytest.mark.parametrize("length", [10, 64, 65, 100, 250, 300])
def test_evaluation_starts_are_the_formula(length):
    starts = sampling.even_starts(length, 32, 2, 10).numpy()
    expected = np.linspace(0, max(0, length - 64), 10) + 1e-9
    assert starts.tolist() == expected.astype(int).tolist()


def test_a_single_clip_is_in_the_middle():
    assert sampling.even_starts(250, 32, 2, 1).numpy().tolist() == [93]


# Crops and flips.


def test_random_crops_are_distributed_as_the_official_ones():
    boxes = np.stack(
        [
            augment.random_crop_box(256, 340, (0.08, 1.0), (0.5, 2.0), (1, i)).numpy()
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


def test_decoding_a_crop_is_cropping_the_decoded():
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), "uint8")
    jpegs = tf.constant([kinetics.encode_jpeg(noise)])
    whole = pipeline._decode(jpegs).numpy()
    part = pipeline._decode(jpegs, tf.constant([5, 9, 21, 30])).numpy()
    assert (part == whole[:, 5:26, 9:39]).all()


@pytest.mark.parametrize(
    ("side", "offsets"), [(256, [0, 0, 0]), (340, [0, 42, 84]), (343, [0, 44, 87])]
)
def test_crops_are_left_centre_and_right(side, offsets):
    assert views.crop_offsets(side, 256, 3).numpy().tolist() == offsets
    assert views.crop_offsets(side, 256, 1).numpy().tolist() == [offsets[1]]


def test_crops_run_along_the_longer_side():
    wide = np.tile(np.arange(64.0)[:, None], (2, 24, 1, 3)).astype("float32")
    crops = views.spatial_crops(wide, 24, 3).numpy()
    assert crops.shape == (3, 2, 24, 24, 3)
    assert crops[:, 0, 0, 0, 0].tolist() == [0, 20, 40]
    tall = views.spatial_crops(wide.swapaxes(1, 2), 24, 3).numpy()
    assert (tall == crops.swapaxes(2, 3)).all()


def test_the_short_side_is_resized_and_the_longer_rounded_down():
    assert views.resize_short_side(np.zeros((1, 48, 65, 3)), 36).shape == (1, 36, 48, 3)
    assert views.resize_short_side(np.zeros((1, 65, 48, 3)), 36).shape == (1, 48, 36, 3)
    assert clip.scaled_size(48, 65, 36) == (36, 48)


def test_turns_and_steps_to_a_side_may_not_be_mirrored():
    assert augment.may_flip(CLASSES) == (True, False, False)


def test_half_of_the_clips_are_mirrored_where_it_is_allowed():
    image = np.arange(3.0)[None, None, :, None]
    for allowed, low, high in ((True, 35, 65), (False, 0, 0)):
        mirrored = sum(
            float(augment.random_flip(image, allowed, (0, i))[0, 0, 0, 0]) == 2
            for i in range(100)
        )
        assert low <= mirrored <= high


# Reading videos and CSV files.


def test_a_video_is_read_frame_by_frame(tmp_path):
    path = tmp_path / "video.mp4"
    write_video(path, clock(), rate=12)
    frames = clip.read_video(path)
    assert frames.shape == (FRAMES, 48, 64, 3) and frames.dtype == np.uint8
    assert np.abs(frames.astype(int) - clock()).max() <= 6
    assert clip.frame_rate(path) == 12
    assert clip.read_video(path, short_side=24).shape == (FRAMES, 24, 32, 3)
    assert clip.read_video(path, short_side=96).shape == (FRAMES, 96, 128, 3)


def test_a_file_that_is_no_video_is_named(tmp_path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"this is not a video" * 100)
    with pytest.raises(ValueError, match=r"broken\.mp4 does not decode"):
        clip.read_video(path)
    with pytest.raises(FileNotFoundError, match=r"absent\.mp4"):
        clip.read_video(tmp_path / "absent.mp4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "label,id\n",
            r"train\.csv, line 1: the header is 'label,id', expected 'label,",
        ),
        ("", r"train\.csv, line 1: the header is ''"),
        (HEADER + "wave,a,0,1\n", r"train\.csv, line 2: found 4 fields, expected 5"),
        (HEADER + "wave,a,0,x,train\n", r"line 2: time_start and time_end are '0'"),
        (HEADER + "\nrun,a,0,1,train\n", r"line 3: unknown label 'run'.*'wave'"),
    ],
)
def test_a_malformed_csv_names_file_and_line(tmp_path, text, message):
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        listing.read(tmp_path / "train.csv", ("wave",))


def test_a_missing_or_repeated_video_is_named(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(HEADER + "wave,a,0,1,train\n")
    with pytest.raises(FileNotFoundError, match=r"line 2.*wave/a_000000_000001\.mp4"):
        listing.read(path)
    path.write_text(HEADER + "wave,a,0,1,train\nwave,a,0,1,train\n")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a_000000_000001.mp4").touch()
    with pytest.raises(ValueError, match=r"line 3: video a_000000_000001 is already"):
        listing.read(path)


# Datasets by name.


def test_an_unknown_dataset_is_named_with_those_there_are(tmp_path):
    message = "parameter dataset: received 'ucf', allowed are pantomime, pantomime-20,"
    for function in (datasets.canonical_name, datasets.prepare, datasets.load):
        with pytest.raises(ValueError, match=message):
            function("ucf")
    assert datasets.canonical_name("pantomime") == "pantomime-20"


def test_a_dataset_that_is_not_there_says_how_to_prepare_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="data prepare pantomime-20 --data-dir"):
        datasets.load("pantomime", tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"looked for .*kinetics-600/train\.csv"
    ):
        datasets.prepare("kinetics-600", tmp_path)


def test_a_prepared_dataset_has_its_classes_and_videos(dataset):
    assert dataset.classes == CLASSES
    assert dataset.num_videos("train") == 14
    assert dataset.num_videos("test") == 5
    assert dataset.num_videos("validation") == 0
    with pytest.raises(ValueError, match="received 'val', allowed are train, valid"):
        dataset.num_videos("val")
    with pytest.raises(ValueError, match="no videos in its split 'validation'"):
        pipeline.evaluation_views(dataset, RECIPE, split="validation")


def test_preparing_again_needs_no_videos(dataset, data_dir):
    videos = data_dir / "kinetics-400"
    videos.rename(data_dir / "elsewhere")
    try:
        again = datasets.prepare("kinetics-400", data_dir)
    finally:
        (data_dir / "elsewhere").rename(videos)
    assert again.num_videos("train") == dataset.num_videos("train")


def test_a_build_that_fails_names_the_video_and_leaves_no_dataset(tmp_path):
    write_videos(tmp_path / "kinetics-400", {"train": 2})
    bad = tmp_path / "kinetics-400/train/sit down/train-0_000003_000013.mp4"
    bad.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"train-0_000003_000013\.mp4 does not decode"):
        datasets.prepare("kinetics-400", tmp_path, progress=False)
    with pytest.raises(FileNotFoundError, match="not prepared"):
        datasets.load("kinetics-400", tmp_path)


# The pipelines.


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


def test_clips_are_a_function_of_seed_and_epoch(dataset):
    keras.utils.set_random_seed(0)
    clips, labels = first_clips(dataset, 6, seed=3)  # two epochs of three batches
    keras.utils.set_random_seed(1)  # does not matter
    again, labels_again = first_clips(dataset, 6, seed=3)
    assert (clips == again).all() and (labels == labels_again).all()
    second, _ = first_clips(dataset, 3, seed=3, first_epoch=1)
    assert (second == clips[12:]).all()
    other, _ = first_clips(dataset, 3, seed=4)
    assert not (clips[:12] == clips[12:]).all()
    assert not (clips[:12] == other).all()


@pytest.mark.parametrize("cache_bytes", [pipeline.CACHE_BYTES, 0])
def test_every_video_is_in_an_epoch_once(dataset, monkeypatch, cache_bytes):
    monkeypatch.setattr(pipeline, "CACHE_BYTES", cache_bytes)
    drawn = []
    seed = pipeline.clip_seed

    def spy(run_seed, epoch, video_id):
        tf.numpy_function(lambda e, i: drawn.append((int(e), i)), [epoch, video_id], [])
        return seed(run_seed, epoch, video_id)

    monkeypatch.setattr(pipeline, "clip_seed", spy)
    recipe = dataclasses.replace(RECIPE, batch_size=7)
    for _ in pipeline.training_clips(dataset, recipe, seed=0).take(2 * 30):
        pass
    # Maps run in parallel, so the spy tells which videos were drawn, not their order.
    epochs = [{i for e, i in drawn if e == epoch} for epoch in range(30)]
    assert [len(ids) for ids in epochs] == [14] * 30
    assert len([e for e, _ in drawn if e < 30]) == 14 * 30


@pytest.mark.parametrize("cache_bytes", [pipeline.CACHE_BYTES, 0])
def test_the_order_of_an_epoch_is_a_shuffle(dataset, monkeypatch, cache_bytes):
    monkeypatch.setattr(pipeline, "CACHE_BYTES", cache_bytes)
    files, size = dataset.files("train"), dataset.num_bytes("train")
    epochs = pipeline._epochs(files, size, 14, seed=0)
    stream = tf.data.Dataset.range(60).flat_map(lambda epoch: epochs(epoch).take(1))
    first = set(stream.as_numpy_iterator())
    assert len(first) >= 11  # of 14 videos; 13.8 are expected


def test_an_epoch_drops_the_remainder(dataset):
    recipe = dataclasses.replace(RECIPE, batch_size=5)
    stream = pipeline.training_clips(dataset, recipe, seed=0).take(3)
    clips = np.concatenate([clips for clips, _ in stream.as_numpy_iterator()])
    second, _ = first_clips(dataset, recipe=recipe, seed=0, first_epoch=1)
    assert (clips[10:] == second).all()


def test_only_clips_whose_class_survives_it_are_mirrored(dataset):
    clips, labels = first_clips(dataset, 30, seed=0)
    green = clips[..., 1].mean((1, 2))
    mirrored = green[:, 0] > green[:, -1]
    assert 0.3 < mirrored[labels == 0].mean() < 0.7
    assert not mirrored[labels != 0].any()
    plain = dataclasses.replace(RECIPE, flip=False)
    clips, _ = first_clips(dataset, 6, recipe=plain, seed=0)
    green = clips[..., 1].mean((1, 2))
    assert (green[:, 0] < green[:, -1]).all()


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
