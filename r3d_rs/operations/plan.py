"""Plan the runs that are due: no record exists, or it has another recipe."""

import functools
import hashlib
import os
import statistics
from dataclasses import dataclass
from pathlib import Path

from r3d_rs import files
from r3d_rs.experiments import provenance, record, registry
from r3d_rs.files import try_lock
from r3d_rs.operations import engine, study
from r3d_rs.paths import study_path
from r3d_rs.recipes import recipe as recipes
from r3d_rs.training.checkpoints import RunningError

#: Folder of the engine's markers, and the marker of a run. A marker's name has the hash
#: of the recipe, so each recipe has its own marker.
FOLDER = "build/study"
MARKER = FOLDER + "/runs/{dataset}/{study}/{point}/seed-{seed}-{hash}"
#: Number of seeds on a dataset outside the study's plan, such as Kinetics.
SEEDS = 3


@dataclass(frozen=True)
class Job:
    """One run of an experiment.

    Args:
        experiment: experiment of the registry.
        dataset: dataset to run on.
        seed: seeds weights, order and crops.
        scale: scale of its recipe; "" for the dataset's own.
        own: hash of its recipe.
        parent: hash of its parent's recipe; "" without a parent.
    """

    experiment: registry.Experiment
    dataset: str
    seed: int
    scale: str
    own: str
    parent: str

    @property
    def marker(self) -> str:
        """File that marks the run as done."""
        both = hashlib.sha256(f"{self.own} {self.parent}".encode()).hexdigest()
        return MARKER.format(
            dataset=self.dataset,
            study=self.experiment.study,
            point=self.experiment.point,
            seed=self.seed,
            hash=both[:12],
        )

    @property
    def before(self) -> "Job | None":
        """The pre-training run that it starts from, or None."""
        before = self.experiment.before(self.dataset)
        return job(*before, self.seed, self.scale) if before else None

    def made(self, found: dict) -> bool:
        """Return whether a record has the hashes of this run's recipes."""
        return record.recipe_hashes(found) == (self.own, self.parent)

    def is_done(self, results: Path) -> bool:
        """Return whether the run has a record with its current recipes.

        The record may be under an alias of the experiment. Seed 0 is not done until its
        executed notebook is kept.
        """
        for name in (self.experiment.name, *registry.aliases(self.experiment.name)):
            path = record.path(results, self.dataset, *name.split("/", 1), self.seed)
            if path.exists():  # the first record found is the one that tables show
                kept = self.seed != 0 or not engine.lacks_notebook(path, results)
                return kept and self.made(record.read(path))
        return False


@dataclass(frozen=True)
class Plan:
    """The runs that were asked for, and those that are due.

    Args:
        wanted: all runs that were asked for.
        stale: runs that are due, parents before their children.
        results: folder of the records.
        checkpoints: folder of the runs' checkpoints and trained networks.
        scale: scale of the recipes; "" for the datasets' own.
    """

    wanted: tuple[Job, ...]
    stale: tuple[Job, ...]
    results: Path
    checkpoints: Path
    scale: str = ""

    @functools.cached_property
    def _places(self) -> dict[tuple[str, str, int], int]:
        return {run: place for place, run in enumerate(study.read().runs())}

    def priority(self, wildcards) -> int:
        """Return a run's priority: planned runs come first, in the plan's order."""
        name = f"{wildcards.study}/{wildcards.point}"
        place = self._places.get((wildcards.dataset, name, int(wildcards.seed)))
        return 0 if place is None else len(self._places) - place

    @property
    def markers(self) -> list[str]:
        """Markers of the runs that are due."""
        return [job.marker for job in self.stale]

    @property
    def book(self) -> str:
        """Marker of the tables and the book, made from all wanted runs."""
        text = "\n".join(sorted(job.marker for job in self.wanted))
        return f"{FOLDER}/book-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def needs(self, wildcards) -> list[str]:
        """Return the markers a run waits for: its dataset, and its parent if due."""
        experiment = registry.get(f"{wildcards.study}/{wildcards.point}")
        seed = int(wildcards.seed)
        before = job(experiment, wildcards.dataset, seed, self.scale).before
        parent = [before.marker] if before in self.stale else []
        return [f"{FOLDER}/data/{wildcards.dataset}", *parent]

    def summary(self) -> str:
        """Describe how many runs are due, and their approximate time on one core."""
        times = [
            seconds(self.results, job.dataset, job.experiment.name)
            for job in self.stale
        ]
        known = [time for time in times if time is not None]
        text = f"{len(self.stale)} of {len(self.wanted)} runs to do"
        if known:
            text += f", about {sum(known) / 60:.0f} minutes for {len(known)} of them"
        if len(known) < len(times):
            text += f"; {len(times) - len(known)} have never been timed"
        return text


