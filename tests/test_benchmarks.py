"""The benchmarks measure what they say: no times here, but counts, turns and errors."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from r3d_rs.models import complexity, layers, resnet3d
from r3d_rs.training import fit

FOLDER = Path(__file__).parents[1] / "benchmarks"
TORCH = FOLDER.parent / "build" / "environments" / "torch" / "bin" / "python"

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


@pytest.mark.tensorflow_only  # JAX compiles every operation of it, for a minute
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
        (fit, "BatchNorm"),
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
