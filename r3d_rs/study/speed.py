"""What the benchmarks measured, as tables of the book."""

from pathlib import Path

import numpy as np
import pandas as pd

OURS, OFFICIAL = "r3d_rs", "official"


def pipeline_facts(results: Path) -> dict[str, str]:
    """Return what `benchmarks/pipeline.py` was run on: "not run" where it was not."""
    names = ("bench_frame", "bench_machine", "bench_repetitions")
    rows = _read(results, "pipeline.csv")
    if rows is None:
        return dict.fromkeys(names, "not run")
    one = rows.iloc[0]
    machine = f"{one['processor']}, {one['cores']} cores, {one['date']}"
    repetitions = rows["repetition"].nunique()
    return dict(zip(names, (one["frame_kb"], machine, repetitions), strict=True))


def pipeline_table(results: Path) -> pd.DataFrame:
    """Compare the training pipelines.

    Returns:
        A row a side: the median of clips a second with its quartiles, milliseconds of
        processor time a clip, and, for the official sides, how many times as many clips
        ours gives, a ratio of medians with its 95 % bootstrap interval.
    """
    rows = _read(results, "pipeline.csv")
    if rows is None:
        return pd.DataFrame({"clips/s": {OURS: "not run", OFFICIAL: "not run"}})
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
    rows = _read(results, "pipeline-memory.csv")
    if rows is None:
        return pd.DataFrame({"resident memory, MB": {"any epoch": "not run"}})
    memory = rows.set_index("epochs")["resident_mb"]
    return memory.to_frame("resident memory, MB").T.rename_axis(columns="after epoch")


def _ratio(ours: pd.Series, theirs: pd.Series) -> str:
    # A repetition is drawn as a whole: both sides saw the same machine.
    drawn = np.random.default_rng(0).integers(len(ours), size=(10_000, len(ours)))
    a, b = ours.to_numpy(), theirs.to_numpy()
    ratios = np.median(a[drawn], 1) / np.median(b[drawn], 1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return f"{np.median(a) / np.median(b):.2f} × ({low:.2f} to {high:.2f})"


def _read(results: Path, name: str) -> pd.DataFrame | None:
    path = Path(results) / "benchmarks" / name
    return pd.read_csv(path) if path.exists() else None
