"""What of the study has to run: records that are missing, or of another recipe."""

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

#: Folder of the engine's markers, and the marker of a run: its name has the recipe's
#: hash, so that the marker of an older recipe is another file.
FOLDER = "build/study"
MARKER = FOLDER + "/runs/{dataset}/{study}/{point}/seed-{seed}-{hash}"
#: Seeds of each experiment on a dataset that the study does not plan, Kinetics say.
SEEDS = 3


@dataclass(frozen=True)
class Job:
    """One run of an experiment.

    Args:
        experiment: of the registry.
        dataset: to run on.
        seed: of everything random.
        scale: of its recipe, "" for the dataset's own.
        own: hash of its recipe.
        parent: hash of the recipe that its parent was trained by, "" without one.
    """

    experiment: registry.Experiment
    dataset: str
    seed: int
    scale: str
    own: str
    parent: str

    @property
    def marker(self) -> str:
        """File that says that the run is done."""
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
        """The pre-training that it starts from, a run of its own."""
        before = self.experiment.before(self.dataset)
        return job(*before, self.seed, self.scale) if before else None

    def made(self, found: dict) -> bool:
        """Say whether a record is of its recipes."""
        return record.recipe_hashes(found) == (self.own, self.parent)

    def is_done(self, results: Path) -> bool:
        """Say whether there is a record of this run by this recipe."""
        for name in (self.experiment.name, *registry.aliases(self.experiment.name)):
            path = record.path(results, self.dataset, *name.split("/", 1), self.seed)
            if path.exists():  # the one that tables show
                # Its notebook may have to be kept yet.
                kept = self.seed != 0 or not engine.is_left(path, results)
                return kept and self.made(record.read(path))
        return False


@dataclass(frozen=True)
class Plan:
    """What is wanted, and what of it has to run.

    Args:
        wanted: all runs.
        stale: those that have to run, parents before their children.
        results: folder of the records.
        checkpoints: folder of the runs' states and networks.
        scale: of the recipes, "" for the datasets' own.
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
        """Return how early a run is made: in the order of the study, then the rest."""
        name = f"{wildcards.study}/{wildcards.point}"
        place = self._places.get((wildcards.dataset, name, int(wildcards.seed)))
        return 0 if place is None else len(self._places) - place

    @property
    def markers(self) -> list[str]:
        """Markers of the runs that have to run."""
        return [job.marker for job in self.stale]

    @property
    def book(self) -> str:
        """Marker of the tables and the book made of all that is wanted."""
        text = "\n".join(sorted(job.marker for job in self.wanted))
        return f"{FOLDER}/book-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def needs(self, wildcards) -> list[str]:
        """Return what a run waits for: its dataset and, if that runs, its parent."""
        experiment = registry.get(f"{wildcards.study}/{wildcards.point}")
        seed = int(wildcards.seed)
        before = job(experiment, wildcards.dataset, seed, self.scale).before
        parent = [before.marker] if before in self.stale else []
        return [f"{FOLDER}/data/{wildcards.dataset}", *parent]

    def summary(self) -> str:
        """Say how much there is to do, and about how long that takes on one core."""
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
        only: names of experiments or of studies, with blanks between; "" for all.
        datasets: names, with blanks between.
        seeds: how many of each, from 0; None for the study's (`study.read`), and for
            `SEEDS` of what is not in it.
        results: folder of the records.
        checkpoints: folder of the runs' states and networks.
        scale: of the recipes, a name in `scales.SCALES`; "" for the datasets' own.

    Raises:
        ValueError: naming what is neither an experiment nor a study, what is no dataset
            of theirs, or a number of seeds below 1.
    """
    starts = only.split() or [""]
    everything = registry.all_experiments().values()
    for start in starts:
        if not any(_is_meant(experiment, start) for experiment in everything):
            raise ValueError(
                f"only: received {start!r}, which is no experiment or study;"
                " `python -m r3d_rs list` prints them"
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
    for marker in stale:  # of a record that has been removed
        Path(marker).unlink(missing_ok=True)
    return Plan(tuple(wanted), tuple(stale.values()), results, checkpoints, scale)


def _seeds(dataset: str, name: str) -> int:
    """Return how many seeds of an experiment the study has."""
    known = study.read().seeds
    if any(dataset == own for own, _ in known):
        return known.get((dataset, name), 0)
    return SEEDS


def hold(results: Path) -> None:
    """Keep other engines from a folder of records, as long as this process lives.

    Raises:
        RunningError: when one is at it.
    """
    Path(results).mkdir(parents=True, exist_ok=True)
    folder = os.open(results, os.O_RDONLY)  # and never closed
    if not try_lock(folder):
        raise RunningError(
            f"{results}: another engine is running the study there; wait for it, or"
            " give this one another folder (--config results=FOLDER)"
        )


def job(
    experiment: registry.Experiment, dataset: str, seed: int, scale: str = ""
) -> Job:
    """Return a run with the hashes of its recipes as they are now."""
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
    """Say whether a name is an experiment's, its study's or empty."""
    return start in ("", experiment.study, experiment.name)


def _has_network(job: Job, checkpoints: Path) -> bool:
    """Say whether a run's network is there for others to start from."""
    name = (job.experiment.study, job.experiment.point)
    folder = record.place(checkpoints, job.dataset, *name, job.seed)
    about = folder / "run.json"
    if not (about.is_file() and (folder / "model.keras").is_file()):
        return False
    return files.read_json(about).get("recipe_hash") == job.own


def seconds(results: str | Path, dataset: str, name: str) -> float | None:
    """Return the median time of an experiment's records, None if there are none.

    Those on accelerators do not count: they say nothing of a core.
    """
    times = [
        run["wall_seconds"]["total"]
        for run in registry.records(results, dataset, name)
        if not provenance.accelerators(run["device"])
    ]
    return statistics.median(times) if times else None
