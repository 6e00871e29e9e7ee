"""A run of the study at the tiny scale, for the tests of faults.

It trains in seconds, and evaluates the averages of its weights.
"""

import dataclasses
import os
import sys
from pathlib import Path

import nbformat

from r3d_rs.experiments import record, registry
from r3d_rs.preparation import preparation
from r3d_rs.training.checkpoints import RunningError
from tests.shared.steps import ask, finish

NAME = "kinetics-400"
RECIPE = dataclasses.replace(
    registry.get("scaling/RS-50").recipe(NAME, "tiny"), epochs=4, ema_decay=0.9
)
#: Where a run's record and the state of its training are.
POINT = ("scaling", "RS-50", "seed-0")


def prepare(videos: Path, data_dir: Path):
    """Prepare a folder of videos as `NAME`."""
    return preparation.prepare(NAME, data_dir, progress=False, videos=videos)


def do(data_dir: Path, folder: Path, **changes) -> Path:
    """Train, evaluate, and write the record; results and state are in `folder`.

    Expected failures end the process with one line, as on the command line.
    """
    try:
        run = ask("scaling", folder, data_dir, point="RS-50")
        recipe = dataclasses.replace(RECIPE, **changes)
        return finish(dataclasses.replace(run, recipe=recipe)).path
    except (OSError, ValueError, MemoryError, RunningError) as error:
        sys.exit(f"error: {type(error).__name__}: {str(error) or 'out of memory'}")


def state(folder: Path) -> Path:
    """Return the folder of a run's checkpoints and its network."""
    return folder.joinpath("checkpoints", NAME, *POINT)


def outcome(folder: Path) -> dict:
    """Return what a run has found out, without dates and durations."""
    [found] = record.find(folder / "results")
    scores = record.scores_of(folder / "results", found)
    names = ("metrics", "history", "recipe_hash", "evaluated_ids_sha256")
    return {name: found[name] for name in names} | {
        name: array.tobytes() for name, array in vars(scores).items()
    }


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
