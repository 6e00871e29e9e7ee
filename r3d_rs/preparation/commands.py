"""Commands `r3d-rs data`: prepare, inspect and verify a dataset.

Commands import what they call when they run: TensorFlow takes seconds to import, and
help should be quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from r3d_rs.data.names import canonical_name, data_directory
from r3d_rs.options import DATASET, FILE, INPUT, data_dir_option

if TYPE_CHECKING:
    from r3d_rs.preparation.verify import Report

dataset_argument = click.argument("dataset", type=DATASET)
videos_option = click.option(
    "--videos",
    type=INPUT,
    is_eager=True,
    show_default="DATASET in the data directory",
    help="Folder of the video files.",
)
annotations_option = click.option(
    "--annotations",
    type=INPUT,
    show_default="the folder of the videos",
    help="Folder of the CSV files.",
)


@click.group()
def data() -> None:
    """Prepare, inspect and verify datasets."""


@data.command()
@dataset_argument
@data_dir_option
@videos_option
@annotations_option
@click.option(
    "--short-side",
    type=int,
    show_default="the dataset's",
    help="Shorter side of the stored frames, in pixels.",
)
@click.option(
    "--max-aside",
    type=float,
    show_default="0.05",
    help="Share of a split's videos that may be missing or broken.",
)
@click.option(
    "--workers",
    type=int,
    show_default="all usable cores",
    help="Processes that decode videos.",
)
@click.option(
    "--part",
    metavar="I/N",
    help="Write one part of the shards, such as 3/64; `data merge` makes the dataset.",
)
@click.option(
    "--validation",
    type=float,
    show_default="0.2",
    help="Share of your own videos to validate on, if there are no folders of splits.",
)
@click.option(
    "--group",
    metavar="REGEX",
    help="Regular expression for a part of the path, such as '^[^/]*/(p[0-9]+)'. Videos"
    " with the same match go into the same split.",
)
@click.option(
    "--draw", type=int, help="Seed of the division into training and validation."
)
@click.option(
    "--no-flip",
    metavar="CLASS,CLASS",
    multiple=True,
    help="Your classes that differ by left and right; their clips are never mirrored."
    " Repeat the option for a class name that contains a comma.",
)
@click.option("--records", type=INPUT, help="Folder of Model Garden's TFRecords.")
@click.option(
    "--labels",
    type=FILE,
    help="File with the classes of --records, one per line.",
)
def prepare(
    dataset: str,
    data_dir: Path | None,
    videos: Path | None,
    annotations: Path | None,
    short_side: int | None,
    max_aside: float | None,
    workers: int | None,
    part: str | None,
    validation: float | None,
    group: str | None,
    draw: int | None,
    no_flip: tuple[str, ...],
    records: Path | None,
    labels: Path | None,
) -> None:
    """Prepare DATASET, such as pantomime-20 or kinetics-400.

    With --videos, DATASET may be a name of your own. Then the folder has one of three
    layouts: a subfolder for each class; folders train, validation and test with such
    subfolders; or lists train.csv and so on with the columns label and path.
    """
    own = {
        "validation": validation,
        "group": group,
        "draw": draw,
        "no_flip": no_flip or None,
    }
    options = {
        "videos": videos,
        "annotations": annotations,
        "short_side": short_side,
        "max_aside": max_aside,
        "workers": workers,
        "part": part,
    }
    if records:
        for name, value in (options | own).items():
            if value is not None:
                raise click.UsageError(
                    f"--{name.replace('_', '-')}: not allowed with --records, which"
                    " are used unchanged"
                )
    if labels and not records:
        raise click.UsageError("--labels: allowed only with --records")
    from r3d_rs.data import datasets, model_garden
    from r3d_rs.preparation.own import Options
    from r3d_rs.preparation.preparation import prepare

    if records:
        model_garden.use_records(dataset, records, data_dir, labels=labels)
        prepared = datasets.load(dataset, data_dir)
    else:
        prepared = prepare(dataset, data_dir, own=Options(**own), **options)
    if prepared:
        _print_splits(prepared)
    else:
        click.echo(f"{dataset}: part {part} is written")


@data.command()
@dataset_argument
@data_dir_option
def merge(dataset: str, data_dir: Path | None) -> None:
    """Merge the parts of DATASET once all are written."""
    from r3d_rs.preparation.preparation import merge

    _print_splits(merge(dataset, data_dir))


def _print_splits(dataset) -> None:
    """Print how many videos each split has, and how many are set aside or repaired."""
    for split, part in dataset.splits.items():
        lists = {
            "set aside": dataset.aside,
            "with broken, repeated or left out frames": dataset.repaired,
        }
        counts = {
            what: sum(video.split == split for video in videos)
            for what, videos in lists.items()
        }
        note = "".join(f", {count} {what}" for what, count in counts.items() if count)
        note += " (data verify lists them)" if note else ""
        click.echo(f"{dataset.name} {split}: {part.num_videos} videos{note}")


@data.command()
@dataset_argument
@data_dir_option
@click.option(
    "--picture",
    type=FILE,
    show_default="DATASET.png",
    help="Image file for the contact sheet.",
)
def inspect(dataset: str, data_dir: Path | None, picture: Path | None) -> None:
    """Summarize the prepared DATASET and draw a contact sheet."""
    from r3d_rs.data import datasets
    from r3d_rs.data import inspect as overview

    prepared = datasets.load(dataset, data_dir)
    click.echo(f"{prepared.name}: {len(prepared.classes)} classes")
    click.echo(overview.summary(prepared).to_string())
    picture = picture or f"{prepared.name}.png"
    overview.contact_sheet(prepared, "train").savefig(picture, dpi=100)
    click.echo(f"contact sheet: {picture}")


@data.command()
@dataset_argument
@data_dir_option
@videos_option
@annotations_option
def verify(
    dataset: str, data_dir: Path | None, videos: Path | None, annotations: Path | None
) -> None:
    """Read all records of DATASET and compare them with its CSV files.

    Also count clips that are in two splits, or in the training or evaluated split of
    another dataset in the data directory. If DATASET is not prepared yet, list the
    videos in its CSV files that have no file.
    """
    from r3d_rs.data import datasets
    from r3d_rs.preparation import overlaps
    from r3d_rs.preparation import verify as checks

    name = canonical_name(dataset, data_dir)
    if not datasets.is_prepared(name, data_dir):
        videos = videos or data_directory(data_dir) / name
        click.echo(f"{name} is not prepared; checking its files in {videos}")
        found = checks.check_folder(videos, annotations or videos)
        for split, (total, absent) in found.items():
            number = len(absent)
            click.echo(f"{split}: {total} videos are listed, {number} have no file")
            click.echo("".join(f"  {ident}\n" for ident in absent), nl=False)
        for overlap in overlaps.of_lists(annotations or videos):
            click.echo(f"same clips: {overlap}")
        return
    prepared = datasets.load(name, data_dir)
    expected = prepared.kind.num_classes
    click.echo(f"{name}: {len(prepared.classes)} classes, of {expected} when complete")
    reports = []
    for split in prepared.splits:
        reports.append(
            checks.check_split(prepared, split, annotations or prepared.annotations)
        )
        _print(reports[-1], prepared.evaluated)
        for video in prepared.repaired:
            if video.split == split:
                click.echo(f"  frames: {video.id} ({video.label}): {video.reason}")
    broken = any(report.broken for report in reports)
    # A broken file has no frame index.
    twice = [] if broken else overlaps.find(prepared, data_directory(data_dir))
    for overlap in twice:
        click.echo(f"same clips: {overlap}")
    if broken or any(report.surplus for report in reports):
        raise click.ClickException(
            "the dataset has broken or unlisted videos: see above"
        )
    if any(overlap.within for overlap in twice):
        raise click.ClickException("the dataset has clips in two splits: see above")


def _print(report: Report, evaluated: str) -> None:
    """Print the report of `verify` on a split."""
    listed = "no CSV file" if report.listed is None else report.listed.total()
    note = ", whose accuracy is reported" if report.split == evaluated else ""
    total = report.stored.total()
    click.echo(f"\n{report.split}{note}: {total} stored, listed: {listed}")
    click.echo(f"  SHA-256 of the sorted ids: {report.sha256}")
    for label, (count, stored) in report.short.items():
        click.echo(f"  class {label}: {stored} of {count}")
    for video in report.missing:
        click.echo(f"  missing: {video.id} ({video.label}): {video.reason}")
    for ident in report.surplus:
        click.echo(f"  not listed, or under another class: {ident}")
    for text in report.broken:
        click.echo(f"  broken: {text}")
