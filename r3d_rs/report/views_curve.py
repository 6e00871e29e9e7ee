"""Accuracy over the number of views: trained networks, evaluated again with fewer.

A record keeps a video's scores averaged over all its views, so that a curve needs the
networks. `r3d-rs report views` writes one row a network and number of views to
`<results>/<dataset>/views.csv`.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from r3d_rs.evaluation import interval
from r3d_rs.experiments import record
from r3d_rs.files import locked, whole_file
from r3d_rs.recipes import points

COLUMNS = ("point", "seed", "clips", "crops", "top1", "clip_top1", "videos", "recipe")
_NETWORK = ["point", "seed"]
_KEY = [*_NETWORK, "clips", "crops"]


def path(results: Path, dataset: str) -> Path:
    """Return the file of a dataset's curve."""
    return Path(results) / dataset / "views.csv"


def measure(checkpoint: Path, data_dir: str | None = None) -> list[dict]:
    """Evaluate a finished run's network with every number of views up to its own.

    Args:
        checkpoint: the run's folder.
        data_dir: folder of the datasets; None for the default.

    Returns:
        Rows with clips, crops, top1 (share of videos right), clip_top1 (share of single
        views right), videos and recipe (the hash of the network's recipe).

    Raises:
        FileNotFoundError, ValueError: as `trained.load` and `Trained.load_data` do.
    """
    from r3d_rs.evaluation import trained
    from r3d_rs.evaluation.multiview import evaluate
    from r3d_rs.recipes.recipe import recipe_hash

    network = trained.load(checkpoint)
    dataset = network.load_data(data_dir)
    rows = []
    for clips in range(1, network.recipe.temporal_views + 1):
        for crops in sorted({1, network.recipe.spatial_views}):
            recipe = dataclasses.replace(
                network.recipe, temporal_views=clips, spatial_views=crops
            )
            found = evaluate(network.model, dataset, recipe).metrics()
            rows.append(
                {
                    "clips": clips,
                    "crops": crops,
                    "top1": round(found["video_top1"], 6),
                    "clip_top1": round(found["clip_top1"], 6),
                    "videos": found["num_videos"],
                    "recipe": recipe_hash(network.recipe),
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
    """Measure networks of the scaling study, those that the file has not yet.

    Rows that are stale are measured again, or dropped where their network is not among
    those wanted. Several processes may add to the file at once.

    Args:
        checkpoints: folder of the runs' checkpoints.
        results: folder of the records.
        dataset: canonical name.
        points: of the study.
        seeds: of each.
        data_dir: folder of the datasets; None for the default.

    Returns:
        The file, written anew after each network.

    Raises:
        FileNotFoundError: naming a record that is missing, or as `measure` does.
        ValueError: as `measure` does, or naming a network that is not its record's.
    """
    target = path(results, dataset)
    for point in points:
        for seed in seeds:
            place = (dataset, "scaling", point, seed)
            run = record.read(record.path(results, *place))
            if _of(_fresh(results, dataset), point, seed).any():
                continue
            folder = record.place(checkpoints, *place)
            measured = [
                {"point": point, "seed": seed, **row}
                for row in measure(folder, data_dir)
            ]
            if fault := _fault(pd.DataFrame(measured), run):
                raise ValueError(f"{folder}: the network {fault}: it is of another run")
            with locked(target.parent):
                rows = _fresh(results, dataset)  # another process may have added some
                others = rows[~_of(rows, point, seed)].to_dict("records")
                table = pd.DataFrame([*others, *measured], columns=COLUMNS)
                with whole_file(target) as part:
                    table.sort_values(_KEY).to_csv(
                        part, index=False, lineterminator="\n"
                    )
    return target


def read(results: Path, dataset: str) -> pd.DataFrame:
    """Read the measured curve and compare it with the records.

    Returns:
        The file's rows; none where it has not been measured.

    Raises:
        ValueError: naming networks without a record, or whose record has another
            recipe, or another accuracy over all views: the curve is stale then.
    """
    rows, stale = _read(results, dataset)
    if stale:
        faults = (
            f"{point}, seed {seed}, {why}" for (point, seed), why in stale.items()
        )
        raise ValueError(
            f"{path(results, dataset)}: {'; '.join(faults)}: measure again, by"
            " `r3d-rs report views`"
        )
    return rows


def _read(results, dataset) -> tuple[pd.DataFrame, dict[tuple[str, int], str]]:
    """Read the measured curve, and say of each stale network what is wrong with it."""
    file = path(results, dataset)
    if not file.exists():
        return pd.DataFrame(columns=COLUMNS), {}
    rows, stale = pd.read_csv(file), {}
    for (point, seed), own in rows.groupby(_NETWORK):
        source = record.path(results, dataset, "scaling", point, seed)
        if fault := _fault(own, record.read(source) if source.exists() else None):
            stale[point, seed] = fault
    return rows, stale


def _fresh(results: Path, dataset: str) -> pd.DataFrame:
    """Read the measured curve without the networks that are stale."""
    rows, stale = _read(results, dataset)
    for point, seed in stale:
        rows = rows[~_of(rows, point, seed)]
    return rows


def _of(rows: pd.DataFrame, point: str, seed: int) -> pd.Series:
    """Say for each row whether it is a network's."""
    return (rows["point"] == point) & (rows["seed"] == seed)


def _fault(own: pd.DataFrame, run: dict | None) -> str:
    """Say how the rows of a network do not agree with its record, "" where they do."""
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


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return top-1 by the number of views, and what all views add to a single one.

    Args:
        rows: of `read`.

    Returns:
        One row a network, a column a number of views, `clips × crops`: the mean over
        seeds in per cent. The last has the difference of the most views to one in
        points, seed by seed, with its 95 % interval (Student's t over seeds).
    """
    if rows.empty:
        return pd.DataFrame({"top-1, %": {"any number of views": record.NOT_RUN}})
    shown = {}
    for point, own in _by_point(rows):
        by_views = own.pivot_table(
            index=["clips", "crops"], columns="seed", values="top1"
        )
        by_views.index = [f"{clips} × {crops}" for clips, crops in by_views.index]
        one, most = by_views.index[[0, -1]]
        gains = (by_views.loc[most] - by_views.loc[one]).to_numpy()
        means = 100 * by_views.mean(axis="columns")
        shown[point] = {
            **means.map("{:.1f}".format),
            f"{most} over {one}": _gain(gains),
        }
    return pd.DataFrame.from_dict(shown, orient="index")


def figure(rows: pd.DataFrame) -> Figure:
    """Draw top-1 over the number of clips, a line a network, a panel a number of crops.

    Networks with more than one seed have 95 % intervals over seeds.
    """
    drawn = Figure(figsize=(6.4, 3.2), layout="constrained")
    numbers = sorted(rows["crops"].unique().tolist())
    panels = drawn.subplots(1, len(numbers), sharey=True, squeeze=False)[0]
    points = [point for point, _ in _by_point(rows)]
    colors = colormaps["viridis"](np.linspace(0, 0.85, len(points)))
    for axes, crops in zip(panels, numbers, strict=True):
        for i, (point, own) in enumerate(_by_point(rows[rows["crops"] == crops])):
            by_clips = own.groupby("clips")["top1"]
            means, halves = 100 * by_clips.mean(), 100 * by_clips.agg(_half)
            ends = [np.minimum(halves, means), np.minimum(halves, 100 - means)]
            axes.errorbar(
                means.index + 0.05 * (i - (len(points) - 1) / 2),
                means,
                yerr=ends if halves.any() else None,
                fmt=f"{'osD^vP*X'[i % 8]}-",
                color=colors[i],
                capsize=2,
                markersize=4,
                linewidth=1,
                label=point,
            )
        axes.set(
            xlabel="clips of a video",
            title=f"{crops} crop{'s' * (crops > 1)}",
            xticks=sorted(rows["clips"].unique()),
        )
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("video top-1 (%)")
    panels[-1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return drawn


def _by_point(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the rows of each network, in the order of the study."""
    return [
        (point, own)
        for point in points.scaling()
        if len(own := rows[rows["point"] == point])
    ]


def _gain(shares: np.ndarray) -> str:
    mean, half = 100 * float(np.mean(shares)), 100 * _half(shares)
    if len(shares) == 1:
        return f"{mean:+z.1f} (1 seed)"
    return interval.described(mean, mean - half, mean + half, len(shares), "+")


def _half(shares) -> float:
    """Return half of the 95 % interval over seeds, 0 where there is one seed."""
    if len(shares) < 2:
        return 0.0
    return interval.half_over_seeds(shares)
