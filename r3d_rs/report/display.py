"""Tables of results as a page of the book shows them."""

from pathlib import Path

import pandas as pd

from r3d_rs.evaluation import interval


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


def table2(path: Path | str) -> pd.DataFrame:
    """Read Table 2 for display: a row is what is added to the one above it.

    Args:
        path: `table2.csv` as `tables.build` writes it.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    columns = {
        "FLOPs, B (paper)": rows["paper_flops_b"],
        "multiply-adds, G (ours)": _rounded(rows["exact_gmacs"]),
        "top-1, % (paper)": rows["paper_top1"],
        "step (paper)": rows["paper_delta"],
        "Pantomime top-1, % (ours)": _accuracies(rows, "pantomime"),
        "step (ours)": rows["pantomime_delta"],
        "Kinetics-400 top-1, % (ours)": _accuracies(rows, "kinetics"),
    }
    return _shown(columns, rows["row"])


def from_scratch(path: Path | str) -> pd.DataFrame:
    """Read Table 3 or 4 for display: the paper's columns beside ours.

    Args:
        path: `table3.csv` or `table4.csv` as `tables.build` writes them.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    fourth = "paper_top5" not in rows
    top5 = {} if fourth else {"top-5, % (paper)": rows["paper_top5"]}
    ours = ("Pantomime-30", "Kinetics-600") if fourth else ("Pantomime", "Kinetics-400")
    columns = {
        "FLOPs × views, B (paper)": rows["paper_flops_b"] + "×" + rows["views"],
        "multiply-adds, G (ours)": _rounded(rows["exact_gmacs"]),
        "profiler FLOPs/2, G (ours)": _rounded(rows["exact_profiler_gflops"]),
        "parameters, M (paper)": rows["paper_params_m"],
        "parameters, M (ours)": _rounded(rows["exact_params_m"]),
        "top-1, % (paper)": rows["paper_top1"],
        **top5,
        f"{ours[0]} top-1, % (ours)": _accuracies(rows, "pantomime"),
        "step (ours)": rows["pantomime_delta"],
        f"{ours[1]} top-1, % (ours)": _accuracies(rows, "kinetics"),
    }
    return _shown(columns, rows["model"])


def table5(path: Path | str) -> pd.DataFrame:
    """Read Table 5 for display: pre-training, the paper's columns beside ours.

    Args:
        path: `table5.csv` as `tables.build` writes it.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    columns = {
        "pre-trained on": rows["pretrain"],
        "dataset": rows["dataset"],
        "FLOPs × views, B (paper)": rows["paper_flops_b"] + "×" + rows["views"],
        "multiply-adds, G (ours)": _rounded(rows["exact_gmacs"]),
        "top-1, % (paper)": rows["paper_top1"],
        "top-1, % (ours)": _accuracies(rows, "kinetics"),
    }
    return _shown(columns, rows["model"])


def table6(path: Path | str) -> pd.DataFrame:
    """Read Table 6 for display: linear evaluation, the paper's columns beside ours.

    Args:
        path: `table6.csv` as `tables.build` writes it.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    columns = {
        "top-1, % (paper)": rows["paper_top1"],
        "step (paper)": rows["paper_delta"],
        "Pantomime top-1, % (ours)": _accuracies(rows, "pantomime"),
        "step (ours)": rows["pantomime_delta"],
        "untrained (ours)": _accuracies(rows, "pantomime_untrained"),
        "Kinetics-400 top-1, % (ours)": _accuracies(rows, "kinetics"),
    }
    return _shown(columns, rows["model"])


def _shown(columns: dict, names: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(columns).set_axis(names).rename_axis(None).map(_cell)


def _rounded(column: pd.Series) -> list[str]:
    return [f"{float(text):.2f}" if text else "" for text in column]


def _accuracies(rows: pd.DataFrame, prefix: str) -> list[str]:
    """Return a mean with its interval and the number of seeds, or what stands there."""

    def cell(row):
        if not row["seeds"]:
            return row["top1"]
        numbers = (float(row[name]) for name in ("top1", "low", "high"))
        return interval.described(*numbers, row["seeds"])

    names = ("top1", "low", "high", "seeds", "interval")
    own = rows[[f"{prefix}_{name}" for name in names]].set_axis(names, axis=1)
    return [cell(row) for row in own.to_dict("records")]
