"""Published networks: their size, their weights, their cards, and where they go."""

import dataclasses
import importlib.util
import json
import shutil

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import r3d_rs
from r3d_rs.cli import main
from r3d_rs.evaluation import cards, export, networks, trained
from r3d_rs.evaluation.multiview import evaluate
from r3d_rs.training.fit import build_model

NAME = "kinetics-400/SE"


@pytest.fixture(scope="module")
def results(finished, data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    place = finished.record.parent.relative_to(finished.record.parents[3])
    shutil.copytree(finished.record.parent, folder / place)
    run = finished.folder / ".." / finished.folder.name  # as a shell may name it
    networks.publish(run, folder, data_dir)
    return folder


@pytest.fixture
def published(results, monkeypatch):
    """The published networks, for a time."""
    monkeypatch.setattr(networks, "folder", lambda: results)
    return networks.find(NAME)


def test_a_published_network_is_the_runs_in_half_precision(
    published, finished, dataset
):
    one = r3d_rs.load(NAME)
    own = trained.load(finished.folder)
    assert (one.classes, one.recipe, one.seed) == (own.classes, own.recipe, own.seed)
    for half, single in zip(one.model.weights, own.model.weights, strict=True):
        expected = np.asarray(single).astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(np.asarray(half), expected)
    again = evaluate(one.model, dataset, one.recipe).metrics()
    assert again == published.about["metrics"]
    assert one.published.record["experiment"]["seed"] == finished.run.seed
    kept = (finished.folder / "model.keras").stat().st_size
    assert published.file.stat().st_size < 0.6 * kept


def test_its_card_has_what_its_record_has(published):
    text = cards.card(published)
    top1 = 100 * published.about["metrics"]["video_top1"]
    assert f"| top-1 | {top1:.2f} % (95 % interval over videos" in text
    assert "| trained on | kinetics-400, 3 classes |" in text
    assert text.startswith('---\nlicense: "apache-2.0"\n')


def test_networks_are_listed(published, tmp_path):
    assert r3d_rs.list_networks().index.tolist() == [NAME]
    (tmp_path / "clip.mp4").touch()
    done = CliRunner().invoke(main, ["predict", str(tmp_path / "clip.mp4")])
    assert done.exit_code == 2 and NAME in done.output
    with pytest.raises(FileNotFoundError, match=f"or a published network: {NAME}"):
        r3d_rs.load("kinetics-400/RS-51")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1487868\n"


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [flipped, lambda data: data[:1000], lambda data: POINTER, lambda data: b""],
    ids=["a byte", "cut off", "a pointer of Git LFS", "empty"],
)
def test_a_damaged_network_is_named_and_stops_no_other(
    published, finished, results, tmp_path, monkeypatch, damage
):
    copy = shutil.copytree(results, tmp_path / "copy")
    whole = published.file.relative_to(results)
    other = copy / "kinetics-400" / "ablation" / "LS" / whole.name
    other.parent.mkdir()
    other.write_bytes(damage((copy / whole).read_bytes()))
    monkeypatch.setattr(networks, "folder", lambda: copy)
    assert r3d_rs.load(NAME).classes == published.classes
    assert r3d_rs.load(finished.folder).published is None
    for read in (lambda: r3d_rs.load("kinetics-400/LS"), r3d_rs.list_networks):
        with pytest.raises(ValueError, match=r"LS/seed-1\.network\.npz: damaged: "):
            read()


def test_without_any_network_one_hears_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "folder", lambda: tmp_path)
    said = f"none, as {tmp_path} has no network: git clone {r3d_rs.REPOSITORY}"
    with pytest.raises(FileNotFoundError, match=f"or a published network: {said}"):
        r3d_rs.load(NAME)
    (tmp_path / "clip.mp4").touch()
    done = CliRunner().invoke(main, ["predict", str(tmp_path / "clip.mp4")])
    assert done.exit_code == 2 and said in done.output
    with pytest.raises(ValueError, match=f"received '{NAME}', allowed are {said}"):
        export.for_hub(NAME, "kaggle", tmp_path)


