"""Command `r3d-rs predict`."""

from __future__ import annotations

import click


@click.command()
@click.argument("video", type=click.Path(dir_okay=False))
@click.option(
    "--checkpoint", type=click.Path(), required=True, help="Folder of a finished run."
)
@click.option("--top-k", default=5, help="How many classes to print.")
def predict(video: str, checkpoint: str, top_k: int) -> None:
    """Print what the file VIDEO shows, by a trained network."""
    from r3d_rs import backend

    backend.name()
    from r3d_rs.evaluation import trained

    for name, probability in trained.predict(video, checkpoint=checkpoint, top_k=top_k):
        click.echo(f"{probability:6.1%}  {name}")
