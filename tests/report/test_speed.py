"""The benchmarks' tables, from rows whose values are known."""

import pandas as pd
import pytest

from r3d_rs.report import goals, growth, repetitions, speed

MACHINE = {"processor": "a processor", "cores": 2, "date": "2026-11-25"}


def summary(values, reference):
    return repetitions.summary(values, reference)


def write(folder, name, rows):
    path = folder / "benchmarks" / name
    path.parent.mkdir(exist_ok=True)
    pd.DataFrame(row | MACHINE for row in rows).to_csv(path, index=False)


def step(side, task, rates, reference, **changed):
    row = {
        "side": side,
        "case": f"RS-50, {task}",
        "task": task,
        **summary(rates, reference),
        "reference": "official",
        "peak_mb": 3000,
        "device_peak_mb": None,
        "first_step_seconds": 15.2,
        "gmacs": 10.0,
        "gflops": 60.0,
        "multiply_gflops": 120.0,
        "versions": "keras 3, jax 0.10" if side == "ours" else "tensorflow 2.20",
    }
    return row | changed


def test_a_summary_has_quartiles_and_the_ratio_of_medians():
    found = repetitions.summary([2, 4, 6, 8, 10], [1, 2, 3, 4, 5])
    assert (found["low"], found["median"], found["high"]) == (4, 6, 8)
    # Both sides vary together: their ratio does not.
    assert found["ratio"] == found["ratio_low"] == found["ratio_high"] == 2
    assert found["repetitions"] == 5


def test_a_ratios_interval_is_as_wide_as_the_repetitions_are_apart():
    middle, low, high = repetitions.ratio([1.0, 1.5, 2.0, 2.5, 3.0], [1.0] * 5)
    assert 1.0 <= low < middle == 2.0 < high <= 3.0


def test_sides_with_different_repetitions_have_no_ratio():
    with pytest.raises(ValueError, match=r"found 2 and 1"):
        repetitions.ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    "table",
    [
        speed.pipeline_table,
        speed.memory_table,
        speed.limits_table,
        speed.step_table,
        speed.evaluation_table,
        speed.gpu_table,
        speed.onednn_table,
        speed.run_table,
        speed.since_table,
        growth.table,
    ],
)
def test_what_was_not_measured_says_so(table, tmp_path):
    assert table(tmp_path).to_numpy().ravel()[0] == "not run"


def test_a_chapter_without_benchmarks_has_every_fact_as_not_run(tmp_path):
    assert set(speed.facts(tmp_path, "step.csv").values()) == {"not run"}
    assert growth.described(tmp_path) == "not run"
    assert growth.figure(tmp_path) is None
    assert len(speed.missing(tmp_path)) == len(speed.MEASUREMENTS)
    assert set(goals.table(tmp_path)["measured"]) == {"not run"}


def test_the_table_of_steps_has_rates_ratios_and_shares(tmp_path):
    reference = [1.0, 1.1, 1.2]
    rows = [
        step("official", "training", reference, reference),
        step("ours", "training", [2.0, 2.2, 2.4], reference),
        step(
            "official", "inference", [250.0] * 3, [250.0] * 3, gmacs=None, gflops=None
        ),
    ]
    write(tmp_path, "step.csv", rows)
    table = speed.step_table(tmp_path, "training")
    official, ours = table.to_dict("records")
    assert official["clips/s (quartiles)"] == "1.1 (1.05 to 1.15)"
    assert official["times the first"] == ""
    assert ours["times the first"] == "2.00 × (2.00 to 2.00)"
    assert ours["share of the best multiplication"] == "50%"
    [inference] = speed.step_table(tmp_path, "inference").to_dict("records")
    assert inference["clips/s (quartiles)"] == "250 (250 to 250)"
    assert inference["GFLOP/s"] == ""
    facts = speed.facts(tmp_path, "step.csv")
    assert facts["machine"] == "a processor, 2 cores, 2026-11-25"
    assert facts["versions"] == "tensorflow 2.20, keras 3, jax 0.10"
    assert "training and inference on a CPU" not in " ".join(
        speed.missing(tmp_path).index
    )


def test_the_table_of_steps_says_which_task_is_not_run(tmp_path):
    write(tmp_path, "step.csv", [step("official", "training", [1.0], [1.0])])
    table = speed.step_table(tmp_path, "inference")
    assert table.loc["inference", "clips/s"] == "not run"