def make(
    *,
    only: str,
    datasets: str,
    seeds: int | None,
    results: str | Path,
    checkpoints: str | Path,
    scale: str = "",
) -> Plan:
    """Plan the study or a part of it.

    Args:
        only: names of experiments or studies, separated by blanks; "" for all.
        datasets: names of datasets, separated by blanks.
        seeds: number of seeds of each experiment, from seed 0. None means the planned
            number (`study.read`), or `SEEDS` on a dataset outside the study's plan.
        results: folder of the records.
        checkpoints: folder of the runs' checkpoints and trained networks.
        scale: scale of the recipes, a name in `scales.SCALES`; "" for the datasets'
            own.

    Raises:
        ValueError: if an experiment, study or dataset is unknown, or the number of
            seeds is below 1.
    """
    starts = only.split() or [""]
    everything = registry.all_experiments().values()
    for start in starts:
        if not any(_is_meant(experiment, start) for experiment in everything):
            raise ValueError(
                f"only: received {start!r}, which is not an experiment or study;"
                " `r3d-rs list` prints them"
            )
    known = {name for one in everything for name in one.datasets}
    if unknown := sorted(set(datasets.split()) - known):
        raise ValueError(
            f"datasets: received {unknown[0]!r}, allowed are {', '.join(sorted(known))}"
        )
    if seeds is not None and seeds < 1:
        raise ValueError(f"seeds: received {seeds}, allowed is 1 or more")
    wanted = [
        job(experiment, dataset, seed, scale)
        for experiment in everything
        if any(_is_meant(experiment, start) for start in starts)
        for dataset in experiment.datasets
        if dataset in datasets.split()
        for seed in range(_seeds(dataset, experiment.name) if seeds is None else seeds)
    ]
    results = study_path("results", results)
    checkpoints = study_path("checkpoints", checkpoints)
    stale, running = {}, set()
    for one in wanted:
        names = [one.experiment.name, *registry.aliases(one.experiment.name)]
        runs = {(name, one.dataset, one.seed) for name in names}
        if one.is_done(results) or runs & running:
            continue
        running |= runs
        before = one.before
        if before and not _has_network(before, checkpoints):
            stale[before.marker] = before
        stale[one.marker] = one
    for marker in stale:  # markers of removed records may remain
        Path(marker).unlink(missing_ok=True)
    return Plan(tuple(wanted), tuple(stale.values()), results, checkpoints, scale)


def _seeds(dataset: str, name: str) -> int:
    """Return how many seeds of an experiment to run on a dataset."""
    known = study.read().seeds
    if any(dataset == own for own, _ in known):
        return known.get((dataset, name), 0)
    return SEEDS


def lock(results: Path) -> None:
    """Lock a folder of records against other engines until this process ends.

    Raises:
        RunningError: if another engine is running there.
    """
    Path(results).mkdir(parents=True, exist_ok=True)
    folder = os.open(results, os.O_RDONLY)  # never closed, to keep the lock
    if not try_lock(folder):
        raise RunningError(
            f"{results}: another engine is running the study there; wait for it, or"
            " give this one another folder (--config results=FOLDER)"
        )


def job(
    experiment: registry.Experiment, dataset: str, seed: int, scale: str = ""
) -> Job:
    """Return a run with the current hashes of its recipes."""
    own = experiment.recipe(dataset, scale)
    parent = experiment.parent_recipe(dataset, scale)
    return Job(
        experiment,
        dataset,
        seed,
        scale,
        recipes.recipe_hash(own),
        recipes.recipe_hash(parent) if parent else "",
    )


def _is_meant(experiment: registry.Experiment, start: str) -> bool:
    """Return whether a name is empty, or names the experiment or its study."""
    return start in ("", experiment.study, experiment.name)


def _has_network(job: Job, checkpoints: Path) -> bool:
    """Return whether a run has a trained network with its current recipe."""
    name = (job.experiment.study, job.experiment.point)
    folder = record.place(checkpoints, job.dataset, *name, job.seed)
    about = folder / "run.json"
    if not (about.is_file() and (folder / "model.keras").is_file()):
        return False
    return files.read_json(about).get("recipe_hash") == job.own


def seconds(results: str | Path, dataset: str, name: str) -> float | None:
    """Return the median seconds of an experiment's runs, or None if there are none.

    Runs on accelerators are left out, because they say nothing about a CPU core.
    """
    times = [
        run["wall_seconds"]["total"]
        for run in registry.records(results, dataset, name)
        if not provenance.accelerators(run["device"])
    ]
    return statistics.median(times) if times else None
