"""What the paper publishes, as data: its tables, figures and training settings.

It may import no other room.

Each row names its `source` in the paper. Accuracies are per cent, `flops_b` is 10^9 in
the paper's convention (close to multiply-adds), `params_m` is 10^6. A row that the
paper takes from other work has `quoted`; the others have the `point` (or `row`) of the
study that replicates them, its `model` and `frames_span`. Where the paper's text gives
no number the cell is empty, and `note` says what it does say.
"""

import csv
from pathlib import Path

_FOLDER = Path(__file__).parent
TABLES = (1, 2, 3, 4, 5, 6)
FIGURES = (1, 2)

#: Columns of integers with empty cells, which would be read as floats.
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
    """Return the rows of "table4" or "figure2" as they are written.

    What needs names and sources alone reads these, in a hundredth of the time that
    importing pandas takes.
    """
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def table(number: int):
    """Return a table of the paper as a `pandas.DataFrame`, one row a row of it.

    Raises:
        ValueError: naming the number and those allowed.
    """
    return _read("table", number, TABLES)


def figure(number: int):
    """Return the points of a figure as far as the paper's text gives them.

    Raises:
        ValueError: naming the number and those allowed.
    """
    return _read("figure", number, FIGURES)


def quoted():
    """Return which network each quoted row is, and what is published of it elsewhere.

    A row that cannot be counted has no network; `macs_note` and `params_note` say why
    what is printed does not follow.
    """
    import pandas as pd

    rows = pd.read_csv(_FOLDER / "peers.csv")
    return rows.astype({name: "Int64" for name in ("frames", "size")})


def model_garden():
    """Return Kinetics-400 accuracies that the official implementation lists."""
    import pandas as pd

    return pd.read_csv(_FOLDER / "model_garden.csv").set_index("model")


def claims() -> dict[str, list[dict]]:
    """Return the paper's statements that numbers decide: `statement` and `count`."""
    import tomllib

    return tomllib.loads((_FOLDER / "claims.toml").read_text(encoding="utf-8"))


def settings() -> dict[str, dict[str, dict]]:
    """Return the training settings: section, name, then `value` and `source`."""
    import tomllib

    return tomllib.loads((_FOLDER / "settings.toml").read_text(encoding="utf-8"))


def _read(kind: str, number: int, allowed: tuple[int, ...]):
    import pandas as pd

    if number not in allowed:
        numbers = ", ".join(map(str, allowed))
        raise ValueError(f"{kind} is {number!r}; allowed are {numbers}")
    rows = pd.read_csv(_FOLDER / f"{kind}{number}.csv")
    return rows.astype({name: "Int64" for name in _INTEGERS if name in rows})
