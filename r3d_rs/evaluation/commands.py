"""Command `r3d-rs predict`."""

from __future__ import annotations

from pathlib import Path

import click

from r3d_rs.data.commands import FILE, Local


@click.command()
@click.argument("video", type=FILE)
@click.option(
    "--checkpoint", type=Local(True), required=True, help="Folder of a finished run."
)
@click.option("--top-k", default=5, help="How many classes to print.")
def predict(video: Path, checkpoint: Path, top_k: int) -> None:
    """Print what the file VIDEO shows, by a trained network."""
    from r3d_rs import backend

    backend.name()
    from r3d_rs.evaluation import trained

    for name, probability in trained.predict(video, checkpoint=checkpoint, top_k=top_k):
        click.echo(f"{probability:6.1%}  {name}")