def test_outside_of_a_checkout_the_networks_are_those_of_the_package(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert "pantomime-20/RS-50" in networks.published()


def test_a_network_that_is_too_large_is_not_published(
    published, finished, data_dir, results, tmp_path, monkeypatch
):
    copy = shutil.copytree(results, tmp_path / "copy")
    (copy / published.file.relative_to(results)).unlink()
    monkeypatch.setattr(networks, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"bytes and the others 0; allowed are 1,000"):
        networks.publish(finished.folder, copy, data_dir)
    assert not list(copy.glob("**/*.network.npz"))
    other = copy / "kinetics-400" / "ablation" / "LS" / "seed-0.network.npz"
    other.parent.mkdir()
    other.write_bytes(bytes(2000))
    monkeypatch.setattr(networks, "LARGEST", 10**9)
    monkeypatch.setattr(networks, "ALL", 1000)
    with pytest.raises(ValueError, match=r"the others 2,000; allowed are .* 1,000 i"):
        networks.publish(finished.folder, copy, data_dir)
    shutil.rmtree(copy / "kinetics-400")
    with pytest.raises(
        FileNotFoundError, match="the network's run has no record there"
    ):
        networks.publish(finished.folder, copy, data_dir)


@pytest.mark.parametrize("format", export.FORMATS)
def test_what_is_exported_gives_the_same_logits(published, tmp_path, format):
    for package in export.FORMATS[format]:
        pytest.importorskip(package)
    written = export.export(NAME, format, tmp_path)
    assert written.path.exists() and written.difference < 1e-4
    about = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    assert tuple(about["classes"]) == published.classes


def test_a_network_that_was_trained_in_bfloat16_is_exported_in_float32(
    finished, tmp_path, monkeypatch
):
    for package in export.FORMATS["onnx"]:
        pytest.importorskip(package)
    own = trained.load(finished.folder)
    recipe = dataclasses.replace(own.recipe, precision="mixed_bfloat16")
    model = build_model(recipe, 3, size=recipe.eval_size)
    half = dataclasses.replace(own, recipe=recipe, model=model)
    monkeypatch.setattr(trained, "load", lambda network: half)
    assert export.export("it", "onnx", tmp_path).difference < 1e-4
    about = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    assert about["recipe"]["precision"] == "mixed_bfloat16"


def test_a_folder_for_a_hub_has_what_it_wants(published, tmp_path):
    command = export.for_hub(NAME, "huggingface", tmp_path / "hf")
    assert command.startswith("hf upload OWNER/r3d-rs-kinetics-400-se ")
    names = {path.name for path in (tmp_path / "hf").iterdir()}
    assert names == {"README.md", "model.keras", "run.json"}
    model = keras.saving.load_model(tmp_path / "hf" / "model.keras")
    assert model.count_params() == r3d_rs.load(NAME).model.count_params()
    # The folder is one of a run, too.
    assert trained.load(tmp_path / "hf").classes == published.classes
    export.for_hub(NAME, "kaggle", tmp_path / "kaggle")
    for name in ("model", "model-instance"):
        text = (tmp_path / "kaggle" / f"{name}-metadata.json").read_text("utf-8")
        assert json.loads(text)["ownerSlug"] == "INSERT_OWNER_SLUG_HERE"


def test_a_format_that_there_is_not_is_named(published, tmp_path):
    with pytest.raises(ValueError, match="received 'tflite', allowed are saved_model"):
        export.export(NAME, "tflite", tmp_path)
    with pytest.raises(ValueError, match="received 'gitlab', allowed are huggingface"):
        export.for_hub(NAME, "gitlab", tmp_path)


def test_a_package_that_a_format_needs_is_named(published, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"onnxruntime; the extra `export`"):
        export.export(NAME, "onnx", tmp_path)


def test_a_format_that_another_backend_writes_is_refused(
    published, tmp_path, monkeypatch
):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="received KERAS_BACKEND=jax, expected is ten"):
        export.export(NAME, "saved_model", tmp_path)