def test_the_table_of_onednn_has_both_sides(tmp_path):
    without, with_it = ([2.0, 2.0, 2.0], [6.0, 6.0, 6.0])
    rows = [
        step("without oneDNN", "training", without, without),
        step("with oneDNN", "training", with_it, without),
    ]
    for row in rows:
        row["reference"] = "without oneDNN"
    write(tmp_path, "onednn.csv", rows)
    first, second = speed.onednn_table(tmp_path).to_dict("records")
    assert first["times as many"] == ""
    assert second["times as many"] == "3.00 × (3.00 to 3.00)"
    assert second["clips/s (quartiles)"] == "6 (6 to 6)"


def test_the_table_of_a_card_has_its_memory_and_its_peak(tmp_path):
    row = step("ours", "training", [500.0], [500.0], device_peak_mb=20_000)
    write(tmp_path, "gpu_step.csv", [row | {"card": "a card", "peak_gflops": 600.0}])
    facts = speed.facts(tmp_path, "gpu_step.csv")
    assert facts["machine"].startswith("a card, a processor, ")
    [cells] = speed.gpu_table(tmp_path).to_dict("records")
    assert cells["memory, MB"] == "20000"
    assert cells["share of the card's peak"] == "10%"


def test_the_table_of_evaluation_has_seconds_of_the_views_and_of_the_whole(tmp_path):
    whole = {"official": [20.0, 22.0, 24.0], "ours": [10.0, 11.0, 12.0]}
    rows = [
        {"side": side, "part": part, "reference": "official", "views": 30}
        | summary([x / scale for x in seconds], [x / scale for x in whole["official"]])
        | memory
        for part, scale, memory in (
            ("views", 10, {"peak_mb": None, "first_seconds": None}),
            ("probabilities", 1, {"peak_mb": 4000, "first_seconds": 40.4}),
        )
        for side, seconds in whole.items()
    ]
    write(tmp_path, "evaluation.csv", rows)
    table = speed.evaluation_table(tmp_path)
    assert list(table.index) == ["views"] * 2 + ["probabilities"] * 2
    assert table["seconds (quartiles)"].iloc[0] == "2.2 (2.1 to 2.3)"
    assert table["memory, MB"].iloc[0] == table["first video, s"].iloc[0] == ""
    official, ours = table.loc["probabilities"].to_dict("records")
    assert official["times as long as the first"] == ""
    assert ours["times as long as the first"] == "0.50 × (0.50 to 0.50)"
    assert ours["views/s"] == "2.73"
    assert (ours["memory, MB"], ours["first video, s"]) == ("4000", "40")
    assert not [name for name in speed.missing(tmp_path).index if "30 views" in name]


def test_the_table_of_a_run_has_a_row_a_part_and_a_column_a_backend(tmp_path):
    parts = {"first step": (12.0, 24.0), "in all": (60.0, 90.0)}
    rows = [
        {"side": side, "case": case, **summary([value], [seconds[0]])}
        for case, seconds in parts.items()
        for side, value in zip(("TensorFlow", "JAX"), seconds, strict=True)
    ]
    rows.append({"side": "command line", "case": "--help", **summary([1.5], [1.5])})
    write(tmp_path, "run.csv", rows)
    table = speed.run_table(tmp_path)
    assert list(table.index) == ["first step", "in all", "--help"]
    assert list(table.columns) == ["TensorFlow", "JAX", "command line"]
    assert table.loc["first step", "JAX"] == "24 (24 to 24)"
    assert table.loc["--help", "TensorFlow"] == ""


def test_what_has_become_faster_is_a_ratio_of_seconds_or_of_rates(tmp_path):
    rows = [
        {"side": side, "case": case, "unit": unit, "revision": side}
        | summary([value], [values[0]])
        for case, unit, values in (
            ("a run", "seconds", (20.0, 50.0)),
            ("a step", "clips/s", (300.0, 100.0)),
        )
        for side, value in zip(("now", "before"), values, strict=True)
    ]
    write(tmp_path, "since.csv", rows)
    table = speed.since_table(tmp_path)
    assert list(table["times as fast"]) == [
        "2.50 (2.50 to 2.50)",
        "3.00 (3.00 to 3.00)",
    ]
    assert table.loc["a run", "before (before)"] == "50 (50 to 50)"


