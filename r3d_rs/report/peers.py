"""Sizes and costs printed in Tables 3 to 5, beside our counts: `peers.csv`.

All rows are counted by one convention: learned parameters, and the multiply-adds of
convolutions, dense layers and attention's products. The column `convention` names the
convention that gives the printed number: "as counted" for ours, "none" if no
convention does.
"""

import math
from pathlib import Path

import pandas as pd

from r3d_rs import paper
from r3d_rs.operations import exact
from r3d_rs.paper import peers

#: Tables that quote other networks, and their number of classes. Table 5 has several
#: datasets and so no single number.
TABLES = {3: 400, 4: 600, 5: None}

#: Name and book mark of a printed number that no convention gives.
NONE, MARK = "none", "≠ "

#: The convention of the counts.
COUNTED = "as counted"

#: Separator between the conventions of multiply-adds and of parameters.
_APART = "; parameters "

#: Ways to round, tried in this order.
_ROUNDINGS = {"": round, "rounded up": math.ceil, "rounded down": math.floor}


def build(results: Path) -> pd.DataFrame:
    """Return the content of `<results>/tables/peers.csv`: all rows of the three tables.

    Columns `printed_` are the paper's. Columns `counted_` are our counts for one view
    of `frames` frames of `size` by `size` pixels. A cell is empty if the number is not
    printed or cannot be counted.

    Raises:
        FileNotFoundError: if the exact counts are missing; it says how to make them.
    """
    counts, facts = exact.read(results), paper.quoted().set_index("source")
    rows = []
    for number, classes in TABLES.items():
        for row in paper.table(number).to_dict("records"):
            dataset = row.get("dataset", "")
            heads = classes or int(dataset.removeprefix("Kinetics-"))
            if row["quoted"]:
                clip, gmacs, params, notes = _quoted(facts.loc[row["source"]], heads)
            else:
                clip, gmacs, params, notes = _own(counts, row, heads)
            printed = row["flops_b"], row.get("params_m", math.nan)
            gmacs_counted, params_counted = gmacs[COUNTED], params[COUNTED]
            if not row["quoted"]:  # the paper's networks have its convention
                gmacs.pop(COUNTED), params.pop(COUNTED)
            rows.append(
                {
                    "row": ", ".join(filter(None, (row["label"], dataset))),
                    "table": number,
                    "frames": clip[0],
                    "size": clip[1],
                    "printed_gmacs": printed[0],
                    "counted_gmacs": round(gmacs_counted, 3),
                    "printed_params_m": printed[1],
                    "counted_params_m": round(params_counted, 6),
                    "convention": _both(
                        _convention(printed[0], 0, gmacs, notes[0]),
                        _convention(printed[1], 1, params, notes[1]),
                    ),
                }
            )
    return pd.DataFrame(rows).astype({name: "Int64" for name in ("frames", "size")})


def shown(results: Path, number: int) -> pd.DataFrame:
    """Return sizes and costs of one of the paper's tables as text, from `peers.csv`.

    The cost of a video is the cost of all views in the paper's row. `MARK` precedes a
    printed number that no convention gives.
    """
    rows = pd.read_csv(Path(results) / "tables" / "peers.csv")
    rows = rows[rows["table"] == number].reset_index(drop=True)
    published = paper.table(number)
    views = published["views_temporal"] * published["views_spatial"] / 1000
    parts = rows["convention"].str.split(_APART, expand=True).reindex(columns=[0, 1])
    marks = [part.fillna("").str.contains(NONE).tolist() for _, part in parts.items()]
    clips = zip(rows["frames"], rows["size"], strict=True)
    texts = {
        "view": [
            "-" if pd.isna(frames) else f"{frames:.0f}×{size:.0f}²"
            for frames, size in clips
        ]
    }
    for title, name, scale, digits, mark in (
        ("view, G", "gmacs", 1, 1, marks[0]),
        ("video, T", "gmacs", views, 2, marks[0]),
        ("parameters, M", "params_m", 1, 1, marks[1]),
    ):
        if rows[f"printed_{name}"].isna().all():
            continue
        for side in ("printed", "counted"):
            whole = 0 if side == "printed" and title == "view, G" else digits
            sign = MARK if side == "printed" else ""
            texts[f"{title} ({side})"] = [
                "-" if pd.isna(value) else f"{sign * one}{value:.{whole}f}"
                for value, one in zip(rows[f"{side}_{name}"] * scale, mark, strict=True)
            ]
    texts["what gives the print"] = rows["convention"]
    return pd.DataFrame(texts).set_axis(published["label"], axis=0)


def _quoted(fact: pd.Series, classes: int) -> tuple:
    """Return clip, multiply-adds, parameters and notes of a quoted network.

    The clip is frames and size. Multiply-adds and parameters are dictionaries by
    convention.
    """
    fact = fact.astype(object).where(fact.notna(), None)
    notes = fact["macs_note"], fact["params_note"]
    if fact["network"] is None:
        return (None, None), {COUNTED: math.nan}, {COUNTED: math.nan}, notes
    clip = int(fact["frames"]), int(fact["size"])
    net = peers.NETWORKS[fact["network"]](*clip, classes)
    gmacs = {COUNTED: net.macs / 1e9, "without attention's products": net.linear / 1e9}
    bare = (net.params - net.scales) / 1e6
    params = {COUNTED: net.params / 1e6, "without normalization": bare}
    return clip, gmacs, params, notes


def _own(counts: pd.DataFrame, row: dict, classes: int) -> tuple:
    """Return the same four values for one of the paper's own networks."""
    clip = row["frames_span"] // 2, paper.settings()["inference"]["size"]["value"]
    found = exact.row(counts, row["model"], *clip, classes)
    elementwise = "with half of the elementwise operations"
    gmacs = {COUNTED: found["gmacs"], elementwise: found["profiler_gflops"]}
    params = {
        COUNTED: found["trainable_params"] / 1e6,
        "with moving statistics": found["params"] / 1e6,
    }
    return clip, gmacs, params, (None, None)


def _convention(printed: float, digits: int, ways: dict, note: str | None) -> str:
    """Return the first way of counting and rounding that gives the printed number."""
    if math.isnan(printed):
        return ""
    for rounding, function in _ROUNDINGS.items():
        for way, counted in ways.items():
            if math.isnan(counted):
                continue
            if function(counted * 10**digits) == round(printed * 10**digits):
                plain = way == COUNTED and rounding
                return rounding if plain else ", ".join(filter(None, (way, rounding)))
    return f"{NONE} ({note or 'unexplained'})"


def _both(gmacs: str, params: str) -> str:
    if params in ("", gmacs):
        return gmacs
    return f"multiply-adds {gmacs}{_APART}{params}"
