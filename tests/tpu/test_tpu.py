"""What the paper's points take on TPUs: bounds, tables and the real compiler."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pandas as pd
import pytest
from click.testing import CliRunner

from r3d_rs.cli import main
from r3d_rs.experiments import contrastive, run
from r3d_rs.files import whole_file
from r3d_rs.operations import tpu as study
from r3d_rs.recipes import table2
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.recipes.recipe import Recipe, recipe_hash
from r3d_rs.tpu import chips, compiler
from r3d_rs.tpu import plan as division
from tests.shared.made_up import is_locked

ROOT = Path(__file__).parents[2]

#: A row as the compiler might have given it, of 8 clips on a v3 core.
ROW = {
    "point": "RS-200@f48",
    "task": "training",
    "topology": "v3:1x1",
    "clips": 8,
    "rematerialize": False,
    "accumulate": False,
    "macs": 200 * 10**9,
    "fits": True,
    "arguments": 1 * chips.GIB,
    "outputs": 0,
    "temporaries": 10 * chips.GIB,
    "needed": 11 * chips.GIB,
    "limit": float("nan"),
    "flops": 12.3e12,
    "bytes_accessed": 45e9,
    "seconds": 60.0,
}


def made_up(folder, **changes):
    """Write a table of one row."""
    place = study.path(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([ROW | changes]).to_csv(place, index=False)
    return folder


def made_up_before(folder, **changes):
    """Write the table of before, of one row."""
    place = study.path(folder).with_name("before.csv")
    pd.DataFrame([ROW | changes]).to_csv(place, index=False)
    return folder


def test_a_v3_chip_is_two_devices_with_16_gib_each():
    v3 = chips.chips()["v3"]
    assert v3.devices == 2
    assert v3.memory / v3.devices == 16 * 2**30
    # The paper's slice of 128 cores has 8 clips of 1,024 on each.
    assert chips.topology("v3:8x8").devices == 128
    assert division.micro_batches(1024, 128, 8) == 1


def test_every_chip_has_its_published_numbers():
    assert list(chips.chips()) == ["v3", "v4", "v5e", "v5p", "v6e"]
    v5e = chips.chips()["v5e"]
    assert (v5e.memory, v5e.flops, v5e.bandwidth) == (16 * 2**30, 197e12, 819e9)
    for chip in chips.chips().values():
        assert chip.source
        # Any of them needs more than 100 operations a byte to be busy.
        assert chip.flops / chip.bandwidth > 100


def test_a_bound_by_hand():
    # A core has half of 123 TFLOP/s and half of 900 GB/s.
    assert study.step_seconds(ROW) == pytest.approx(0.2)
    assert not study.is_memory_bound(ROW)
    # 350 epochs of 210 batches are 73,500 steps of 128 cores, 64 chips.
    assert study.chip_hours(ROW) == pytest.approx(73_500 * 0.2 * 64 / 3600)
    more = ROW | {"bytes_accessed": 180e9}
    assert study.step_seconds(more) == pytest.approx(0.4)
    assert study.is_memory_bound(more)
    # 30 views of each of 17,706 videos.
    views = ROW | {"task": "evaluation"}
    expected = 17_706 * 30 / 8 * 0.2 / 2 / 3600
    assert study.chip_hours(views) == pytest.approx(expected)


def test_micro_batches_are_as_few_as_fit():
    assert division.micro_batches(1024, 1, 32) == 32
    assert division.micro_batches(1024, 8, 32) == 4
    assert division.micro_batches(1024, 8, 100) == 2  # 128 clips in parts of 64
    assert division.micro_batches(24, 1, 5) == 6  # of 4 clips, as 5 do not divide 24
    with pytest.raises(ValueError, match="there are 3 devices: allowed are multiples"):
        division.micro_batches(1024, 3, 8)


def test_what_is_no_topology_is_named():
    with pytest.raises(ValueError, match="'v9:2x2', allowed generations are v3, v4"):
        chips.topology("v9:2x2")
    with pytest.raises(ValueError, match="allowed are 3 numbers of chips"):
        chips.topology("v4:2x2")
    with pytest.raises(ValueError, match="allowed are 2 numbers of chips"):
        chips.topology("v5e")
    with pytest.raises(ValueError, match="allowed are 2 numbers of chips"):
        chips.topology("v5e:0x2")


def test_the_compilers_error_about_memory_is_read():
    message = "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm."
    message += " Used 18.50G of 15.75G hbm. Exceeded hbm capacity by 2.75G."
    assert compiler.memory_asked(message) == (18.5 * 2**30, 15.75 * 2**30)
    message = "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required"
    message += " for HLO temporaries (17.00G) exceeds available HBM (15.50G)."
    assert compiler.memory_asked(message) == (17 * 2**30, 15.5 * 2**30)
    with pytest.raises(ValueError, match="does not compile: INTERNAL: something"):
        compiler.memory_asked("INTERNAL: something else\nand more")


def test_the_table_says_what_was_not_compiled(tmp_path):
    shown = study.table(made_up(tmp_path))
    row = shown.loc["RS-200@f48"]
    assert row["GiB needed"] == "11.00 of 16" and row["ms a step, at least"] == "200.0"
    assert shown.loc["RS-50", "fits"] == "not run"
    assert len(shown) == 11
    too_large = made_up(tmp_path, fits=False, needed=20 * chips.GIB)
    row = study.table(too_large).loc["RS-200@f48"]
    assert (row["fits"], row["chip-hours, at least"]) == ("no", "-")


def test_what_improved_is_shown_where_both_were_compiled(tmp_path):
    made_up(tmp_path)
    assert not len(study.improvement(made_up_before(tmp_path, clips=16)))
    made_up_before(tmp_path, needed=22 * chips.GIB, seconds=600)
    row = study.improvement(tmp_path).loc["RS-200@f48"]
    assert row["GiB needed"] == "22.00 → 11.00"
    assert row["seconds to compile"] == "600 → 60"


def test_a_row_that_is_there_is_not_compiled_again(tmp_path, monkeypatch):
    made_up(tmp_path)
    monkeypatch.setattr(compiler, "compile_training", None)
    found = study.compiled(
        study.Program("RS-200@f48", "training", "v3:1x1", 8), tmp_path
    )
    assert found["flops"] == ROW["flops"]


def test_a_point_may_be_any_of_figure_2_and_any_row_of_table_2():
    def recipe(point):
        return study.Program(point, "training", "v3:1x1", 8).recipe()

    assert recipe("baseline") == table2.row("baseline") == recipe("R3D-50")
    assert recipe("RA") == table2.row("RA")
    with pytest.raises(ValueError, match=r"received 'foo', .*RS-300.*baseline, LS,"):
        recipe("foo")


@pytest.mark.parametrize(("other", "rows"), [(16, {16: 9.0, 8: 1.0}), (8, {8: 1.0})])
def test_of_several_processes_each_keeps_the_others_rows(
    other, rows, tmp_path, monkeypatch
):
    locked = []

    def compiling(*_):
        made_up(tmp_path, clips=other, flops=9.0)  # another process is done first
        return compiler.Compiled(True, flops=1.0)

    def writing(file):
        locked.append(is_locked(file.parent))
        return whole_file(file)

    monkeypatch.setattr(division, "macs", lambda recipe: 1)
    monkeypatch.setattr(study, "whole_file", writing)
    monkeypatch.setattr(compiler, "compile_training", compiling)
    monkeypatch.setattr(compiler, "versions", dict)
    study.compiled(study.Program("RS-200@f48", "training", "v3:1x1", 8), tmp_path)
    found = study.read(tmp_path)
    assert len(found) == len(rows)
    assert dict(zip(found["clips"], found["flops"], strict=True)) == rows
    assert locked == [True]


def test_the_search_ends_at_the_largest_that_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(
        study, "compiled", lambda one, _: {"clips": one.clips, "fits": one.clips <= 16}
    )
    for start in (1, 8, 16, 32, 128):
        program = study.Program("RS-50", "training", "v5e:1x1", start)
        assert study.largest(program, tmp_path)["clips"] == 16
    program = study.Program("RS-50", "training", "v5e:1x1", 39)
    assert study.largest(program, tmp_path)["clips"] == 9  # 39, 19, 9
    monkeypatch.setattr(study, "compiled", lambda *_: {"fits": False})
    assert study.largest(program, tmp_path) is None


#: A small network's run on eight clips a device, and what is known of it.
RUN = Recipe(width=0.125, span=4, size=32, batch_size=64)
V5E = chips.chips()["v5e"].kind


@pytest.fixture
def known(monkeypatch, tmp_path):
    """Write what fits; rows are (rematerialize, accumulate, clips)."""
    macs = division.macs(RUN)

    def write(*rows, macs=macs):
        monkeypatch.setattr(division, "FITS", tmp_path / "fits.csv")
        pd.DataFrame(
            [("v5e", "RS-50", macs, *row) for row in rows],
            columns=["chip", "point", "macs", "rematerialize", "accumulate", "clips"],
        ).to_csv(division.FITS, index=False)

    return write


def test_a_run_divides_its_batches_by_what_fits(known):
    known((False, False, 16), (False, True, 8), (True, False, 32), (True, True, 16))
    assert division.fitted(RUN, V5E, 4) == RUN  # 16 a device
    divided = division.fitted(RUN, V5E, 1)
    assert (divided.micro_batches, divided.rematerialize) == (8, False)
    assert recipe_hash(divided) == recipe_hash(RUN)
    # Of two points as large, as D-stem and RS-50 are, the smaller number fits both.
    known((False, True, 16), (False, True, 8))
    assert division.fitted(RUN, V5E, 1).micro_batches == 8


def test_blocks_are_rematerialized_where_too_few_clips_fit(known):
    known((False, False, 4), (False, True, 4), (True, False, 16), (True, True, 16))
    assert division.fitted(RUN, V5E, 4) == dataclasses.replace(RUN, rematerialize=True)
    divided = division.fitted(RUN, V5E, 1)
    assert (divided.micro_batches, divided.rematerialize) == (4, True)


def test_pairs_of_views_are_two_clips_and_never_divided(known):
    known((False, False, 16), (False, True, 8), (True, False, 32), (True, True, 16))
    pairs = ContrastiveRecipe(width=0.125, span=4, size=32, batch_size=64)
    assert division.fitted(pairs, V5E, 8) == pairs
    again = dataclasses.replace(pairs, rematerialize=True)
    assert division.fitted(pairs, V5E, 4) == again  # 32 clips a device
    assert division.fitted(pairs, V5E, 2) == pairs  # 64 do not fit anyhow


def test_what_is_not_known_is_left_as_it_is(known):
    known((False, True, 8))
    assert division.fitted(RUN, "TPU v9", 1) == RUN
    assert division.fitted(RUN, "", 0) == RUN
    own = dataclasses.replace(RUN, micro_batches=2)
    assert division.fitted(own, V5E, 1) == own
    known((False, True, 8), macs=1)  # of a smaller network
    assert division.fitted(RUN, V5E, 1) == RUN


def test_a_run_divides_its_batches_as_it_is_told(tmp_path):
    wanted = {"seed": 0, "data_dir": str(tmp_path), "rematerialize": True}
    with pytest.warns(UserWarning, match="kinetics-400, at the paper's scale, on a C"):
        this = run.scaling(
            point="RS-50", dataset="kinetics-400", micro_batches=8, **wanted
        )
    assert (this.recipe.micro_batches, this.recipe.rematerialize) == (8, True)
    assert recipe_hash(this.recipe) == recipe_hash(this.paper)
    pairs = contrastive.checked(point="RS-50", dataset="pantomime", **wanted)
    assert (pairs.recipe.micro_batches, pairs.recipe.rematerialize) == (1, True)
    with pytest.raises(ValueError, match="micro_batches: received -1, allowed is 0"):
        run.scaling(point="RS-50", dataset="pantomime", micro_batches=-1, **wanted)


def test_the_package_has_what_the_table_says():
    kept = pd.read_csv(division.FITS)
    pd.testing.assert_frame_equal(kept, study.fits(ROOT / "results"))


def test_the_command_prints_a_row(tmp_path):
    made_up(tmp_path)
    options = ["--topology", "v3:1x1", "--clips", "8", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, ["tpu", "plan", "RS-200@f48", *options])
    assert done.exit_code == 0, done.output
    assert "memory: 11.00 of 16 GiB a device" in done.stdout
    assert "200.0 ms a step (arithmetic), 80 clips/s and chip at most" in done.stdout


def test_a_point_that_is_unknown_is_named():
    program = study.Program("RS-51", study.TRAINING, "v5e:1x1", 8)
    with pytest.raises(ValueError, match="parameter point: received 'RS-51', allowed"):
        program.recipe()


HAS_COMPILER = importlib.util.find_spec("libtpu") is not None


@pytest.mark.skipif(HAS_COMPILER, reason="libtpu is installed")
def test_without_the_compiler_a_command_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(division, "macs", lambda recipe: 1)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    words = ["tpu", "plan", "RS-50", "--clips", "8", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert 'pip install -e ".[tpu]"' in done.stderr


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
@pytest.mark.skipif(not HAS_COMPILER, reason="libtpu, the TPU's compiler, is missing")
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
