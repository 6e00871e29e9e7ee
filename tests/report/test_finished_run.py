"""What the report draws from the network that a finished run has kept."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from r3d_rs.data import datasets, pipeline
from r3d_rs.experiments import record, scoring
from r3d_rs.report import saliency, views_curve
from tests.shared.tiny import CLASSES

pytestmark = pytest.mark.usefixtures("shallow")


def test_where_a_network_looks_is_kept_with_its_runs_recipe_and_seed(
    finished, tmp_path
):
    shown, data_dir = (CLASSES[2], CLASSES[0]), finished.run.data_dir
    for checkpoint in (finished.folder, finished.folder / "model.keras"):
        file = saliency.write(checkpoint, tmp_path, shown=shown, data_dir=data_dir)
        found = np.load(file)
        assert tuple(found["classes"]) == shown
        assert found["frames"].shape == (2, finished.run.recipe.frames, 16, 16, 3)
        assert found["shares"].sum(1) == pytest.approx(1, abs=1e-5)
        assert int(found["seed"]) == finished.run.seed
        of_run = record.read(finished.record)["recipe_hash"]
        assert str(found["recipe"]) == of_run


def test_classes_that_cannot_be_shown_are_named(
    finished, dataset, tmp_path, monkeypatch
):
    options = {"data_dir": finished.run.data_dir}
    with pytest.raises(
        ValueError,
        match="kinetics-400, whose 3 classes do not include stand up, walk forward;",
    ):
        saliency.write(finished.folder, tmp_path, **options)
    # A split with a single video has none of the other classes.
    [video] = pipeline.evaluation_views(
        dataset, finished.run.recipe, split="validation"
    ).take(1)
    own = CLASSES[int(video["label"])]
    one = tf.data.Dataset.from_tensors(video)
    monkeypatch.setattr(pipeline, "evaluation_views", lambda *_, **__: one)
    others = ", ".join(name for name in CLASSES if name != own)
    with pytest.raises(ValueError, match=f"validation: there is no video of {others},"):
        saliency.write(finished.folder, tmp_path, shown=CLASSES, **options)


def test_a_network_meets_no_dataset_of_other_classes(
    finished, dataset, tmp_path, monkeypatch
):
    others = dataclasses.replace(dataset, classes=dataset.classes[::-1])
    monkeypatch.setattr(datasets, "load", lambda *_: others)
    for uses in (
        lambda: scoring.checked(checkpoint=str(finished.folder)),
        lambda: views_curve.measure(finished.folder),
        lambda: saliency.write(finished.folder, tmp_path, shown=CLASSES),
    ):
        with pytest.raises(
            ValueError,
            match="'kinetics-400', whose 3 classes are not the 3 of the network",
        ):
            uses()
