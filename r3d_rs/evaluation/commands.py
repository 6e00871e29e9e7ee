"""Commands `r3d-rs predict`, `export` and `publish`."""

from __future__ import annotations

from pathlib import Path

import click

from r3d_rs.options import FILE, FOLDER, data_dir_option
from r3d_rs.paths import local_path


def _of_this_machine(ctx, param, network: str | None) -> str | None:
    """Refuse an address such as gs://bucket."""
    try:
        local_path("network", network or "")
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return network


@click.command()
@click.argument("video", type=FILE)
@click.option(
    "--network",
    callback=_of_this_machine,
    help="A published network, such as pantomime-20/RS-50, or the folder of a run.",
)
@click.option("--top-k", default=5, help="Print at most this many classes.")
def predict(video: Path, network: str | None, top_k: int) -> None:
    """Classify the file VIDEO with a trained network.

    Without --network, list the published networks.
    """
    from r3d_rs import backend

    backend.name()
    from r3d_rs.evaluation import networks, trained

    if network is None:
        there = networks.list_networks()
        listed = networks.none_published() if there.empty else there.to_string()
        raise click.UsageError(
            f"--network names a published network or the folder of a run:\n{listed}"
        )
    for name, probability in trained.predict(video, network=network, top_k=top_k):
        click.echo(f"{probability:6.1%}  {name}")


@click.command()
@click.argument("network", callback=_of_this_machine)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["saved_model", "onnx", "safetensors"]),
    help="Format to write.",
)
@click.option(
    "--hub",
    type=click.Choice(["huggingface", "kaggle"]),
    help="Write a folder to upload to this hub, and print the upload command.",
)
@click.option(
    "--to", "folder", type=FOLDER, default="build/export", help="Output folder."
)
def export(network: str, format_: str | None, hub: str | None, folder: Path) -> None:
    """Export NETWORK for other programs.

    NETWORK is the name of a published network or the folder of a run.
    """
    if (format_ is None) == (hub is None):
        raise click.UsageError("give either --format or --hub")
    from r3d_rs import backend

    backend.name()
    from r3d_rs.evaluation import export as formats

    if hub:
        click.echo(f"upload it with: {formats.for_hub(network, hub, folder)}")
        return
    written = formats.export(network, format_, folder)
    click.echo(f"written: {written.path.absolute()}")
    click.echo(f"largest difference of logits: {written.difference:.1e}")


@click.command()
@click.argument("run", type=FOLDER)
@click.option(
    "--results",
    type=FOLDER,
    default="results",
    help="Folder of the records; the network is written beside its run's record.",
)
@data_dir_option
def publish(run: Path, results: Path, data_dir: Path | None) -> None:
    """Publish the network of a run.

    RUN is the run's folder. The weights are rounded to half precision, and the
    accuracy is measured with them.
    """
    from r3d_rs import backend

    backend.name()
    from r3d_rs.evaluation import cards, networks

    one = networks.publish(run, results, data_dir)
    click.echo(f"{one.name}: {one.file}\n{cards.write(one)}")
