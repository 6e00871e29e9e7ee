"""The paper's tables with our columns beside its own.

Columns that begin with `paper_` are published, those with `exact_` are counted in our
networks, those with a dataset's name are measured in its runs. Accuracies are per cent.
"""

import itertools
from pathlib import Path

import pandas as pd

from r3d_rs import paper
from r3d_rs.experiments import record, registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.files import whole_file
from r3d_rs.operations import exact
from r3d_rs.recipes import points
from r3d_rs.report import comparison

#: Columns of ours by the dataset whose records fill them.
DATASETS = {"pantomime": "pantomime-20", "kinetics": "kinetics-400"}
#: Those of Table 4.
DATASETS_4 = {"pantomime": "pantomime-30", "kinetics": "kinetics-600"}


def table2(results: Path) -> pd.DataFrame:
    """Return Table 2 with exact multiply-adds, and the accuracies of our rows.

    Our columns are as in `from_scratch`, from the records of the ablation study.
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
        columns |= _ours(
            results, prefix, dataset, [f"ablation/{row}" for row in rows["row"]]
        )
    return rows[["row", "model", "frames_span", *toggles]].assign(**columns)


def from_scratch(results: Path, number: int = 3) -> pd.DataFrame:
    """Return Table 3 or 4 with exact parameters and multiply-adds, and our accuracies.

    Args:
        results: folder with `exact/complexity.csv` and the records.
        number: 3 (Kinetics-400) or 4 (Kinetics-600, and Pantomime-30).

    Returns:
        The paper's rows in its order. `<dataset>_top1` is the mean of the video top-1
        over seeds or "not run", with `_low` and `_high` its 95 % interval, `_seeds`
        their number, `_interval` the kind ("t over seeds" or, for a single seed,
        "Wilson over videos") and `_delta` the difference to the row of ours above, with
        its interval. Cells of quoted rows are empty there.
    """
    rows = paper.table(number)
    datasets, classes = (DATASETS, 400) if number == 3 else (DATASETS_4, 600)
    views = rows["views_temporal"].astype(str) + "×" + rows["views_spatial"].astype(str)
    columns = {
        "views": views,
        "paper_flops_b": rows["flops_b"],
        "paper_params_m": rows["params_m"],
        **_exact(results, rows["model"], rows["frames_span"], classes, params=True),
        "paper_top1": rows["top1"],
    }
    if number == 3:
        columns["paper_top5"] = rows["top5"]
    names = [
        None if row.quoted else registry.of_point(row.point)
        for row in rows.itertuples()
    ]
    for prefix, dataset in datasets.items():
        columns |= _ours(results, prefix, dataset, names)
    kept = rows.rename(columns={"label": "model", "model": "network"})
    return kept[["model", "quoted", "point"]].assign(**columns)


def table5(results: Path) -> pd.DataFrame:
    """Return Table 5 with exact multiply-adds, and the accuracies of our fine-tuning.

    Our columns are as in `from_scratch`: the network of the row on its own dataset.
    What was fine-tuned on Pantomime is in `pretraining`.
    """
    rows = paper.table(5)
    points = rows["point"].str.removesuffix("+WVT")
    columns = {
        "paper_flops_b": rows["flops_b"],
        **_exact(results, rows["model"], rows["frames_span"]),
        "paper_top1": rows["top1"],
    }
    runs = [
        None
        if row.quoted
        else registry.records(results, row.dataset.lower(), f"fine-tuning/{point}")
        for row, point in zip(rows.itertuples(), points, strict=True)
    ]
    columns |= _cells("kinetics", runs)
    kept = rows.rename(columns={"label": "model", "model": "network"})
    return kept[["model", "quoted", "pretrain", "dataset"]].assign(
        views=rows["views_temporal"].astype(str)
        + "×"
        + rows["views_spatial"].astype(str),
        **columns,
    )


def pretraining(results: Path) -> pd.DataFrame:
    """Compare fine-tuning after pre-training with training from scratch.

    Returns:
        One row for each network and dataset with records of fine-tuning or of as long a
        training from scratch, with the mean gain over that and over training in full,
        and their intervals over seeds and videos.
    """

    def cell(runs):
        return record.described(runs) or NOT_RUN

    rows = []
    for dataset, point in itertools.product(
        sorted(registry.FIRST + registry.SECOND), points.TABLE_5
    ):
        tuned, short, full = (
            registry.records(results, dataset, f"{study}/{point}")
            for study in ("fine-tuning", "from-scratch", "scaling")
        )
        if tuned or short:
            rows.append(
                {
                    "network": point,
                    "dataset": dataset,
                    "pre-trained and fine-tuned": cell(tuned),
                    "from scratch, in full": cell(full),
                    "gain over in full": comparison.described(results, full, tuned),
                    "from scratch, as long": cell(short),
                    "gain over as long": comparison.described(results, short, tuned),
                }
            )
    names = [
        *("network", "dataset", "pre-trained and fine-tuned"),
        *("from scratch, in full", "gain over in full"),
        *("from scratch, as long", "gain over as long"),
    ]
    return pd.DataFrame(rows, columns=names)


def table6(results: Path) -> pd.DataFrame:
    """Return Table 6 with the accuracies of our linear evaluations.

    Our columns are as in `from_scratch`. A first row is for the plain R3D-50, which the
    paper does not give; `<dataset>_untrained_…` are of random weights.
    """
    rows = paper.table(6)
    plain = {"label": "R3D-50", "point": "R3D-50", "model": "r3d-50"}
    rows = pd.concat([pd.DataFrame([plain]), rows], ignore_index=True)
    columns = {"paper_top1": rows["top1"], "paper_delta": rows["delta"]}
    for prefix, dataset in DATASETS.items():
        trained = [f"contrastive/{point}" for point in rows["point"]]
        untrained = [
            registry.records(results, dataset, registry.untrained(point))
            for point in rows["point"]
        ]
        columns |= _ours(results, prefix, dataset, trained)
        columns |= _cells(f"{prefix}_untrained", untrained)
    kept = rows.rename(columns={"label": "model", "model": "network"})
    return kept[["model", "point"]].assign(**columns)


def build(results: Path) -> list[Path]:
    """Write `<results>/tables/table2.csv` and the others.

    Raises:
        FileNotFoundError: when the exact counts are missing, saying how to make them.
        ValueError: naming a record that is not valid, or recipes that differ.
    """
    folder = Path(results) / "tables"
    tables = {
        "table2.csv": table2(results),
        "table3.csv": from_scratch(results),
        "table4.csv": from_scratch(results, 4),
        "table5.csv": table5(results),
        "pretraining.csv": pretraining(results),
        "table6.csv": table6(results),
    }
    paths = []
    for name, table in tables.items():
        with whole_file(folder / name) as part:
            table.to_csv(part, index=False, lineterminator="\n")
        paths.append(folder / name)
    return paths


def _exact(
    results, networks, spans, classes: int = 400, *, params: bool = False
) -> dict[str, list]:
    """Look the networks up at the paper's inference size; None where there is none."""
    counts = exact.read(results)
    size = paper.settings()["inference"]["size"]["value"]
    found = [
        None if pd.isna(network) else counts.loc[(network, span // 2, size, classes)]
        for network, span in zip(networks, spans, strict=True)
    ]

    def column(name, scale=1.0):
        return [None if row is None else round(row[name] / scale, 3) for row in found]

    columns = {
        "exact_gmacs": column("gmacs"),
        "exact_profiler_gflops": column("profiler_gflops"),
    }
    return {"exact_params_m": column("params", 1e6)} | columns if params else columns


def _ours(results: Path, prefix: str, dataset: str, names: list) -> dict[str, list]:
    """Measure a table's experiments, each against the one above; None has no cells."""
    runs = [name and registry.records(results, dataset, name) for name in names]
    steps, above = [], None
    for own in runs:
        first = own is None or above is None
        steps.append("" if first else comparison.described(results, above, own))
        above = above if own is None else own
    return _cells(prefix, runs) | {f"{prefix}_delta": steps}


def _cells(prefix: str, runs: list) -> dict[str, list]:
    """Average the records of each row; None has no cells."""
    cells = [{} if own is None else _measured(own) for own in runs]
    names = ("top1", "low", "high", "seeds", "interval")
    return {f"{prefix}_{name}": [cell.get(name) for cell in cells] for name in names}


def _measured(runs: list[dict]) -> dict:
    summary = record.summarize(runs)
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
