"""What the benchmarks measured, as tables of the book."""

from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import repetitions

OURS, OFFICIAL = "r3d_rs", "official"


def read(results: Path, name: str) -> pd.DataFrame | None:
    """Return the rows of a benchmark's table, such as "step.csv"; None without one."""
    path = Path(results) / "benchmarks" / name
    return pd.read_csv(path) if path.exists() else None


def pipeline_facts(results: Path) -> dict[str, str]:
    """Return what `benchmarks/pipeline.py` was run on: "not run" where it was not."""
    names = ("bench_frame", "bench_machine", "bench_repetitions")
    rows = read(results, "pipeline.csv")
    if rows is None:
        return dict.fromkeys(names, NOT_RUN)
    one = rows.iloc[0]
    machine = f"{one['processor']}, {one['cores']} cores, {one['date']}"
    number = rows["repetition"].nunique()
    return dict(zip(names, (one["frame_kb"], machine, number), strict=True))


def pipeline_table(results: Path) -> pd.DataFrame:
    """Compare the training pipelines.

    Returns:
        A row a side: the median of clips a second with its quartiles, milliseconds of
        processor time a clip, and, for the official sides, how many times as many clips
        ours gives, a ratio of medians with its 95 % bootstrap interval.
    """
    rows = read(results, "pipeline.csv")
    if rows is None:
        return pd.DataFrame({"clips/s": {OURS: NOT_RUN, OFFICIAL: NOT_RUN}})
    rates = rows.pivot_table(
        index="repetition",
        columns=["side", "dtype"],
        values="clips_per_second",
        sort=False,
    )
    [ours] = (side for side in rates if side[0] == OURS)
    table = {}
    for side, measured in rows.groupby(["side", "dtype"], sort=False):
        low, median, high = np.percentile(rates[side], [25, 50, 75])
        cpu = 1000 * measured["cpu_seconds"].sum() / measured["clips"].sum()
        table[f"{measured['package'].iloc[0]}, {side[1]}"] = {
            "clips/s (quartiles)": f"{median:.0f} ({low:.0f} to {high:.0f})",
            "processor time, ms/clip": f"{cpu:.1f}",
            "ours is": "" if side == ours else _ratio(rates[ours], rates[side]),
        }
    return pd.DataFrame.from_dict(table, orient="index")


def memory_table(results: Path) -> pd.DataFrame:
    """Return the resident memory of our training pipeline after some epochs."""
    rows = read(results, "pipeline-memory.csv")
    if rows is None:
        return pd.DataFrame({"resident memory, MB": {"any epoch": NOT_RUN}})
    memory = rows.set_index("epochs")["resident_mb"]
    return memory.to_frame("resident memory, MB").T.rename_axis(columns="after epoch")


def limits_table(results: Path) -> pd.DataFrame:
    """Return what the cores can do at most, by `benchmarks/limits.py`."""
    rows = read(results, "limits.csv")
    if rows is None:
        return pd.DataFrame({"rate": {"limits of the cores": NOT_RUN}})
    table = {
        f"{row['case']}, {row['side']}": {"rate": f"{_spread(row)} {row['unit']}"}
        for row in rows.to_dict("records")
    }
    return pd.DataFrame.from_dict(table, orient="index")


def step_table(results: Path, task: str | None = None) -> pd.DataFrame:
    """Return how fast a network's steps are, by `benchmarks/step.py`.

    Args:
        results: folder of the results.
        task: "training" or "inference"; None for both.

    Returns:
        A row a case and side: the median of clips a second with its quartiles, how many
        times as many that is as the case's first side has (a ratio of medians with its
        95 % bootstrap interval), the arithmetic's rate and its share of the best matrix
        multiplication's, the process's largest resident memory, and the seconds from
        building the network to the end of the first step.
    """
    rows = read(results, "step.csv")
    if rows is not None and task:
        rows = rows[rows["task"] == task]
    if rows is None or rows.empty:
        return pd.DataFrame({"clips/s": {task or "any step": NOT_RUN}})
    return _compared(rows, "multiply_gflops", "share of the best multiplication")