def test_the_table_and_figure_of_growth_have_every_value(tmp_path):
    base = {"depth": 50, "frames": 16, "size": 64, "batch": 8, "devices": 1}
    rows = []
    for varied, value, rate, gmacs in (
        ("depth", 50, 8.0, 0.5),
        ("depth", 101, 4.0, 1.0),
        ("batch", 4, 8.0, 0.5),
        ("batch", 8, 8.0, 0.5),
        ("devices", 1, 8.0, 0.5),
        ("devices", 2, 2.0, 0.5),
    ):
        row = step("TensorFlow", "training", [rate], [rate], gmacs=gmacs)
        rows.append(row | base | {"width": 0.25, "varied": varied, "value": value})
        rows[-1][varied] = value
    write(tmp_path, "growth.csv", rows)
    table = growth.table(tmp_path)
    assert table.loc["depth 101", "a step, s"] == "2"
    assert table.loc["depth 101", "times the smallest"] == "2.00 ×"
    assert table.loc["batch 8", "times the smallest"] == "2.00 ×"
    assert table.loc["batch 8", "in multiply-adds"] == "2.00 ×"
    assert table.loc["devices 2", "times the smallest"] == "4.00 ×"
    assert table.loc["devices 2", "in multiply-adds"] == "1.00 ×"
    drawn = growth.figure(tmp_path)
    steps, _, first, devices = drawn.axes
    assert [list(line.get_ydata()) for line in steps.lines] == [[1.0, 2.0], [0.5, 1.0]]
    assert list(first.lines[0].get_xdata()) == [50, 101]
    assert list(devices.lines[0].get_ydata()) == [1.0, 4.0]
    assert growth.described(tmp_path).startswith("R3D-RS-50 of width 0.25")


def test_a_goal_is_reached_or_not_and_says_what_the_arithmetic_allows(tmp_path):
    rows = [
        step(side, "training", [rate], [1.0], case=goals.TRAINING)
        | {"peak_mb": memory, "share": share}
        for side, rate, memory, share in (
            (goals.OFFICIAL, 1.0, 3000, 0.8),
            (goals.OURS, 1.1, 2000, 0.88),
            (goals.JAX, 0.99, 4000, 0.792),
            ("PyTorch", 0.5, 1000, 0.4),
            ("PyTorch, channels last", 0.8, 1900, 0.64),
        )
    ]
    write(tmp_path, "step.csv", rows)
    table = goals.table(tmp_path)
    official = table.loc["training, times official"]
    assert list(official) == ["≥ 1.7", "1.1", "no", "1.25"]
    # The faster of PyTorch's layouts, and the one with less memory.
    pytorch = table.loc["training, times PyTorch"]
    assert list(pytorch) == ["≥ 1.2", "1.38", "yes", "1.56"]
    assert list(table.loc["memory of training, times PyTorch"])[1:3] == ["2", "no"]
    assert list(table.loc["memory of training, times official"])[2] == "yes"
    assert table.loc["JAX, times TensorFlow: training", "reached"] == "yes"


def test_a_table_that_cannot_be_read_is_not_taken_for_one_that_was_not_run(tmp_path):
    one = step(goals.OURS, "training", [1.0], [1.0], case=goals.TRAINING)
    write(tmp_path, "step.csv", [one])  # other sides were not run
    assert set(goals.table(tmp_path)["measured"]) == {"not run"}
    renamed = {name: value for name, value in one.items() if name != "case"}
    write(tmp_path, "step.csv", [renamed])
    with pytest.raises(KeyError, match="case"):
        goals.table(tmp_path)
    write(tmp_path, "step.csv", [one, one])
    with pytest.raises(ValueError, match="too many values"):
        goals.table(tmp_path)


def test_the_table_of_operations_has_both_versions_and_sums_what_is_small(tmp_path):
    rows = [
        {
            "operation": operation,
            "count": 2,
            "ms": ms,
            "backend": "TensorFlow",
            "side": side,
            "revision": side[:2],
            "step_ms": 130.0,
        }
        for operation, side, ms in (
            ("slice", "before", 50.0),
            ("convolution", "before", 60.0),
            ("tiny", "before", 0.5),
            ("convolution", "now", 40.0),
            ("tiny", "now", 0.4),
        )
    ]
    write(tmp_path, "operations.csv", rows)
    table = speed.operations_table(tmp_path, "TensorFlow")
    before, now = (
        table[f"{side}, ms (operations)"] for side in ("before (be)", "now (no)")
    )
    assert list(table.index) == [
        "convolution",
        "slice",
        "others",
        "a step, by the clock",
    ]
    assert list(before) == ["60 (2)", "50 (2)", "0.5 (2)", "130"]
    assert list(now) == ["40 (2)", "", "0.4 (2)", "130"]
    jax = speed.operations_table(tmp_path, "JAX")
    assert jax.to_numpy().ravel()[0] == "not run"
