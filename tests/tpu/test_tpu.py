"""Chips' published numbers, how batches are divided, and the TPUs' compiler."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from r3d_rs.experiments import registry
from r3d_rs.operations import exact
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.recipes.recipe import Recipe, recipe_hash
from r3d_rs.tpu import chips, compiler, plan

ROOT = Path(__file__).parents[2]


def test_every_chip_has_its_published_numbers():
    found = chips.chips()
    assert list(found) == ["v3", "v4", "v5e", "v5p", "v6e"]
    v3, v5e = found["v3"], found["v5e"]
    assert v3.devices == 2
    assert v3.memory / v3.devices == 16 * 2**30
    assert (v5e.memory, v5e.flops, v5e.bandwidth) == (16 * 2**30, 197e12, 819e9)
    for chip in found.values():
        assert chip.source
        # Any of them needs more than 100 operations a byte to be busy.
        assert chip.flops / chip.bandwidth > 100


def test_micro_batches_are_as_few_as_fit():
    assert plan.micro_batches(1024, 1, 32) == 32
    assert plan.micro_batches(1024, 8, 32) == 4
    assert plan.micro_batches(1024, 8, 100) == 2  # 128 clips in parts of 64
    assert plan.micro_batches(24, 1, 5) == 6  # of 4 clips, as 5 do not divide 24
    # The paper's slice of 128 v3 cores has 8 clips of 1,024 on each.
    assert plan.micro_batches(1024, chips.topology("v3:8x8").devices, 8) == 1
    with pytest.raises(ValueError, match="there are 3 devices: allowed are multiples"):
        plan.micro_batches(1024, 3, 8)


def test_what_is_no_topology_is_named():
    for name, message in (
        ("v9:2x2", "'v9:2x2', allowed generations are v3, v4"),
        ("v4:2x2", "allowed are 3 numbers of chips"),
        ("v5e", "allowed are 2 numbers of chips"),
        ("v5e:0x2", "allowed are 2 numbers of chips"),
    ):
        with pytest.raises(ValueError, match=message):
            chips.topology(name)


def test_the_compilers_error_about_memory_is_read():
    message = "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm."
    message += " Used 18.50G of 15.75G hbm. Exceeded hbm capacity by 2.75G."
    assert compiler.memory_asked(message) == (18.5 * 2**30, 15.75 * 2**30)
    message = "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required"
    message += " for HLO temporaries (17.00G) exceeds available HBM (15.50G)."
    assert compiler.memory_asked(message) == (17 * 2**30, 15.5 * 2**30)
    with pytest.raises(ValueError, match="does not compile: INTERNAL: something"):
        compiler.memory_asked("INTERNAL: something else\nand more")


# How a run divides its batches.

#: A small network's run on eight clips a device, and what is known of it.
RUN = Recipe(width=0.125, span=4, size=32, batch_size=64)
V5E = chips.chips()["v5e"].kind


@pytest.fixture(scope="module")
def macs():
    return plan.macs(RUN)


@pytest.fixture
def known(monkeypatch, tmp_path, macs):
    """Write what fits; rows are (rematerialize, accumulate, clips)."""
    monkeypatch.setattr(plan, "macs", lambda recipe: macs)

    def write(*rows, macs=macs):
        monkeypatch.setattr(plan, "FITS", tmp_path / "fits.csv")
        pd.DataFrame(
            [("v5e", "RS-50", macs + 10 * row[0], *row) for row in rows],
            columns=["chip", "point", "macs", "rematerialize", "accumulate", "clips"],
        ).to_csv(plan.FITS, index=False)

    return write


def test_a_run_divides_its_batches_by_what_fits(known):
    known((False, False, 16), (False, True, 8), (True, False, 32), (True, True, 16))
    assert plan.fitted(RUN, V5E, 4) == RUN  # 16 a device
    divided = plan.fitted(RUN, V5E, 1)
    assert (divided.micro_batches, divided.rematerialize) == (8, False)
    assert recipe_hash(divided) == recipe_hash(RUN)
    # Of two points as large, as D-stem and RS-50 are, the smaller number fits both.
    known((False, True, 16), (False, True, 8))
    assert plan.fitted(RUN, V5E, 1).micro_batches == 8


def test_blocks_are_rematerialized_where_too_few_clips_fit(known):
    known((False, False, 4), (False, True, 4), (True, False, 16), (True, True, 16))
    assert plan.fitted(RUN, V5E, 4) == dataclasses.replace(RUN, rematerialize=True)
    divided = plan.fitted(RUN, V5E, 1)
    assert (divided.micro_batches, divided.rematerialize) == (4, True)


def test_pairs_of_views_are_two_clips_and_never_divided(known):
    known((False, False, 16), (False, True, 8), (True, False, 32), (True, True, 16))
    pairs = ContrastiveRecipe(width=0.125, span=4, size=32, batch_size=64)
    assert plan.fitted(pairs, V5E, 8) == pairs
    again = dataclasses.replace(pairs, rematerialize=True)
    assert plan.fitted(pairs, V5E, 4) == again  # 32 clips a device
    assert plan.fitted(pairs, V5E, 2) == pairs  # 64 do not fit anyhow


def test_a_gpu_is_taken_for_a_tpu_with_as_much_memory(known):
    known((False, False, 16), (False, True, 16), (True, False, 32), (True, True, 32))
    gib = 2**30
    whole, half = (plan.fitted(RUN, "NVIDIA T4", 1, n * gib) for n in (16, 8))
    assert (whole.micro_batches, half.micro_batches) == (4, 8)
    assert plan.fitted(RUN, "NVIDIA H200", 1, 64 * gib) == RUN  # 64 clips at once
    assert plan.fitted(RUN, "NVIDIA T4", 1) == RUN  # its memory is not known


@pytest.mark.parametrize("chip", ["v5e", "v6e"])
def test_every_point_of_figure_2_divides_by_itself_in_colab(chip):
    rows = pd.read_csv(plan.FITS).query("chip == @chip")
    largest = exact.row(exact.read(ROOT / "results"), "r3d-rs-200", 32, 256, 400)
    assert rows["macs"].max() >= largest["macs"] * (224 / 256) ** 2  # RS-200@f64
    for _, own in rows.groupby(["rematerialize", "macs"]):
        assert own[own["accumulate"]]["clips"].min() >= plan.ENOUGH


@pytest.mark.parametrize(("kind", "memory"), [(V5E, 0), ("NVIDIA T4", 12 * 2**30)])
def test_small_networks_keep_their_batches_whole_in_colab(kind, memory):
    """Batch normalization would see other statistics than in the published runs."""
    for point in ("RS-50", "RS-200@f48", "RS-200@i288"):
        recipe = registry.get(f"scaling/{point}").recipe("pantomime-20")
        assert plan.fitted(recipe, kind, 1, memory) == recipe


def test_four_times_fewer_multiply_adds_fit_twice_the_clips(known, monkeypatch, macs):
    known((False, True, 8))
    monkeypatch.setattr(plan, "macs", lambda recipe: macs / 4)
    assert plan.fitted(RUN, V5E, 1).micro_batches == 4  # of 16 clips


def test_no_micro_batch_has_too_few_clips_for_normalization(known):
    known((False, True, 16), (True, True, 16))
    prime = dataclasses.replace(RUN, batch_size=37)
    assert plan.fitted(prime, V5E, 1) == prime


def test_what_is_not_known_is_left_as_it_is(known):
    known((False, True, 8))
    assert plan.fitted(RUN, "TPU v9", 1) == RUN
    assert plan.fitted(RUN, "", 0) == RUN
    own = dataclasses.replace(RUN, micro_batches=2)
    assert plan.fitted(own, V5E, 1) == own
    known((False, True, 8), macs=1)  # of a smaller network
    assert plan.fitted(RUN, V5E, 1) == RUN


# The compiler.

SMALL = """
import dataclasses, json
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.tpu import chips, compiler
recipe = Recipe(width=0.125, span=4, size=32, eval_size=32, batch_size=8)
found = [
    compiler.compile_training(recipe, 5, chips.topology("v5e:2x2"), 2),
    compiler.compile_evaluation(recipe, 5, chips.topology("v5e:2x2"), 2),
]
print(json.dumps([dataclasses.asdict(one) for one in found]))
"""


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None,
    reason="libtpu, the TPU's compiler, is missing",
)
def test_a_small_network_compiles_for_four_chips():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", SMALL],
        capture_output=True,
        text=True,
        env=environment | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    training, evaluation = json.loads(done.stdout.splitlines()[-1])
    assert training["fits"] and evaluation["fits"]
    # Three times the forward pass, less the first layer's gradient of its input, and
    # what lies between the convolutions once more.
    assert 2.5 < training["flops"] / evaluation["flops"] < 4
    assert training["arguments"] > evaluation["arguments"]
    assert 0 < training["needed"] < 16 * 2**30
