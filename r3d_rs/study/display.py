"""Tables of results as a page of the book shows them."""

from pathlib import Path

import pandas as pd


def read_table(path: Path | str) -> pd.DataFrame:
    """Read a table of results for display.

    The first column names the rows; large integers get thousands separators, everything
    else stays as it is written in the file, and what is missing is a dash.

    Args:
        path: a CSV file.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=0)
    return table.rename_axis(None).map(_cell)


def _cell(text: str) -> str:
    if text.isdecimal() and len(text) > 4:
        return f"{int(text):,}"
    return text or "-"


def table3(path: Path | str) -> pd.DataFrame:
    """Read Table 3 for display: the paper's columns beside ours, one cell a number.

    Args:
        path: `table3.csv` as `tables.build` writes it.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)

    def accuracy(row, prefix):
        if not row[f"{prefix}_seeds"]:
            return row[f"{prefix}_top1"]
        top1, low, high = (
            f"{float(row[f'{prefix}_{name}']):.1f}" for name in ("top1", "low", "high")
        )
        seeds = row[f"{prefix}_seeds"]
        plural = "" if seeds == "1" else "s"
        return f"{top1} ({low} to {high}, {seeds} seed{plural})"

    def rounded(text, digits):
        return f"{float(text):.{digits}f}" if text else ""

    columns = {
        "FLOPs × views, B (paper)": rows["paper_flops_b"] + "×" + rows["views"],
        "multiply-adds, G (ours)": [rounded(x, 2) for x in rows["exact_gmacs"]],
        "profiler FLOPs/2, G (ours)": [
            rounded(x, 2) for x in rows["exact_profiler_gflops"]
        ],
        "parameters, M (paper)": rows["paper_params_m"],
        "parameters, M (ours)": [rounded(x, 2) for x in rows["exact_params_m"]],
        "top-1, % (paper)": rows["paper_top1"],
        "top-5, % (paper)": rows["paper_top5"],
        "Pantomime top-1, % (ours)": rows.apply(accuracy, axis=1, prefix="pantomime"),
        "Kinetics-400 top-1, % (ours)": rows.apply(accuracy, axis=1, prefix="kinetics"),
    }
    return pd.DataFrame(columns).set_axis(rows["model"]).rename_axis(None).map(_cell)
