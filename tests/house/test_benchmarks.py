"""The benchmarks measure what they say: no times here, but counts, turns and errors."""

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from r3d_rs.data import pipeline
from r3d_rs.evaluation import multiview
from r3d_rs.models import complexity, layers, resnet3d
from r3d_rs.recipes import recipe as recipes
from r3d_rs.training import fit

FOLDER = Path(__file__).parents[2] / "benchmarks"
TORCH = FOLDER.parent / "build" / "environments" / "torch" / "bin" / "python"
OFFICIAL = FOLDER.parent / "build" / "environments" / "official" / "bin" / "python"

#: A side whose video has two classes.
EVALUATING = """
import numpy as np
import worker

def build(settings):
    views = np.full((30, 2), settings["grey"], "float32")
    def evaluate(arrived):
        arrived(views)
        return [0.75, settings["other"]]
    about = {"parameters": settings["parameters"], "versions": "none"}
    return about, evaluate

worker.serve(worker.evaluating(build))
"""

#: A side that counts its steps; on request it ends, or has no finite loss.
SIDE = """
import sys
import worker

def build(settings):
    done = [0]
    def run(steps):
        done[0] += steps
        return float("nan") if settings.get("fails") else float(done[0])
    if settings.get("ends"):
        sys.exit("there is no such network")
    return {"macs": settings["macs"]}, run, lambda: None

worker.serve(worker.stepping(build))
"""


@pytest.fixture
def side(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import turns

    script = tmp_path / "side.py"
    script.write_text(SIDE)
    started = []

    def start(**settings):
        environment = {"PYTHONPATH": str(FOLDER)}
        worker = turns.Worker(Path(sys.executable), script, settings, environment)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.close()


def test_sides_take_turns_in_an_order_that_is_reversed(side):
    import turns

    workers = {"a": side(macs=1), "b": side(macs=2)}
    assert workers["b"].about["macs"] == 2
    requests = {"a": {"steps": 1}, "b": {"steps": 2}}
    replies = list(turns.in_turn(workers, requests, 3))
    assert [list(reply) for reply in replies] == [["a", "b"], ["b", "a"], ["a", "b"]]
    # The first step is done before.
    assert [reply["a"]["value"] for reply in replies] == [2, 3, 4]
    assert [reply["b"]["value"] for reply in replies] == [3, 5, 7]
    assert all(reply["a"]["peak"] >= reply["a"]["rss"] > 0 for reply in replies)


def test_a_side_that_ends_says_why(side):
    with pytest.raises(RuntimeError, match="there is no such network"):
        side(macs=1, ends=True)


def test_a_side_that_is_killed_says_so(side):
    worker = side(macs=1)
    worker._process.kill()
    worker._process.wait()  # the request finds no reader
    with pytest.raises(RuntimeError, match=r"side.py was killed \(out of memory\?\)"):
        worker.ask(steps=1)


def test_a_side_ends_with_the_benchmark_that_is_killed(side, tmp_path):
    code = """if True:
        import sys, time, turns
        environment = {"PYTHONPATH": sys.argv[2]}
        worker = turns.Worker(sys.executable, sys.argv[1], {"macs": 1}, environment)
        print(worker._process.pid, flush=True)
        time.sleep(60)
    """
    benchmark = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "side.py", FOLDER],
        env={"PYTHONPATH": str(FOLDER)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with benchmark:
        status = Path("/proc", benchmark.stdout.readline().strip(), "status")
        wait_until(lambda: "T (stopped)" in status.read_text())
        benchmark.kill()
    wait_until(lambda: not status.exists() or "Z (zombie)" in status.read_text())


def wait_until(happened):
    for _ in range(100):
        if happened():
            return
        time.sleep(0.1)
    pytest.fail("it has not happened in 10 seconds")


def test_a_loss_that_is_not_finite_stops_the_benchmark(side):
    import turns

    workers = {"sound": side(macs=1), "broken": side(macs=1, fails=True)}
    with pytest.raises(RuntimeError, match="broken: the loss is nan"):
        turns.steps_in_turn(workers, 1, 0.0)


def test_sides_of_one_network_that_count_differently_stop_the_benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import step

    about = {name: {"parameters": 5} for name in step.SIDES}
    assert step.agreed(step.SIDES, about, "parameters") == 5
    assert step.agreed(step.SIDES, about, "macs") is None
    about["PyTorchVideo SlowOnly"] = {"parameters": 4}  # another network
    assert step.agreed(step.SIDES, about, "parameters") == 5
    about["PyTorch"] = {"parameters": 6}
    with pytest.raises(RuntimeError, match="parameters differ"):
        step.agreed(step.SIDES, about, "parameters")


def test_every_side_is_measured_beside_the_first(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import step

    assert step.groups(list("abcdef"), 4) == [list("abcd"), list("aef")]
    assert step.groups(list("ab"), 4) == [list("ab")]
    assert step.groups(["a"], 2) == [["a"]]
    with pytest.raises(ValueError, match="together is 1"):
        step.groups(list("ab"), 1)


@pytest.fixture
def evaluated(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import evaluation
    import step

    script = tmp_path / "side.py"
    script.write_text(EVALUATING)

    def rows(**second):
        same = {"grey": 0.5, "other": 0.25, "parameters": 5}
        sides = {
            name: step.Side(
                lambda: Path(sys.executable), script, settings, {"PYTHONPATH": FOLDER}
            )
            for name, settings in {
                "first": same,
                "second": same | second,
                "third": same,
            }.items()
        }
        return evaluation.measure(sides, recipes.Recipe(), "", repetitions=3)

    return rows


def test_an_evaluation_has_a_row_a_side_for_the_views_and_for_the_whole(evaluated):
    rows = evaluated(grey=0.506)  # less than two grey levels apart
    assert [(row["part"], row["side"]) for row in rows] == [
        (part, side)
        for part in ("views", "probabilities")
        for side in ("first", "second", "third")
    ]
    for views, whole in zip(rows[:3], rows[3:], strict=True):
        assert 0 < views["median"] < whole["median"]
        assert whole["views"] == 30 and whole["repetitions"] == 3
        assert views["peak_mb"] is None and whole["peak_mb"] > 0
        assert whole["first_seconds"] > 0 and whole["reference"] == "first"
    assert rows[0]["ratio"] == rows[3]["ratio"] == 1


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"parameters": 6}, "parameters differ"),
        ({"grey": 0.51}, "views' means differ"),
        ({"other": 0.2}, "second: the probabilities add up to 0.95"),
        ({"other": float("nan")}, "second: the probabilities add up to nan"),
    ],
)
def test_sides_that_evaluate_differently_stop_the_benchmark(evaluated, second, message):
    with pytest.raises(RuntimeError, match=message):
        evaluated(**second)


