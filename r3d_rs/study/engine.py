"""Running one experiment: papermill executes its notebook in a process of its own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from r3d_rs.study import executed, record, registry

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

#: Folder of notebooks that are being executed, or have failed.
RUNNING = Path("build/runs")

#: Parameters of a notebook that follow from the experiment, its dataset and its seed,
#: or say where and not what.
GIVEN = {
    *("dataset", "seed", "point", "row", "toggles", "stage", "backbone", "parent"),
    *("results", "checkpoints", "data_dir"),
}


def further(papermill: Mapping) -> dict[str, object]:
    """Return the further parameters that a run's notebook received, such as threads.

    Args:
        papermill: the metadata that papermill has left in the executed notebook.
    """
    received = papermill.get("parameters", {})
    return {name: value for name, value in received.items() if name not in GIVEN}


def run(
    name: str,
    dataset: str,
    seed: int,
    *,
    results: str | Path = "results",
    checkpoints: str | Path = "build/checkpoints",
    parameters: Mapping[str, str] | None = None,
) -> Path:
    """Run an experiment; the executed notebook of seed 0 is kept beside its record.

    That of another seed tells nothing more than its record, and is not kept. A run that
    was stopped when its record was there already is not run again for its notebook.

    Args:
        name: of `registry.everything`.
        dataset: to run on.
        seed: of everything random.
        results: folder of the records.
        checkpoints: folder of the runs' states and networks.
        parameters: further ones of the notebook.

    Returns:
        The record.

    Raises:
        ValueError: naming the experiment or the dataset and those allowed.
        FileNotFoundError: when there is no checkout with the notebooks.
        ChildProcessError: when the run failed, naming its executed notebook.
    """
    from r3d_rs.data import datasets

    experiment = registry.get(name)
    dataset = datasets.canonical_name(dataset)
    if dataset not in experiment.datasets:
        raise ValueError(
            f"parameter dataset: received {dataset!r} for {name}, allowed are"
            f" {', '.join(experiment.datasets)}"
        )
    notebook = NOTEBOOKS / f"{experiment.notebook}.ipynb"
    if not notebook.is_file():
        raise FileNotFoundError(f"{notebook} is not there: a run needs a checkout")
    target = record.path(results, dataset, experiment.study, experiment.point, seed)
    output = RUNNING / target.relative_to(results).with_suffix(".ipynb")
    output.parent.mkdir(parents=True, exist_ok=True)
    if is_left(target, results):
        return _keep(output, target)
    received = {
        **experiment.received(dataset, seed, checkpoints),
        "results": str(results),
        "checkpoints": str(checkpoints),
        **(parameters or {}),
    }
    options = [
        part for key, value in received.items() for part in ("-p", key, str(value))
    ]
    command = [sys.executable, "-m", "papermill", "--log-output", "--no-progress-bar"]
    done = subprocess.run([*command, notebook, output, *options])
    if done.returncode:
        raise ChildProcessError(f"{name} on {dataset}, seed {seed}, failed: {output}")
    return _keep(output, target)


def is_left(target: Path, results: str | Path) -> bool:
    """Say whether a run was stopped after its record, before its notebook was kept.

    Args:
        target: the run's record.
        results: folder of the records.
    """
    output = RUNNING / target.relative_to(results).with_suffix(".ipynb")
    return target.exists() and executed.is_finished(output)


def _keep(output: Path, target: Path) -> Path:
    if target.stem == "seed-0":
        executed.keep(output, target.with_suffix(".ipynb"))
    output.unlink()  # what is left there is running, has failed or was stopped
    return target
