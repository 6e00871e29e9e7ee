"""Status of every experiment: planned, published, yours, running, stopped, failed."""

from collections.abc import Sequence
from pathlib import Path

from r3d_rs.experiments import provenance, published, record, registry
from r3d_rs.files import parse_json
from r3d_rs.operations import engine
from r3d_rs.operations.study import read as read_plan
from r3d_rs.recipes import points
from r3d_rs.training import checkpoints


def progress(table: Sequence[dict]) -> str:
    """Describe how many planned runs are published, and how much budget they used.

    Args:
        table: rows of `published.read`.
    """
    planned = set(read_plan().runs())
    made = {}  # core-hours by run
    for row in table:
        name = record.name(row)
        for own in (name, *registry.aliases(name)):
            if (run := (row["dataset"], own, row["seed"])) in planned:
                made[run] = row["hours"] * provenance.cores(row["device"])
    return (
        f"plan: {len(made)} of {len(planned)} runs published,"
        f" {len(planned) - len(made)} left;"
        f" {sum(made.values()):.1f} of {read_plan().budget:g} core-hours used"
    )


def overview(results: Path, folder: Path, table: Sequence[dict]) -> list[dict]:
    """List every experiment on every dataset, with all accuracies and the status.

    Args:
        results: folder of your own records.
        folder: folder of the runs' checkpoints, which show what is running.
        table: rows of `published.read`.

    Returns:
        One row each, with columns experiment, dataset, paper, published, yours and
        status. Accuracies are in per cent. Published and yours are means over seeds
        with 95 % intervals. The status counts the published seeds, out of the planned
        ones, and your seeds. It names the seeds that are running, have failed (with
        their notebook) or were stopped. A stopped seed continues when you run it again.
    """
    rows, planned = [], read_plan().seeds
    papers = {
        (name, dataset): experiment.paper.get(dataset, "-")
        for name, experiment in registry.all_experiments().items()
        for dataset in experiment.datasets
    }
    for name, dataset in [*papers, *_finetuned(results, folder, table)]:
        study, point = name.split("/", 1)
        others = published.runs(name, dataset, table)
        own = registry.records(results, dataset, name)
        status = _published(len(others), planned.get((dataset, name), 0))
        status += [f"{len(own)} yours"] if own else []
        place = Path(dataset) / study / point
        folders = [folder / place]
        if study == "contrastive":  # its pre-training has its own folder
            folders.append(folder / dataset / points.PRETRAINING / point)
        status += _unfinished(folders, engine.executing_folder(results) / place)
        rows.append(
            {
                "experiment": name,
                "dataset": dataset,
                "paper": papers.get((name, dataset), "-"),
                "published": published.described(others) or "-",
                "yours": _yours(own) or "-",
                "status": ", ".join(status) or record.NOT_RUN,
            }
        )
    return rows


def _published(runs: int, planned: int) -> list[str]:
    """Describe how many runs are published, out of how many if some are missing."""
    of = f" of {planned}" if runs < planned else ""
    return [f"{runs}{of} published"] if runs or planned else []


def _finetuned(
    results: Path, folder: Path, table: Sequence[dict]
) -> list[tuple[str, str]]:
    """Return the fine-tuning experiments that have a run, with their datasets."""
    study = "finetune"
    found = {
        (record.name(row), row["dataset"]) for row in table if row["study"] == study
    }
    for place in (results, folder, engine.executing_folder(results)):
        for path in place.glob(f"*/{study}/*"):
            found.add((f"{study}/{path.name}", path.parts[-3]))
    return sorted(found, key=lambda one: one[::-1])


def _yours(own: Sequence[dict]) -> str:
    """Describe your own runs, seed by seed if their recipes differ."""
    try:
        return record.described(own)
    except ValueError:
        return ", ".join(f"{100 * run['metrics']['video_top1']:.1f}" for run in own)


def _unfinished(folders: Sequence[Path], executing: Path) -> list[str]:
    """List the seeds of an experiment that are running, have failed or were stopped."""
    seeds = {path.parent.name for f in folders for path in f.glob("seed-*/.lock")}
    seeds |= {path.stem for path in executing.glob("seed-*.ipynb")}
    found = []
    for seed in sorted(seeds):
        own, notebook = [f / seed for f in folders], executing / f"{seed}.ipynb"
        locked = [f for f in own if (f / ".lock").exists()]
        if any(checkpoints.is_running(f) for f in locked):
            found.append(f"{seed} running")
        elif _has_failed(notebook):
            found.append(f"{seed} failed: {notebook}")
        elif any(path for f in own for path in f.glob("epoch-*.npz")):
            found.append(f"{seed} stopped")
    return found


def _has_failed(notebook: Path) -> bool:
    """Return whether a notebook exists and papermill recorded an error in it."""
    try:
        return bool(parse_json(notebook)["metadata"]["papermill"]["exception"])
    except (OSError, ValueError, KeyError):  # missing, or being written
        return False
