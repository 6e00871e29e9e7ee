"""Commands `r3d-rs list`, `run`, `rerun`, `cost` and `tpu`.

Each command imports its modules when it runs; see `r3d_rs.preparation.commands`.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path

import click
from click.core import ParameterSource

from r3d_rs import REPOSITORY
from r3d_rs.options import FOLDER, Name, dataset_option


def _pairs(ctx, param, texts: tuple[str, ...]) -> dict[str, str]:
    """Parse "name=value" texts into a notebook's parameters."""
    for text in texts:
        if "=" not in text:
            raise click.BadParameter(f"received {text!r}, expected NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)


def _existing(ctx, param, folder: Path) -> Path:
    """Return the folder of published records, and check that it exists."""
    if not folder.is_dir():
        raise click.BadParameter(
            f"received {folder}, which is not a folder; the published records are in a"
            f" checkout: git clone {REPOSITORY}"
        )
    return folder


def _experiments() -> Iterable[str]:
    from r3d_rs.experiments import registry

    return registry.all_experiments()


def _points() -> Iterable[str]:
    from r3d_rs.recipes import points

    return points.scaling()


def _programs() -> Iterable[str]:
    from r3d_rs.operations import tpu as programs

    return programs.allowed_points()


class ExperimentName(Name):
    """Name of an experiment; any dataset may follow "finetune/"."""

    def convert(self, value: str, param, ctx) -> str:
        """Return the name if it is known or begins with "finetune/"; else refuse it."""
        if value.startswith("finetune/"):
            return value
        return super().convert(value, param, ctx)


POINT = Name("point", _points)

own_option = click.option(
    "--results", type=FOLDER, default="runs", help="Folder of the records."
)
published_option = click.option(
    "--results",
    type=FOLDER,
    default="results",
    callback=_existing,
    help="Folder of the published records.",
)
checkpoints_option = click.option(
    "--checkpoints",
    type=FOLDER,
    default="build/checkpoints",
    help="Folder of the checkpoints.",
)
parameters_option = click.option(
    *("-p", "--parameter", "parameters"),
    multiple=True,
    is_eager=True,
    metavar="NAME=VALUE",
    callback=_pairs,
    help="Extra parameter of the notebook, such as threads=1. May be repeated.",
)


@click.command("list")
@click.argument("experiment", default="")
@click.option("--dataset", default="", help="Start of the datasets' names.")
@own_option
@checkpoints_option
def overview(experiment: str, dataset: str, results: Path, checkpoints: Path) -> None:
    """List experiments with the paper's, the published and your numbers.

    EXPERIMENT is the start of their names, such as scaling or ablation/SE.
    """
    from r3d_rs.experiments import published
    from r3d_rs.operations import status

    runs = published.read()
    rows = status.overview(results, checkpoints, runs)
    for column, start in (("experiment", experiment), ("dataset", dataset)):
        known = dict.fromkeys(row[column] for row in rows)
        rows = [row for row in rows if row[column].startswith(start)]
        if not rows:
            raise click.UsageError(
                f"{column}: none begins with {start!r}; allowed are {', '.join(known)}"
            )
    click.echo(_aligned(rows))
    click.echo(f"\n{status.progress(runs)}")
    click.echo(f"yours: {results.absolute()}\ncheckpoints: {checkpoints.absolute()}")


def _aligned(rows: list[dict]) -> str:
    """Format rows as a table with aligned columns."""
    lines = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


@click.command()
@click.argument("experiment", type=ExperimentName("experiment", _experiments))
@dataset_option
@click.option("--seed", default=0, help="Seeds weights, order and crops.")
@click.option("--dry-run", is_flag=True, help="Print papermill's command instead.")
@parameters_option
@own_option
@checkpoints_option
def run(
    experiment: str,
    dataset: str,
    seed: int,
    dry_run: bool,
    parameters: dict[str, str],
    results: Path,
    checkpoints: Path,
) -> None:
    """Run EXPERIMENT, and compare it with the published runs.

    Papermill executes its notebook. `r3d-rs list` prints the names. finetune/NAME
    trains on the dataset NAME, which may be your own. Its starting weights are given
    by `-p network=`: a published network, the folder of a run, or a point of Figure 2
    for random weights.
    """
    own = experiment.removeprefix("finetune/")
    given = click.get_current_context().get_parameter_source("dataset")
    if own not in (experiment, dataset) and given is ParameterSource.COMMANDLINE:
        raise click.UsageError(
            f"--dataset: received {dataset!r}; {experiment} trains on"
            f" {own}; run finetune/{dataset} instead"
        )
    from r3d_rs.experiments import published
    from r3d_rs.operations import engine

    request = engine.Request(
        *(experiment, dataset, seed), *(results, checkpoints, parameters)
    )
    if dry_run:
        click.echo(shlex.join(engine.command(request)))
        return
    path = engine.run(request)
    path = path.absolute()
    click.echo(f"\nrecord: {path}\nnotebook: {path.with_suffix('.ipynb')}\n")
    click.echo(published.shown(path))


@click.command()
@click.option("--seed", default=0, help="Seeds the draw.")
@click.option("--count", default=3, help="Number of runs to draw.")
@parameters_option
@published_option
@click.option(
    "--keep",
    type=FOLDER,
    default="runs",
    help="Folder of reruns.csv, which gets a row for each rerun.",
)
@click.option(
    "--folder",
    type=FOLDER,
    show_default="build/reruns",
    help="Folder of the reruns' records and checkpoints.",
)
@click.option(
    "--made",
    type=FOLDER,
    help="Folder of records made elsewhere, to compare instead of running.",
)
def rerun(
    seed: int,
    count: int,
    parameters: dict[str, str],
    results: Path,
    keep: Path,
    folder: Path | None,
    made: Path | None,
) -> None:
    """Draw published runs, run them again, and compare the records."""
    if made and (folder or parameters):
        raise click.UsageError(
            "--made: compares existing records; --folder and -p are for making"
            " records, and are not allowed with it"
        )
    from r3d_rs.experiments import record
    from r3d_rs.operations import rerun as reruns

    runs = reruns.candidates(results)
    drawn = reruns.draw(runs, seed, count)
    draw = f"seed {seed}, {len(drawn)} of {len(runs)}"
    click.echo(f"drawn by {draw} records:")
    for one in drawn:
        name = "{dataset}/{study}/{point}/seed-{seed}".format(**one["experiment"])
        click.echo(f"  {name}")
    for one in drawn:
        if made:
            path = record.path(made, **one["experiment"])
            if not path.exists():
                click.echo(f"{path}: not made")
                continue
            row = reruns.compare(results, one, made, record.read(path))
        else:
            row = reruns.run_again(
                results, one, folder or Path("build/reruns"), parameters
            )
        click.echo(reruns.add_row(keep, {**row, "draw": draw}))
    click.echo(reruns.described(results, keep))


@click.command()
@published_option
def cost(results: Path) -> None:
    """Show what the study costs on Kinetics, and what to run first."""
    from r3d_rs.operations import cost as costs

    click.echo(f"{costs.table(results).to_string(index=False)}\n")
    click.echo(costs.priorities(results).to_string(index=False))


@click.group()
def tpu() -> None:
    """Compile the paper's networks for TPUs, without a TPU."""
    os.environ.setdefault("KERAS_BACKEND", "jax")


@tpu.command()
@click.argument("point", type=Name("point", _programs), default="RS-50")
@click.option("--topology", default="v5e:1x1", help="Slice of chips.")
@click.option(
    "--clips",
    type=click.IntRange(min=1),
    show_default="the most that fit",
    help="Clips per device.",
)
@click.option("--evaluation", is_flag=True, help="Predict views instead of training.")
@click.option("--rematerialize", is_flag=True, help="Keep only the blocks' inputs.")
@click.option("--accumulate", is_flag=True, help="Sum gradients over micro-batches.")
@own_option
def plan(
    point: str,
    topology: str,
    clips: int | None,
    evaluation: bool,
    rematerialize: bool,
    accumulate: bool,
    results: Path,
) -> None:
    """Compile POINT, and print its memory and its shortest possible time.

    POINT is a point of Figure 2 or a row of Table 2; RS-50 by default.
    """
    from r3d_rs.operations import tpu as programs

    program = programs.Program(
        point,
        programs.EVALUATION if evaluation else programs.TRAINING,
        topology,
        clips or 8,
        rematerialize,
        accumulate,
    )
    compiled = programs.compiled_row if clips else programs.largest_batch
    row = compiled(program, results)
    click.echo(programs.report(row) if row else "not even one clip fits")


@tpu.command()
@published_option
def fits(results: Path) -> None:
    """Update the table of batches that fit, from published rows of `plan`."""
    from r3d_rs.operations import tpu as programs

    click.echo(programs.write_fits(results))
