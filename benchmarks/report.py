"""Tables of the benchmarks' results for the book."""

from pathlib import Path

import pandas as pd

NOT_RUN = "not run"


def read(results: Path, name: str) -> pd.DataFrame | None:
    """Return the rows of a benchmark, such as "step"; None if it was not run."""
    path = Path(results) / "benchmarks" / f"{name}.csv"
    return pd.read_csv(path) if path.exists() else None


def table(results: Path, *names: str) -> pd.DataFrame:
    """Return the results of benchmarks as a table.

    Args:
        results: folder of the results.
        names: names of the benchmarks, whose rates share a unit.

    Returns:
        One row per case and side: the median rate and its quartiles, and its ratio to
        the case's first side with a 95 % interval. Arithmetic, memory and the time to
        the end of the first work follow where they are known.
    """
    found = [rows for name in names if (rows := read(results, name)) is not None]
    if not found:
        return pd.DataFrame({"rate": {", ".join(names): NOT_RUN}})
    rows = pd.concat(found).to_dict("records")
    shown = pd.DataFrame([_cells(row) for row in rows]).fillna("")
    return shown.set_index("case").rename_axis(None)


def _cells(row: dict) -> dict[str, str]:
    middle, low, high = (short(row[name]) for name in ("median", "low", "high"))
    cells = {
        "case": row["case"],
        "side": row["side"],
        row["unit"]: middle,
        "quartiles": f"{low} to {high}",
    }
    first = row["side"] == row["reference"]
    interval = f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}"
    cells["ratio"] = "" if first else f"{row['ratio']:.2f}"
    cells["95 % interval"] = "" if first else interval
    if pd.notna(row.get("gflops")):
        cells["GFLOP/s"] = short(row["gflops"])
        cells["of the limit"] = f"{row['gflops'] / row['limit_gflops']:.0%}"
    memory = row.get("device_peak_mb")
    memory = row.get("peak_mb") if pd.isna(memory) else memory
    if pd.notna(memory):
        cells["memory, MB"] = f"{memory:.0f}"
    if pd.notna(row.get("first_seconds")):
        cells["first, s"] = f"{row['first_seconds']:.0f}"
    return cells


def facts(results: Path, name: str) -> dict[str, str]:
    """Return facts about a benchmark, or "not run" for each.

    Returns:
        `machine`, `repetitions`, `versions`, and `ratio` of our first row.
    """
    rows = read(results, name)
    if rows is None:
        names = ("machine", "repetitions", "versions", "ratio")
        return dict.fromkeys(names, NOT_RUN)
    one = rows.iloc[0]
    ours = rows[rows["side"].str.startswith("ours")]
    parts = (part for text in rows["versions"] for part in text.split(", "))
    card = f"{one['card']}, " if "card" in rows else ""
    return {
        "machine": f"{card}{one['processor']}, {one['cores']} cores, {one['date']}",
        "repetitions": str(one["repetitions"]),
        "versions": ", ".join(dict.fromkeys(parts)),
        "ratio": f"{ours['ratio'].iloc[0]:.2f}",
    }


def limits(results: Path) -> dict[str, str]:
    """Return the best rates of `multiply` and `copy` with units, or "not run"."""
    rows = read(results, "limits")
    if rows is None:
        return dict.fromkeys(("multiply", "copy"), NOT_RUN)
    best = rows.groupby("unit")["median"].max()
    return {
        "multiply": f"{short(best['GFLOP/s'])} GFLOP/s",
        "copy": f"{short(best['GB/s'])} GB/s",
    }


def short(number: float) -> str:
    """Return a number with three significant digits, or as an integer from 100 on."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"
