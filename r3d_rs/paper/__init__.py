"""The paper's tables, figures and training settings, as data.

It may import no other room.

Each row names its `source` in the paper. Accuracies are in per cent, `params_m` in
10^6. `flops_b` is in 10^9 by the paper's convention, which is close to multiply-adds.
`quoted` marks rows that the paper takes from other work. Each other row has the `point`
(or `row`) of the study that replicates it, with its `model` and `frames_span`. If the
paper gives no number, the cell is empty, and `note` says what the text gives instead.
"""

import csv
from pathlib import Path

_FOLDER = Path(__file__).parent
TABLES = (1, 2, 3, 4, 5, 6)
FIGURES = (1, 2)

#: Integer columns with empty cells, which pandas would read as floats.
_INTEGERS = (
    "frames_span",
    "flops_b",
    "output_frames",
    "output_size",
    "kernel_frames",
    "kernel_size",
    "filters",
    "temporal_stride",
    "spatial_stride",
    "blocks",
)


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a file such as "table4" or "figure2", with all cells as text.

    Use this for names and sources: importing pandas takes a hundred times as long.
    """
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def table(number: int):
    """Return a table of the paper as a `pandas.DataFrame`, row by row.

    Raises:
        ValueError: if there is no such table, naming the number and those allowed.
    """
    return _read("table", number, TABLES)


def figure(number: int):
    """Return a figure's points, as far as the paper's text gives them.

    Raises:
        ValueError: if there is no such figure, naming the number and those allowed.
    """
    return _read("figure", number, FIGURES)


def quoted():
    """Return the network of each quoted row, and what other sources publish about it.

    If a row cannot be counted, its network is empty. `macs_note` and `params_note` say
    why a printed number does not match the count.
    """
    import pandas as pd

    rows = pd.read_csv(_FOLDER / "peers.csv")
    return rows.astype({name: "Int64" for name in ("frames", "size")})


def model_garden():
    """Return the Kinetics-400 accuracies that the official implementation lists."""
    import pandas as pd

    return pd.read_csv(_FOLDER / "model_garden.csv").set_index("model")


def claims() -> dict[str, list[dict]]:
    """Return the paper's statements that numbers can decide.

    Each entry of `statement` compares two experiments. Each entry of `count` names its
    `check`, a function in `r3d_rs/report/claims.py`.
    """
    import tomllib

    return tomllib.loads((_FOLDER / "claims.toml").read_text(encoding="utf-8"))


def settings() -> dict[str, dict[str, dict]]:
    """Return the training settings by section and name, with `value` and `source`."""
    import tomllib

    return tomllib.loads((_FOLDER / "settings.toml").read_text(encoding="utf-8"))


def _read(kind: str, number: int, allowed: tuple[int, ...]):
    import pandas as pd

    if number not in allowed:
        numbers = ", ".join(map(str, allowed))
        raise ValueError(f"{kind} is {number!r}; allowed are {numbers}")
    rows = pd.read_csv(_FOLDER / f"{kind}{number}.csv")
    return rows.astype({name: "Int64" for name in _INTEGERS if name in rows})
