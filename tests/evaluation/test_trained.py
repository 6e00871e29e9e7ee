"""A trained network that a run has kept, and what it says of a video."""

import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner

import r3d_rs
from r3d_rs.cli import main
from r3d_rs.evaluation import trained
from r3d_rs.evaluation.multiview import evaluate
from tests.shared.tiny import CLASSES, clock, write_video


@pytest.mark.both_backends
def test_the_network_that_is_kept_gives_the_evaluation_again(finished, dataset):
    kept = trained.load(finished.folder)
    assert kept.classes == dataset.classes and kept.recipe == finished.run.recipe
    assert kept.seed == finished.run.seed
    again = evaluate(kept.model, dataset, kept.recipe)
    expected = finished.evaluation
    np.testing.assert_allclose(again.probabilities, expected.probabilities, atol=1e-6)
    assert (again.ids == expected.ids).all()


@pytest.mark.both_backends
def test_a_video_file_is_predicted_as_it_is_evaluated(finished, dataset, tmp_path):
    video = tmp_path / "clip.mkv"
    write_video(video, clock())
    found = r3d_rs.predict(video, network=finished.folder)
    options = ["--network", str(finished.folder / "model.keras"), "--top-k", "1"]
    done = CliRunner().invoke(main, ["predict", str(video), *options])
    assert done.stdout.split("%")[1].strip() == found[0][0]
    probabilities = dict(found)
    assert list(probabilities.values()) == sorted(probabilities.values())[::-1]
    expected = dict(
        zip(dataset.classes, finished.evaluation.probabilities[0], strict=True)
    )
    # The tiny videos all show the same.
    assert probabilities == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(("seconds", "ending"), [(130, "mp4"), (300, "mkv")])
def test_a_video_of_any_length_is_predicted(finished, tmp_path, seconds, ending):
    video = tmp_path / f"long.{ending}"
    write_video(video, np.zeros((25 * seconds, 16, 16, 3), "uint8"))
    found = r3d_rs.predict(video, network=finished.folder, top_k=3)
    assert sum(probability for _, probability in found) == pytest.approx(1)


def test_what_cannot_be_predicted_is_named(finished, tmp_path):
    text, folder = tmp_path / "clip.mp4", finished.folder
    text.write_text("no video")
    for video, network, top_k, error, message in (
        (text, folder, 1, ValueError, r"clip\.mp4 does not decode"),
        (tmp_path / "absent.mp4", folder, 1, FileNotFoundError, "absent"),
        (text, tmp_path, 1, FileNotFoundError, r"run\.json is not there"),
        (text, folder, 0, ValueError, "top_k: received 0, allowed is 1 or more"),
    ):
        with pytest.raises(error, match=message):
            r3d_rs.predict(video, network=network, top_k=top_k)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "run.json").write_bytes((folder / "run.json").read_bytes())
    (damaged / "model.keras").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"model\.keras: no checkpoint of a run"):
        trained.load(damaged)


def test_a_network_meets_no_dataset_of_other_classes(finished, dataset, monkeypatch):
    network = trained.load(finished.folder)
    others = dataclasses.replace(dataset, classes=CLASSES[::-1])
    monkeypatch.setattr(trained.datasets, "load", lambda *_: others)
    message = "'kinetics-400', whose 3 classes are not the 3 of the network"
    with pytest.raises(ValueError, match=message):
        network.load_data()
