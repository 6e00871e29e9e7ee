"""Records and frames that break after a dataset was prepared, named by the run."""

import shutil
from pathlib import Path

import pytest

from r3d_rs.data import datasets, inspect, model_garden, pipeline
from r3d_rs.evaluation.multiview import evaluate
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training.fit import build_model
from r3d_rs.videos import clip
from tests.shared.steps import build_and_fit
from tests.shared.tiny import SMALL, clock, sequence_example, shallow, write_records

RECIPE = Recipe(
    **SMALL,
    model="r3d-50",
    stem="7x7",
    squeeze_excitation=0.0,
    spatial_views=1,
    epochs=1,
)


@pytest.fixture
def copied(data_dir, tmp_path):
    """A copy of the dataset, and the file of its training records."""
    shutil.copytree(data_dir / "tfds", tmp_path / "tfds")
    dataset = datasets.load("kinetics-400", tmp_path)
    return dataset, Path(dataset.splits["train"].files[0])


@shallow(1, 1, 1, 1)
def test_frames_that_break_are_named_by_training_and_evaluation(copied):
    dataset, path = copied
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), 50):
        content[place] ^= 1
    path.write_bytes(content)
    message = (
        "kinetics-400, split train: not the whole JPEG that was indexed, a frame of"
        rf" train-[0-9]+_.* in .*{path.name}$"
    )
    with pytest.raises(ValueError, match=message):
        build_and_fit(dataset, RECIPE)
    model = build_model(RECIPE, len(dataset.classes), size=RECIPE.eval_size)
    with pytest.raises(ValueError, match=message):
        evaluate(model, dataset, RECIPE, split="train")


def test_a_file_that_is_cut_off_is_named_before_it_is_read(copied):
    dataset, path = copied
    path.write_bytes(path.read_bytes()[:-5])
    for streamed in (
        lambda: pipeline.training_clips(dataset, RECIPE, seed=0),
        lambda: pipeline.evaluation_views(dataset, RECIPE, split="train"),
    ):
        with pytest.raises(ValueError, match=f"{path.name}, record 9: truncated rec"):
            streamed()


def test_a_broken_record_is_named_where_whole_videos_are_read(copied):
    dataset, path = copied
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=rf"split train: .*{path.name}, record [3-6]: c"
    ):
        list(inspect.videos(dataset, "train"))


def test_a_broken_frame_is_named_where_a_contact_sheet_is_drawn(copied):
    dataset, path = copied
    index = dataset.frames("train")
    content = bytearray(path.read_bytes())
    content[index.first[0] + index.begin[0] + 9] ^= 1
    path.write_bytes(content)
    message = f"split train: not the whole JPEG .* {index.ids[0]} in .*{path.name}$"
    with pytest.raises(ValueError, match=message):
        inspect.contact_sheet(dataset, "train")


def test_an_index_is_made_where_there_is_none(copied):
    dataset, _ = copied
    index = dataset.splits["train"].index
    made = index.read_bytes()
    index.unlink()
    dataset.frames("train")
    assert index.read_bytes() == made


def test_a_jpeg_that_was_cut_off_is_named_by_the_run(tmp_path):
    jpeg = clip.encode_jpeg(clock(1)[0])
    frames = [jpeg, jpeg, jpeg[:-9], jpeg]
    rows = [
        sequence_example([frame] * 4, 0, b"video-%d" % number)
        for number, frame in enumerate(frames)
    ]
    write_records(tmp_path / "train.tfrecord", rows)
    model_garden.use_records("kinetics-400", tmp_path, tmp_path, progress=False)
    dataset = datasets.load("kinetics-400", tmp_path)
    message = (
        "split train: not a whole JPEG when it was indexed, a frame of video-2 in"
        r" .*train\.tfrecord$"
    )
    for stream in (
        pipeline.training_clips(dataset, RECIPE, seed=0),
        pipeline.evaluation_views(dataset, RECIPE, split="train"),
    ):
        with (
            pytest.raises(ValueError, match=message),
            pipeline.naming_broken_records(dataset, "train"),
        ):
            list(stream)