def test_views_of_other_shapes_stop_the_benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import evaluation

    about = {"a": {"shape": [30, 2], "mean": 0}, "b": {"shape": [10, 2], "mean": 0}}
    with pytest.raises(RuntimeError, match="views' shapes differ"):
        evaluation.check_views(about)


#: A network and views that take seconds.
SMALL = recipes.Recipe(
    width=0.125, span=8, size=32, eval_size=32, temporal_views=2, precision="float32"
)


@pytest.fixture
def video(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import videos

    made = videos.Videos(videos=1, frames=12, height=40, width=56, files=1)
    return videos.make(made, tmp_path)


def settings(recipe, video):
    """Return the first request of a side."""
    return {
        "recipe": recipes.as_dict(recipe),
        "classes": 400,
        "records": str(video),
    }


@pytest.mark.usefixtures("shallow")
def test_our_side_evaluates_as_the_study_does(video):
    import evaluation_ours
    import pipeline_ours

    recipe, seen = SMALL, []
    about, evaluate = evaluation_ours.build(settings(recipe, video))
    probabilities = evaluate(seen.append)
    assert [views.shape for views in seen] == [(6, 4, 32, 32, 3)]
    keras.utils.set_random_seed(0)
    model = fit.build_model(recipe, 400, size=recipe.size)
    assert about["parameters"] == model.count_params()
    dataset = pipeline_ours.dataset_of(str(video))
    study = multiview.evaluate(model, dataset, recipe, split="train", batch_clips=6)
    np.testing.assert_allclose(probabilities, study.probabilities[0], rtol=1e-6)


@pytest.mark.skipif(not OFFICIAL.exists(), reason="benchmarks have not been run")
def test_the_official_side_evaluates_the_same_views(video):
    import evaluation
    import pipeline_ours

    recipe = dataclasses.replace(SMALL, width=1.0)
    [ours] = pipeline.evaluation_views(
        pipeline_ours.dataset_of(str(video)), recipe, split="train"
    )
    with evaluation.SIDES["official"].start(settings(recipe, video)) as worker:
        told = {"shape": list(ours["views"].shape), "mean": np.mean(ours["views"])}
        evaluation.check_views({"official": worker.about, "ours": told})
        evaluation.check_probabilities({"official": worker.ask()})


def test_the_plain_form_computes_the_same(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import plain_form

    def built():
        keras.utils.set_random_seed(0)
        return resnet3d.build("r3d-rs-50", 4, 32, 5, width=0.125)

    clips = np.random.default_rng(0).random((2, 4, 32, 32, 3), "float32")
    folded = built()
    for module, name in (
        (layers, "conv3d"),
        (resnet3d, "BatchNorm"),
        (resnet3d, "MaxPool"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))  # restored after
    plain_form.use()
    plain = built()
    assert complexity(plain) == complexity(folded)
    kinds = {type(layer) for layer in plain._flatten_layers()}
    assert plain_form.BatchNorm in kinds and layers.BatchNorm not in kinds
    plain.set_weights(folded.get_weights())
    np.testing.assert_allclose(plain(clips), folded(clips), rtol=1e-4, atol=1e-5)


def test_without_a_gpu_its_benchmark_says_what_is_missing(tmp_path):
    done = subprocess.run(
        [sys.executable, FOLDER / "gpu_step.py", "--output", tmp_path],
        env={"PATH": "", "PYTHONPATH": str(FOLDER.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "missing an NVIDIA GPU" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not TORCH.exists(), reason="benchmarks/step.py has not been run")
def test_the_network_in_pytorch_has_the_papers_parameters():
    code = "import torch_model as m; print(m.size(m.R3DRS()), m.size(m.R3DRS(101)))"
    done = subprocess.run([TORCH, "-c", code], cwd=FOLDER, capture_output=True)
    assert done.stdout.split() == [b"48183088", b"85074992"]
