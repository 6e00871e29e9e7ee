"""The paper's tables with our columns beside its own.

Columns that begin with `paper_` are published, those with `exact_` are counted in our
networks, those with a dataset's name are measured in its runs. Accuracies are per cent.
"""

from pathlib import Path

import pandas as pd

from r3d_rs import paper
from r3d_rs.study import exact, record
from r3d_rs.whole import whole_file

NOT_RUN = "not run"

#: Columns of ours by the dataset whose records fill them.
DATASETS = {"pantomime": "pantomime-20", "kinetics": "kinetics-400"}


def table2(results: Path) -> pd.DataFrame:
    """Return Table 2 with exact multiply-adds, and the accuracies of our rows.

    Our columns are as in `table3`, from the records of the ablation study.
    """
    rows = paper.table(2)
    networks = [
        exact.BASELINE_WITH_SE if row.model == "r3d-50" and row.SE else row.model
        for row in rows.itertuples()
    ]
    toggles = ["LS", "SD", "WD", "350-EP", "SJ", "SE", "D-stem", "RA"]
    columns = {
        "paper_flops_b": rows["flops_b"],
        **_exact(results, networks, rows["frames_span"]),
        "paper_top1": rows["top1"],
        "paper_delta": rows["delta"],
    }
    for prefix, dataset in DATASETS.items():
        cells = [_measured(results, dataset, "ablation", row) for row in rows["row"]]
        columns |= _cells(prefix, cells)
    return rows[["row", "model", "frames_span", *toggles]].assign(**columns)


def table3(results: Path) -> pd.DataFrame:
    """Return Table 3 with exact parameters and multiply-adds, and our accuracies.

    Args:
        results: folder with `exact/complexity.csv` and the records.

    Returns:
        The paper's rows in its order. `<dataset>_top1` is the mean of the video top-1
        over seeds or "not run", with `_low` and `_high` its 95 % interval, `_seeds`
        their number and `_interval` the kind ("t over seeds" or, for a single seed,
        "Wilson over videos"). Cells of quoted rows are empty there.
    """
    rows = paper.table(3)
    views = rows["views_temporal"].astype(str) + "×" + rows["views_spatial"].astype(str)
    columns = {
        "views": views,
        "paper_flops_b": rows["flops_b"],
        "paper_params_m": rows["params_m"],
        **_exact(results, rows["model"], rows["frames_span"], params=True),
        "paper_top1": rows["top1"],
        "paper_top5": rows["top5"],
    }
    for prefix, dataset in DATASETS.items():
        cells = [
            _measured(results, dataset, "scaling", row.point) if not row.quoted else {}
            for row in rows.itertuples()
        ]
        columns |= _cells(prefix, cells)
    kept = rows.rename(columns={"label": "model", "model": "network"})
    return kept[["model", "quoted", "point"]].assign(**columns)


def build(results: Path) -> list[Path]:
    """Write `<results>/tables/table2.csv` and `table3.csv`.

    Raises:
        FileNotFoundError: when the exact counts are missing, saying how to make them.
        ValueError: naming a record that is not valid, or recipes that differ.
    """
    folder = Path(results) / "tables"
    tables = {"table2.csv": table2(results), "table3.csv": table3(results)}
    paths = []
    for name, table in tables.items():
        with whole_file(folder / name) as part:
            table.to_csv(part, index=False, lineterminator="\n")
        paths.append(folder / name)
    return paths


def _exact(results, networks, spans, *, params: bool = False) -> dict[str, list]:
    """Look the networks up at the paper's inference size; None where there is none."""
    counts = exact.read(results)
    size = paper.settings()["inference"]["size"]["value"]
    found = [
        None if pd.isna(network) else counts.loc[(network, span // 2, size, 400)]
        for network, span in zip(networks, spans, strict=True)
    ]

    def column(name, scale=1.0):
        return [None if row is None else round(row[name] / scale, 3) for row in found]

    columns = {
        "exact_gmacs": column("gmacs"),
        "exact_profiler_gflops": column("profiler_gflops"),
    }
    return {"exact_params_m": column("params", 1e6)} | columns if params else columns


def _cells(prefix: str, cells: list[dict]) -> dict[str, list]:
    names = ("top1", "low", "high", "seeds", "interval")
    return {f"{prefix}_{name}": [cell.get(name) for cell in cells] for name in names}


def _measured(results: Path, dataset: str, study: str, point: str) -> dict:
    summary = record.summarize(record.find(results, dataset, study, point))
    if summary is None:
        return {"top1": NOT_RUN}
    return {
        "top1": round(100 * summary.mean, 2),
        "low": round(100 * summary.low, 2),
        "high": round(100 * summary.high, 2),
        # Text, because a column of numbers with empty cells would read 3.0.
        "seeds": str(summary.seeds),
        "interval": summary.interval,
    }
