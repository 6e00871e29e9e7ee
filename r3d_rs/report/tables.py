"""The paper's tables, with our columns beside the paper's columns.

`TABLES` lists the columns of each table's CSV file. The book shows the columns that
have a title. Columns with `run` link to our runs there. `build` writes the files.

Columns that begin with `paper_` are published. Columns that begin with `exact_` are
counted in our networks. Columns that begin with a dataset's name are measured in runs
on it. Accuracies are in per cent.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from r3d_rs import paper
from r3d_rs.experiments import registry
from r3d_rs.files import whole_file
from r3d_rs.operations import exact
from r3d_rs.recipes import points
from r3d_rs.report import peers, real_videos
from r3d_rs.report.columns import Accuracy, Column, Delta, Gain, Run, Table

#: Changes in Table 2, one column each.
TOGGLES = ("LS", "SD", "WD", "350-EP", "SJ", "SE", "D-stem", "RA")

#: Functions that make an experiment's name from a row's cell.
ABLATION, CONTRASTIVE = "ablation/{}".format, "contrastive/{}".format


def build(results: Path) -> list[Path]:
    """Write all tables as `<results>/tables/<name>.csv`, and return the files.

    Raises:
        FileNotFoundError: if the exact counts are missing; it says how to make them.
        ValueError: if a record is not valid or recipes differ; it names them.
    """
    made = {name: table.build(results) for name, table in TABLES.items()}
    made |= {"peers": peers.build(results), "real-videos": real_videos.build(results)}
    paths = []
    for name, table in made.items():
        path = Path(results) / "tables" / f"{name}.csv"
        with whole_file(path) as part:
            table.to_csv(part, index=False, lineterminator="\n")
        paths.append(path)
    return paths


def _run(name: Callable[[str], str], dataset: str = "", by: str = "point") -> Run:
    """Return a function that finds a row's experiment.

    Args:
        name: makes the experiment's name from the row's cell in the column `by`.
        dataset: dataset of the experiment; empty for the row's own.
        by: name of the column; a row with an empty cell in it has no experiment.
    """

    def run(row):
        own = row.get(by)
        return (dataset or row["dataset"].lower(), name(own)) if own else None

    return run


def _ours(
    prefix: str,
    dataset: str,
    name: Callable[[str], str],
    by: str = "point",
    *,
    delta: str = "",
) -> tuple[Accuracy, Delta]:
    """Return the columns of our runs on a dataset.

    Args:
        prefix: prefix of the columns in the file.
        dataset: dataset as the book writes it.
        name: as in `_run`.
        by: as in `_run`.
        delta: title of the gains; empty for the file only.
    """
    run = _run(name, dataset.lower(), by)
    return (
        Accuracy(prefix, f"{dataset} top-1, % (ours)", run=run),
        Delta(f"{prefix}_delta", delta, run=run),
    )


def _published(results: Path, number: int, classes: int = 400) -> pd.DataFrame:
    """Return a table of the paper with the exact counts of its networks.

    Networks are counted at the paper's inference size. `model` is the printed
    name, and `network` the name for `models.build`.
    """
    rows = paper.table(number)
    if number == 2:
        rows = rows.assign(network=_networks_of_table_2(rows))
    else:
        rows = rows.rename(columns={"label": "model", "model": "network"})
    published = ("flops_b", "params_m", "top1", "top5", "delta")
    rows = rows.rename(columns={name: f"paper_{name}" for name in published})
    if "views_temporal" in rows:
        views = (rows[f"views_{axis}"].astype(str) for axis in ("temporal", "spatial"))
        rows = rows.assign(views=["×".join(pair) for pair in zip(*views, strict=True)])
    if "frames_span" not in rows:
        return rows
    counts = exact.read(results)
    size = paper.settings()["inference"]["size"]["value"]
    found = [
        {}
        if pd.isna(network)
        else exact.row(counts, network, span // 2, size, classes).to_dict()
        for network, span in zip(rows["network"], rows["frames_span"], strict=True)
    ]

    def column(name, scale=1.0):
        return [round(one[name] / scale, 3) if one else None for one in found]

    return rows.assign(
        exact_params_m=column("params", 1e6),
        exact_gmacs=column("gmacs"),
        exact_profiler_gflops=column("profiler_gflops"),
    )


def _networks_of_table_2(rows: pd.DataFrame) -> list[str]:
    """Return the networks; a row may combine squeeze-excitation with the old stem."""
    return [
        exact.BASELINE_WITH_SE if row.model == "r3d-50" and row.SE else row.model
        for row in rows.itertuples()
    ]


def _table6(results: Path) -> pd.DataFrame:
    """Return Table 6 with a first row for plain R3D-50, which the paper leaves out."""
    plain = {"model": "R3D-50", "point": "R3D-50"}
    return pd.concat([pd.DataFrame([plain]), _published(results, 6)], ignore_index=True)


def _pretraining(results: Path) -> pd.DataFrame:
    """Return one row per fine-tuned network and dataset of Pantomime."""
    places = itertools.product(points.TABLE_5, ("pantomime-20", "pantomime-30"))
    return pd.DataFrame(places, columns=["network", "dataset"])


def _from_scratch(number: int) -> Table:
    """Return Table 3 (Kinetics-400, Pantomime-20) or 4 (Kinetics-600, Pantomime-30)."""
    classes, small, large = (
        (400, "Pantomime-20", "Kinetics-400"),
        (600, "Pantomime-30", "Kinetics-600"),
    )[number - 3]
    return Table(
        f"Table {number}, the paper's columns beside ours",
        "model",
        lambda results: _published(results, number, classes),
        (
            Column("model"),
            Column("quoted"),
            Column("point"),
            Column("views", "views (paper)"),
            Column("paper_flops_b"),
            Column("paper_params_m"),
            Column("exact_params_m"),
            Column("exact_gmacs"),
            Column("exact_profiler_gflops"),
            Column("paper_top1", "top-1, % (paper)"),
            *([Column("paper_top5", "top-5, % (paper)")] if number == 3 else []),
            *_ours("pantomime", small, registry.of_point, delta="gain (ours)"),
            *_ours("kinetics", large, registry.of_point),
        ),
    )


#: Runs compared on Pantomime: fine-tuning, full training from scratch, and training
#: from scratch for as long as fine-tuning.
TUNED, FULL, SHORT = (
    _run(f"{study}/{{}}".format, by="network")
    for study in ("fine-tuning", "scaling", "from-scratch")
)

TABLES = {
    "table2": Table(
        "Table 2, the paper's columns beside ours",
        "row",
        lambda results: _published(results, 2),
        (
            Column("row"),
            Column("model"),
            Column("frames_span"),
            *map(Column, TOGGLES),
            Column("paper_flops_b", "FLOPs, B (paper)"),
            Column("exact_gmacs", "multiply-adds, G (ours)", 2),
            Column("exact_profiler_gflops"),
            Column("paper_top1", "top-1, % (paper)"),
            Column("paper_delta", "gain (paper)"),
            *_ours("pantomime", "Pantomime-20", ABLATION, "row", delta="gain (ours)"),
            *_ours("kinetics", "Kinetics-400", ABLATION, "row"),
        ),
    ),
    "table3": _from_scratch(3),
    "table4": _from_scratch(4),
    "table5": Table(
        "Table 5, the paper's columns beside ours",
        "model",
        lambda results: _published(results, 5),
        (
            Column("model"),
            Column("quoted"),
            Column("pretrain", "pre-trained on"),
            Column("dataset", "dataset"),
            Column("views", "views (paper)"),
            Column("paper_flops_b"),
            Column("exact_gmacs"),
            Column("exact_profiler_gflops"),
            Column("paper_top1", "top-1, % (paper)"),
            Accuracy(
                "kinetics",
                "top-1, % (ours)",
                run=_run(lambda p: f"fine-tuning/{p.removesuffix('+WVT')}"),
            ),
        ),
    ),
    "pretraining": Table(
        "Fine-tuning and training from scratch on Pantomime",
        "network",
        _pretraining,
        (
            Column("network"),
            Column("dataset", "dataset"),
            Accuracy("tuned", "pre-trained and fine-tuned, %", run=TUNED),
            Accuracy("full", "from scratch, in full, %", run=FULL),
            Gain("over_full", "gain over in full", run=TUNED, before=FULL),
            Accuracy("short", "from scratch, as long, %", run=SHORT),
            Gain("over_short", "gain over as long", run=TUNED, before=SHORT),
        ),
    ),
    "table6": Table(
        "Table 6, the paper's column beside ours",
        "model",
        _table6,
        (
            Column("model"),
            Column("point"),
            Column("paper_top1", "top-1, % (paper)"),
            Column("paper_delta", "gain (paper)"),
            *_ours("pantomime", "Pantomime-20", CONTRASTIVE, delta="gain (ours)"),
            Accuracy(
                "pantomime_untrained",
                "untrained (ours)",
                run=_run(registry.untrained, "pantomime-20"),
            ),
            *_ours("kinetics", "Kinetics-400", CONTRASTIVE),
            Accuracy(
                "kinetics_untrained", run=_run(registry.untrained, "kinetics-400")
            ),
        ),
    ),
}
