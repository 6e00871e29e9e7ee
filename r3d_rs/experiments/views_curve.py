"""Accuracy by number of views: trained networks, evaluated again with fewer views.

A record keeps a video's scores averaged over all its views, so the curve needs the
networks. `write` keeps one row per network and number of views in
`<results>/<dataset>/views.csv`.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from r3d_rs.evaluation import networks
from r3d_rs.experiments import record
from r3d_rs.files import locked, whole_file

COLUMNS = ("point", "seed", "clips", "crops", "top1", "clip_top1", "videos", "recipe")


def path(results: Path, dataset: str) -> Path:
    """Return the file of a dataset's curve."""
    return Path(results) / dataset / "views.csv"


def measure(source: Path | str, data_dir: str | None = None) -> list[dict]:
    """Evaluate a network with every number of clips up to its own.

    Each number of clips is evaluated with one crop and with all crops.

    Args:
        source: a finished run's folder, or the name of a published network.
        data_dir: folder of the datasets; None for the default.

    Returns:
        Rows with the fields clips, crops, top1, clip_top1, videos and recipe. Top-1 is
        a share of the videos, clip top-1 a share of the single views, and recipe is the
        hash of the network's recipe.

    Raises:
        FileNotFoundError, ValueError: as `trained.load` and `Trained.load_data` do.
    """
    from r3d_rs.evaluation import multiview, trained
    from r3d_rs.recipes.recipe import recipe_hash

    network = trained.load(source)
    recipe = network.recipe
    numbers = itertools.product(
        range(1, recipe.temporal_views + 1), sorted({1, recipe.spatial_views})
    )
    evaluations = multiview.evaluate_over_views(
        network.model, network.load_data(data_dir), recipe, numbers
    )
    rows = []
    for (clips, crops), evaluation in evaluations.items():
        found = evaluation.metrics()
        rows.append(
            {
                "clips": clips,
                "crops": crops,
                "top1": round(found["video_top1"], 6),
                "clip_top1": round(found["clip_top1"], 6),
                "videos": found["num_videos"],
                "recipe": recipe_hash(recipe),
            }
        )
    return rows


def write(
    checkpoints: Path,
    results: Path,
    dataset: str,
    points: Sequence[str],
    seeds: Sequence[int],
    data_dir: str | None = None,
) -> Path:
    """Measure networks of the scaling study with missing or stale rows in the file.

    A published network is measured if there is no run. Several processes may
    add to the file at once.

    Args:
        checkpoints: folder of the runs' checkpoints.
        results: folder of the records.
        dataset: canonical name.
        points: points of the study.
        seeds: seeds of each point.
        data_dir: folder of the datasets; None for the default.

    Returns:
        The file, written after each network.

    Raises:
        FileNotFoundError: naming a record that is missing, or as `measure` does.
        ValueError: as `measure` does, or naming a network that differs from its record.
    """
    target = path(results, dataset)
    for point, seed in itertools.product(points, seeds):
        place = (dataset, "scaling", point, seed)
        source, run = _network(checkpoints, results, *place)
        rows = _rows(target)
        own = rows[_of(rows, point, seed)]
        if len(own) and not _fault(own, run):
            continue
        measured = pd.DataFrame(measure(source, data_dir), columns=COLUMNS)
        measured = measured.assign(point=point, seed=seed)
        if fault := _fault(measured, run):
            raise ValueError(f"{source}: the network {fault}: it is from another run")
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.parent):
            rows = _rows(target)  # another process may have added some
            others = rows[~_of(rows, point, seed)].to_dict("records")
            table = pd.DataFrame([*others, *measured.to_dict("records")])
            table = table.sort_values(["point", "seed", "clips", "crops"])
            with whole_file(target) as part:
                table.to_csv(part, columns=COLUMNS, index=False, lineterminator="\n")
    return target


def read(results: Path, dataset: str) -> pd.DataFrame:
    """Read the measured curve and compare it with the records.

    Returns:
        The file's rows; no rows if there is no file.

    Raises:
        ValueError: naming networks without a record, or with another recipe or another
            accuracy over all views than their record. The curve is then stale.
    """
    file = path(results, dataset)
    rows, faults = _rows(file), []
    for (point, seed), own in rows.groupby(["point", "seed"]):
        source = record.path(results, dataset, "scaling", point, seed)
        run = record.read(source) if source.exists() else None
        if fault := _fault(own, run):
            faults.append(f"{point}, seed {seed}, {fault}")
    if faults:
        raise ValueError(
            f"{file}: {'; '.join(faults)}: measure again with `r3d-rs report views`, or"
            " remove these rows"
        )
    return rows


def _network(checkpoints: Path, results: Path, *place) -> tuple[Path | str, dict]:
    """Return a run's folder and record, or a published network's name and record."""
    folder, file = record.place(checkpoints, *place), record.path(results, *place)
    if not networks.in_folder(folder).run_file.is_file():
        own = record.read(file) if file.exists() else {}
        for name, published in networks.published().items():
            run = published.record
            same = not own or run.items() <= own.items()  # own also has a checksum
            if tuple(run["experiment"].values()) == place and same:
                return name, run
    return folder, record.read(file)


def _rows(file: Path) -> pd.DataFrame:
    return pd.read_csv(file) if file.exists() else pd.DataFrame(columns=COLUMNS)


def _of(rows: pd.DataFrame, point: str, seed: int) -> pd.Series:
    """Return for each row whether it belongs to a network."""
    return (rows["point"] == point) & (rows["seed"] == seed)


def _fault(own: pd.DataFrame, run: dict | None) -> str:
    """Describe how a network's rows disagree with its record; "" if they agree."""
    if run is None:
        return "has no record"
    clips, crops = (run["recipe"][f"{kind}_views"] for kind in ("temporal", "spatial"))
    all_views = (own["clips"] == clips) & (own["crops"] == crops)
    top1, recorded = own.loc[all_views, "top1"].tolist(), run["metrics"]["video_top1"]
    # A tie between classes may fall the other way on another processor.
    if set(own["recipe"]) == {run["recipe_hash"]} and (
        len(top1) == 1 and abs(top1[0] - recorded) <= 0.0021
    ):
        return ""
    return (
        f"has {', '.join(map(str, top1)) or 'nothing'} with {clips}×{crops} views and"
        f" recipe {own['recipe'].iloc[0][:8]}, its record {recorded} and"
        f" {run['recipe_hash'][:8]}"
    )
