"""Every experiment: planned, published, yours, running, stopped or failed."""

from collections.abc import Sequence
from pathlib import Path

from r3d_rs.experiments import provenance, published, record, registry
from r3d_rs.files import parse_json
from r3d_rs.operations import engine
from r3d_rs.operations.study import read as read_plan
from r3d_rs.recipes import points
from r3d_rs.training import checkpoints


def progress(table: Sequence[dict]) -> str:
    """Say how many runs of the plan are published, and what of its budget they took.

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
    """List every experiment on every dataset, with the paper's number and ours.

    Args:
        results: folder of your own records.
        folder: of the runs' checkpoints, which tells what is running.
        table: rows of `published.read`.

    Returns:
        One row each: experiment, dataset, paper, published and yours (per cent; means
        over seeds with their 95 % intervals) and status: how many seeds are published,
        of how many that are planned, how many are yours, and which are running, have
        failed (with their notebook) or were stopped and go on when run again.
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
        if study == "contrastive":  # its first part has its own
            folders.append(folder / dataset / points.PRETRAINING / point)
        status += _unfinished(folders, engine.executing(results) / place)
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
    """Say how many runs are published, and how many are planned if not all are."""
    of = f" of {planned}" if runs < planned else ""
    return [f"{runs}{of} published"] if runs or planned else []


def _finetuned(
    results: Path, folder: Path, table: Sequence[dict]
) -> list[tuple[str, str]]:
    """Return experiments of fine-tuning and their datasets, of which there is a run."""
    study = "finetune"
    found = {
        (record.name(row), row["dataset"]) for row in table if row["study"] == study
    }
    for place in (results, folder, engine.executing(results)):
        for path in place.glob(f"*/{study}/*"):
            found.add((f"{study}/{path.name}", path.parts[-3]))
    return sorted(found, key=lambda one: one[::-1])


def _yours(own: Sequence[dict]) -> str:
    """Describe your own runs, seed by seed where their recipes differ."""
    try:
        return record.described(own)
    except ValueError:
        return ", ".join(f"{100 * run['metrics']['video_top1']:.1f}" for run in own)


def _unfinished(folders: Sequence[Path], executing: Path) -> list[str]:
    """Say which seeds of an experiment are running, have failed or were stopped."""
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
    """Say whether papermill met an error in a notebook, if there is one."""
    try:
        return bool(parse_json(notebook)["metadata"]["papermill"]["exception"])
    except (OSError, ValueError, KeyError):  # it is being written, or has just gone
        return False
