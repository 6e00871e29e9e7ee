"""Commands `r3d-rs report`: tables, views and probes.

Each command imports its code only when it runs; see `r3d_rs.preparation.commands`.
"""

from __future__ import annotations

from pathlib import Path

import click

from r3d_rs.data.names import canonical_name
from r3d_rs.operations.commands import (
    POINT,
    checkpoints_option,
    own_option,
    published_option,
)
from r3d_rs.options import DATASET, data_dir_option, dataset_option
from r3d_rs.paths import study_path


@click.group()
def report() -> None:
    """Make the book's tables, figures and measurements."""


@report.command()
@published_option
@click.option("--exact", is_flag=True, help="Count parameters and multiply-adds again.")
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is stale.")
def tables(results: Path, exact: bool, check: bool) -> None:
    """Make the published tables and figures from the published records."""
    from r3d_rs.experiments import published, record
    from r3d_rs.operations import exact as counts
    from r3d_rs.report import stale

    if check:
        if found := stale.files(results):
            names = ", ".join(str(path) for path in found)
            raise click.ClickException(
                f"out of date with the records, run `make tables`: {names}"
            )
        return
    if exact:
        counts.write(results)
    files = stale.make(results)
    if results.resolve() == study_path("results", record.PUBLISHED).resolve():
        files.append(published.write(results))
    for path in files:
        click.echo(path)


@report.command()
@dataset_option
@click.option(
    *("--point", "points"),
    type=POINT,
    multiple=True,
    default=["R3D-50", "RS-50"],
    help="Point of Figure 2. May be repeated.",
)
@click.option(
    *("--seed", "seeds"),
    type=int,
    multiple=True,
    default=[0],
    help="Seed of a run. May be repeated.",
)
@data_dir_option
@own_option
@checkpoints_option
def views(
    dataset: str,
    points: tuple[str, ...],
    seeds: tuple[int, ...],
    data_dir: Path | None,
    results: Path,
    checkpoints: Path,
) -> None:
    """Evaluate trained networks with an increasing number of views.

    Without a run of yours the published networks are measured.
    """
    from r3d_rs.experiments import views_curve

    name = canonical_name(dataset)
    click.echo(views_curve.write(checkpoints, results, name, points, seeds, data_dir))


@report.command()
@click.option(
    "--dataset",
    type=DATASET,
    help="Dataset. By default the network's, or pantomime-20 without --network.",
)
@data_dir_option
@own_option
@click.option("--network", help="Folder of a run. Without it, RS-50 is trained.")
def probes(
    dataset: str | None, data_dir: Path | None, results: Path, network: str | None
) -> None:
    """Measure how much the accuracy on a dataset depends on motion.

    A network is evaluated on reversed and on shuffled clips. Another is trained on
    single frames, from random weights and with the same recipe.
    """
    from r3d_rs.evaluation import probes as study
    from r3d_rs.evaluation import trained
    from r3d_rs.experiments import registry
    from r3d_rs.preparation import preparation

    if network:
        own = trained.load(network)
        data, recipe = own.load_data(data_dir, dataset or ""), own.recipe
        options = {"seed": own.seed or 0, "model": own.model}
    else:
        data, options = preparation.prepare(dataset or "pantomime-20", data_dir), {}
        recipe = registry.get("scaling/RS-50").recipe(data.name)
    click.echo(study.write(data, recipe, results, **options))
