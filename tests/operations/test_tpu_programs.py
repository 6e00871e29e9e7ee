"""The table of what was compiled for TPUs: bounds, rows, the command `plan`."""

import importlib.util
from pathlib import Path

import keras
import pandas as pd
import pytest
from click.testing import CliRunner

from r3d_rs.cli import main
from r3d_rs.files import whole_file
from r3d_rs.operations import tpu
from r3d_rs.recipes import table2
from r3d_rs.tpu import chips, compiler, plan
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


def made_up(folder, name="compiled.csv", **changes):
    """Write a table of one row."""
    place = tpu.path(folder).with_name(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame([ROW | changes]).to_csv(place, index=False)
    return folder


def test_a_bound_by_hand():
    # A core has half of 123 TFLOP/s and half of 900 GB/s.
    assert tpu.step_seconds(ROW) == pytest.approx(0.2)
    assert not tpu.is_memory_bound(ROW)
    # 350 epochs of 210 batches are 73,500 steps of 128 cores, 64 chips.
    assert tpu.chip_hours(ROW) == pytest.approx(73_500 * 0.2 * 64 / 3600)
    more = ROW | {"bytes_accessed": 180e9}
    assert tpu.step_seconds(more) == pytest.approx(0.4)
    assert tpu.is_memory_bound(more)
    # 30 views of each of 17,706 videos.
    views = ROW | {"task": "evaluation"}
    expected = 17_706 * 30 / 8 * 0.2 / 2 / 3600
    assert tpu.chip_hours(views) == pytest.approx(expected)


def test_the_table_says_what_was_not_compiled(tmp_path):
    shown = tpu.table(made_up(tmp_path))
    row = shown.loc["RS-200@f48"]
    assert row["GiB needed"] == "11.00 of 16" and row["ms a step, at least"] == "200.0"
    assert shown.loc["RS-50", "fits"] == "not run"
    assert len(shown) == 11
    too_large = made_up(tmp_path, fits=False, needed=20 * chips.GIB)
    row = tpu.table(too_large).loc["RS-200@f48"]
    assert (row["fits"], row["chip-hours, at least"]) == ("no", "-")


def test_what_improved_is_shown_where_both_were_compiled(tmp_path):
    made_up(tmp_path)
    made_up(tmp_path, "before.csv", clips=16)
    assert not len(tpu.improvement(tmp_path))
    made_up(tmp_path, "before.csv", needed=22 * chips.GIB, seconds=600)
    row = tpu.improvement(tmp_path).loc["RS-200@f48"]
    assert row["GiB needed"] == "22.00 → 11.00"
    assert row["seconds to compile"] == "600 → 60"


def test_a_point_may_be_any_of_figure_2_and_any_row_of_table_2():
    def recipe(point):
        return tpu.Program(point, "training", "v3:1x1", 8).recipe()

    assert recipe("baseline") == table2.row("baseline") == recipe("R3D-50")
    assert recipe("RA") == table2.row("RA")
    message = r"parameter point: received 'foo', allowed .*RS-300.*baseline, LS,"
    with pytest.raises(ValueError, match=message):
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

    monkeypatch.setattr(plan, "macs", lambda recipe: 1)
    monkeypatch.setattr(tpu, "whole_file", writing)
    monkeypatch.setattr(compiler, "compile_training", compiling)
    monkeypatch.setattr(compiler, "versions", dict)
    program = tpu.Program("RS-200@f48", "training", "v3:1x1", 8)
    tpu.compiled_row(program, tmp_path)
    found = tpu.read(tmp_path)
    assert dict(zip(found["clips"], found["flops"], strict=True)) == rows
    assert len(found) == len(rows) and locked == [True]
    # A row that is there is not compiled again.
    monkeypatch.setattr(compiler, "compile_training", None)
    assert tpu.compiled_row(program, tmp_path)["flops"] == 1.0


def test_the_search_ends_at_the_largest_that_fits(tmp_path, monkeypatch):
    monkeypatch.setattr(
        tpu,
        "compiled_row",
        lambda one, _: {"clips": one.clips, "fits": one.clips <= 16},
    )
    for start in (1, 8, 16, 32, 128):
        program = tpu.Program("RS-50", "training", "v5e:1x1", start)
        assert tpu.largest_batch(program, tmp_path)["clips"] == 16
    program = tpu.Program("RS-50", "training", "v5e:1x1", 39)
    assert tpu.largest_batch(program, tmp_path)["clips"] == 9  # 39, 19, 9
    monkeypatch.setattr(tpu, "compiled_row", lambda *_: {"fits": False})
    assert tpu.largest_batch(program, tmp_path) is None


def test_the_package_has_what_the_table_says():
    kept = pd.read_csv(plan.FITS)
    pd.testing.assert_frame_equal(kept, tpu.fits(ROOT / "results"))


def command(results, point):
    words = ["tpu", "plan", point, "--topology", "v3:1x1", "--clips", "8"]
    return CliRunner().invoke(main, [*words, "--results", str(results)])


def test_the_command_prints_a_row(tmp_path):
    done = command(made_up(tmp_path), "RS-200@f48")
    assert done.exit_code == 0, done.output
    assert "memory: 11.00 of 16 GiB a device" in done.stdout
    assert "200.0 ms a step (arithmetic), 80 clips/s per chip at most" in done.stdout


@pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is not None, reason="libtpu is installed"
)
def test_without_the_compiler_the_command_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "macs", lambda recipe: 1)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    done = command(tmp_path / "none", "RS-50")
    assert done.exit_code == 1
    assert 'pip install -e ".[tpu]"' in done.stderr
