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
