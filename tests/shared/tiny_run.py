"""A run of the study on a dataset of a dozen tiny videos, for the faults.

It goes through the library's own steps, `experiments.run.Run`, with a recipe that takes
seconds.
"""

import dataclasses
import os
from pathlib import Path

import nbformat

from r3d_rs.data import preparation
from r3d_rs.experiments.run import Run
from r3d_rs.recipes.recipe import Recipe
from tests.shared.tiny import SMALL, shallow, write_videos

NAME = "kinetics-400"
RECIPE = Recipe(
    **SMALL | {"spatial_views": 1},
    epochs=4,
    warmup_epochs=1,
    learning_rate=0.01,
    ema_decay=0.9,
)
#: Where a run's record and the state of its training are.
POINT = ("scaling", "RS-50", "seed-0")


def make_data(folder: Path, videos: int = 8) -> Path:
    """Write videos in Kinetics' layout, prepare them and return the data directory."""
    write_videos(folder / NAME, {"train": videos, "validate": 4})
    preparation.prepare(NAME, folder, progress=False)
    return folder


def run(data_dir: Path, folder: Path, **changes) -> Run:
    """Return a run, before its first step; its results and state are in `folder`."""
    recipe = dataclasses.replace(RECIPE, **changes)
    return Run(
        *("scaling", "RS-50", NAME, 0, recipe, recipe),
        results=folder / "results",
        folder=folder.joinpath("checkpoints", NAME, *POINT),
        data_dir=str(data_dir),
    )


def do(data_dir: Path, folder: Path, **changes) -> Path:
    """Train, evaluate, and write the record."""
    this = run(data_dir, folder, **changes)
    dataset = this.load_data()
    with shallow():
        this.train(dataset)
        return this.write_record(this.evaluate(dataset))


def notebook(cell: str, *outputs, **papermill):
    """Return a notebook as papermill leaves it: a heading and a cell with outputs."""
    return nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# One point"),
            nbformat.v4.new_code_cell(cell, execution_count=1, outputs=list(outputs)),
        ],
        metadata={"papermill": {"exception": None} | papermill},
    )


def open_files(process: int | str = "self") -> int:
    """Return how many files a process has open."""
    return len(os.listdir(f"/proc/{process}/fd"))