def onednn_table(results: Path) -> pd.DataFrame:
    """Return what oneDNN is worth to TensorFlow, by `benchmarks/onednn.py`.

    Returns:
        A row a side: the median of clips a second with its quartiles, and how many
        times as many that is as without (a ratio of medians with its 95 % bootstrap
        interval).
    """
    rows = read(results, "onednn.csv")
    if rows is None:
        return pd.DataFrame({"clips/s": {"with oneDNN and without": NOT_RUN}})
    table = {
        row["side"]: {"clips/s (quartiles)": _spread(row), "times as many": _times(row)}
        for row in rows.to_dict("records")
    }
    return pd.DataFrame.from_dict(table, orient="index")


def gpu_table(results: Path) -> pd.DataFrame:
    """Return how fast training steps are on a card, by `benchmarks/gpu_step.py`."""
    rows = read(results, "gpu_step.csv")
    if rows is None:
        return pd.DataFrame({"clips/s": {"any card": NOT_RUN}})
    return _compared(rows, "peak_gflops", "share of the card's peak")


def _compared(rows: pd.DataFrame, limit: str, of_limit: str) -> pd.DataFrame:
    def cells(row):
        device = row["device_peak_mb"]
        memory = row["peak_mb"] if pd.isna(device) else device
        share = row["gflops"] / row[limit]
        return {
            "case": row["case"],
            "side": row["side"],
            "clips/s (quartiles)": _spread(row),
            "times the first": _times(row),
            "GFLOP/s": "" if pd.isna(row["gflops"]) else f"{row['gflops']:.0f}",
            of_limit: "" if pd.isna(share) else f"{share:.0%}",
            "memory, MB": f"{memory:.0f}",
            "first step, s": f"{row['first_step_seconds']:.0f}",
        }

    table = pd.DataFrame(cells(row) for row in rows.to_dict("records"))
    return table.set_index("case").rename_axis(None)


def evaluation_table(results: Path) -> pd.DataFrame:
    """Return how long a video's evaluation takes, by `benchmarks/evaluation.py`.

    Returns:
        A row a side, until the views are at hand and until the probabilities are: the
        median of the seconds from the record with its quartiles, how many times as long
        as the first side takes that is (a ratio of medians with its 95 % bootstrap
        interval), views a second, the process's largest resident memory, and the
        seconds from building the network to the first video's probabilities.
    """
    rows = read(results, "evaluation.csv")
    if rows is None:
        return pd.DataFrame({"seconds": {"a video's evaluation": NOT_RUN}})

    def cells(row):
        memory, first = row["peak_mb"], row["first_seconds"]
        return {
            "from the record to": row["part"],
            "side": row["side"],
            "seconds (quartiles)": _spread(row),
            "times as long as the first": _times(row),
            "views/s": _short(row["views"] / row["median"]),
            "memory, MB": "" if pd.isna(memory) else f"{memory:.0f}",
            "first video, s": "" if pd.isna(first) else f"{first:.0f}",
        }

    table = pd.DataFrame(cells(row) for row in rows.to_dict("records"))
    return table.set_index("from the record to")


def run_table(results: Path) -> pd.DataFrame:
    """Return where a run's time goes, by `benchmarks/run.py`.

    Returns:
        A row a part, and a column a backend: the median of the seconds with its
        quartiles.
    """
    rows = read(results, "run.csv")
    if rows is None:
        return pd.DataFrame({"seconds": {"any part": NOT_RUN}})
    cells = rows.assign(seconds=[_spread(row) for row in rows.to_dict("records")])
    table = cells.pivot_table(
        index="case", columns="side", values="seconds", aggfunc="first", sort=False
    )
    return table.fillna("").rename_axis(None).rename_axis(columns="seconds")


def since_table(results: Path) -> pd.DataFrame:
    """Return what has become faster, by `benchmarks/since.py`.

    Returns:
        A row a case: the medians of the earlier version and of the present one with
        their quartiles, and how many times as fast that is (a ratio of medians with its
        95 % bootstrap interval).
    """
    rows = read(results, "since.csv")
    if rows is None:
        return pd.DataFrame({"times as fast": {"any case": NOT_RUN}})
    table = {}
    for case, sides in rows.groupby("case", sort=False):
        now, before = (
            sides[sides["side"] == side].iloc[0].to_dict() for side in ("now", "before")
        )
        ends = [before[f"ratio{end}"] for end in ("", "_low", "_high")]
        if now["unit"] == "clips/s":
            ends = [1 / ends[i] for i in (0, 2, 1)]
        table[case] = {
            "unit": now["unit"],
            f"before ({before['revision']})": _spread(before),
            f"now ({now['revision']})": _spread(now),
            "times as fast": f"{ends[0]:.2f} ({ends[1]:.2f} to {ends[2]:.2f})",
        }
    return pd.DataFrame.from_dict(table, orient="index")


