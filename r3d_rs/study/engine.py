"""Running one experiment: papermill executes its notebook in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from r3d_rs.study import executed, record, registry

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

#: Folder of notebooks that are being executed, or have failed.
RUNNING = Path("build/runs")

#: Parameters of a notebook that follow from the experiment, its dataset and its seed,
#: and from the folders of its records and checkpoints.
GIVEN = {
    *("dataset", "seed", "point", "row", "toggles", "stage", "backbone", "parent"),
    *("results", "checkpoints"),
}

#: Those that say where and not what.
WHERE = {"data_dir", "tensorboard"}


def further(papermill: Mapping) -> dict[str, object]:
    """Return the further parameters that a run's notebook received, such as threads.

    Args:
        papermill: the metadata that papermill has left in the executed notebook.
    """
    received, left = papermill.get("parameters", {}), GIVEN | WHERE
    return {name: value for name, value in received.items() if name not in left}


def executing(results: str | Path) -> Path:
    """Return the folder of notebooks that are being executed for a folder of records.

    Each has its own, as the same run may be made for two at once.
    """
    name = quote(os.path.relpath(results), safe="")
    return RUNNING / (name if name.strip(".") else name.replace(".", "%2E"))


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
        ValueError: naming the experiment or the dataset and those allowed, or a further
            parameter that follows from them.
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
    if wrong := sorted(GIVEN & set(parameters or {})):
        raise ValueError(
            f"parameter {wrong[0]}: received {parameters[wrong[0]]!r} besides, but it"
            " follows from the experiment and the options of this command"
        )
    notebook = NOTEBOOKS / f"{experiment.notebook}.ipynb"
    if not notebook.is_file():
        raise FileNotFoundError(f"{notebook} is not there: a run needs a checkout")
    target = record.path(results, dataset, experiment.study, experiment.point, seed)
    output = _output(target, results)
    for folder in (output.parent, Path(results)):
        folder.mkdir(parents=True, exist_ok=True)
    if is_left(target, results):
        return _keep(output, target)
    received = {
        **experiment.received(dataset, seed, checkpoints),
        "results": str(results),
        "checkpoints": str(checkpoints),
    }
    # papermill takes `-r` for texts as they are; by `-p`, "2024" would be a number.
    options = [
        part
        for key, value in received.items()
        for part in ("-r" if isinstance(value, str) else "-p", key, str(value))
    ]
    for key, value in (parameters or {}).items():
        options += ["-p", key, str(value)]
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
    return target.exists() and executed.is_finished(_output(target, results))


def _output(target: Path, results: str | Path) -> Path:
    return executing(results) / target.relative_to(results).with_suffix(".ipynb")


def _keep(output: Path, target: Path) -> Path:
    if target.stem == "seed-0":
        executed.keep(output, target.with_suffix(".ipynb"))
    output.unlink()  # what is left there is running, has failed or was stopped
    return target