def operations_table(results: Path, backend: str, least: float = 0.02) -> pd.DataFrame:
    """Return where a training step's time goes, by `benchmarks/operations.py`.

    Args:
        results: folder of the results.
        backend: "TensorFlow" or "JAX".
        least: share of a version's operations, below which a kind is among "others".

    Returns:
        A row a kind of operation: for the earlier version and the present one the
        milliseconds that those of a step take, and how many there are; the last row is
        a step's time without the profiler.
    """
    rows = read(results, "operations.csv")
    if rows is not None:
        rows = rows[rows["backend"] == backend]
    if rows is None or rows.empty:
        return pd.DataFrame({"ms (operations)": {"any operation": NOT_RUN}})
    times = rows.pivot_table(index="operation", columns="side", values=["ms", "count"])
    times = times.fillna(0.0)
    large = (times["ms"] >= least * times["ms"].sum()).any(axis=1)
    shown = times[large].sort_values(("ms", "before"), ascending=False)
    shown.loc["others"] = times[~large].sum()
    table = {}
    for side in ("before", "now"):
        one = rows[rows["side"] == side].iloc[0]
        cells = {
            name: f"{_short(ms)} ({count:.0f})" if count else ""
            for name, ms, count in zip(
                shown.index, shown["ms", side], shown["count", side], strict=True
            )
        }
        cells["a step, by the clock"] = _short(one["step_ms"])
        table[f"{side} ({one['revision']}), ms (operations)"] = cells
    return pd.DataFrame(table)


def facts(results: Path, name: str) -> dict[str, str]:
    """Return what a benchmark was run on: "not run" where it was not.

    Args:
        results: folder of the results.
        name: of its table, such as "step.csv".

    Returns:
        `machine`, `repetitions` and `versions`.
    """
    rows = read(results, name)
    if rows is None:
        return dict.fromkeys(("machine", "repetitions", "versions"), NOT_RUN)
    one = rows.iloc[0]
    parts = (part for text in rows["versions"] for part in text.split(", "))
    card = f"{one['card']}, " if isinstance(one.get("card"), str) else ""
    return {
        "machine": f"{card}{one['processor']}, {one['cores']} cores, {one['date']}",
        "repetitions": " or ".join(map(str, sorted(rows["repetitions"].unique()))),
        "versions": ", ".join(dict.fromkeys(parts)),
    }


#: What there is to measure, and the tables that say that it was.
MEASUREMENTS = {
    "the input pipeline beside the official implementation's": "pipeline.csv",
    "training and inference on a CPU, beside the official implementation's": "step.csv",
    "the evaluation of a video over 30 views, beside the official implementation's": (
        "evaluation.csv"
    ),
    "where a run's time goes": "run.csv",
    "what has become faster": "since.csv",
    "which operations a step's time goes to": "operations.csv",
    "a training step with oneDNN and without": "onednn.csv",
    "how the cost grows": "growth.csv",
    "a training step on a GPU": "gpu_step.csv",
    "PyTorch's step on a GPU with its algorithms tried out, and compiled": None,
    "anything on a TPU": None,
}


def missing(results: Path) -> pd.DataFrame:
    """Return what no benchmark has measured, with the state "not run"."""
    states = {
        what: NOT_RUN
        for what, name in MEASUREMENTS.items()
        if name is None or read(results, name) is None
    }
    return pd.DataFrame({"state": states})


def _spread(row: dict) -> str:
    """Return a median with its quartiles, to three digits."""
    median, low, high = (_short(row[name]) for name in ("median", "low", "high"))
    return f"{median} ({low} to {high})"


def _short(number: float) -> str:
    """Return a number with three digits, and without an exponent."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _times(row: dict) -> str:
    if row["side"] == row["reference"]:
        return ""
    ratio, low, high = (row[f"ratio{end}"] for end in ("", "_low", "_high"))
    return f"{ratio:.2f} × ({low:.2f} to {high:.2f})"


def _ratio(ours: pd.Series, theirs: pd.Series) -> str:
    middle, low, high = repetitions.ratio(ours, theirs)
    return f"{middle:.2f} × ({low:.2f} to {high:.2f})"
