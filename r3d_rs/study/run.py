"""One run: a point of the study trained and evaluated, step by step."""

import dataclasses
import datetime
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.data import datasets
from r3d_rs.study import executed, experiments, parameters, record
from r3d_rs.training import recipe as recipes

#: Packages whose versions decide what a run computes.
PACKAGES = (
    "av",
    "jax",
    "keras",
    "numpy",
    "tensorflow-cpu",
    "tensorflow-datasets",
)


def recipe_of(point: experiments.Point, dataset: str) -> recipes.Recipe:
    """Return the recipe of a point of Fig. 2 at the dataset's scale."""
    recipe = dataclasses.replace(
        recipes.of_model(point.model),
        span=point.span,
        size=point.size,
        eval_size=point.eval_size,
    )
    if dataset.startswith("pantomime"):
        recipe = recipes.at_pantomime_scale(recipe)
    return recipe


def validate(
    *,
    point: str,
    dataset: str,
    seed: int,
    results: str = "results",
    data_dir: str = "",
    epochs: int = 0,
    threads: int = 0,
) -> "Run":
    """Check a run's parameters before anything is computed.

    Args:
        point: a point of Fig. 2, a name in `experiments.SCALING`.
        dataset: a name in `datasets.DATASETS`.
        seed: of everything random, from 0.
        results: folder of the records.
        data_dir: folder of the datasets; "" for the environment variable R3D_RS_DATA
            or, without it, the cache folder of the user.
        epochs: of training; 0 for the recipe's.
        threads: of TensorFlow; 0 for one per core.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
    """
    executed.quiet()
    parameters.check("point", point, str)
    parameters.check("dataset", dataset, str)
    for name, value in (("seed", seed), ("epochs", epochs), ("threads", threads)):
        parameters.check(name, value, int, minimum=0)
    parameters.check("results", results, str)
    parameters.check("data_dir", data_dir, str)
    chosen = experiments.point(point)
    dataset = datasets.canonical_name(dataset)
    recipe = recipe_of(chosen, dataset)
    if epochs:
        recipe = dataclasses.replace(
            recipe, epochs=epochs, warmup_epochs=min(recipe.warmup_epochs, epochs / 5)
        )
    if threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    return Run(chosen, dataset, seed, recipe, Path(results), data_dir or None)


@dataclasses.dataclass
class Run:
    """A run in progress; each method is one step of the notebook.

    Attributes:
        point: the experiment.
        dataset_name: the dataset.
        seed: of everything random.
        recipe: every choice of the run.
        results: folder of the records.
        data_dir: folder of the datasets, None for the default.
    """

    point: experiments.Point
    dataset_name: str
    seed: int
    recipe: recipes.Recipe
    results: Path
    data_dir: str | None = None

    def __post_init__(self):
        """Start the clock."""
        self._started = datetime.datetime.now(datetime.UTC)
        self._seconds = {}
        self._model = self._history = None

    def recipe_table(self) -> pd.DataFrame:
        """Compare the recipe with the paper's for this point."""
        paper = recipe_of(self.point, "kinetics-400")
        changed = recipes.difference(paper, self.recipe)
        rows = {
            name: (
                value,
                getattr(self.recipe, name),
                "changed" if name in changed else "",
            )
            for name, value in dataclasses.asdict(paper).items()
        }
        return pd.DataFrame.from_dict(
            rows, orient="index", columns=["paper", "this run", ""]
        )

    def load_data(self) -> datasets.Dataset:
        """Load the dataset, preparing it if it is one that is made here."""
        if self.dataset_name.startswith("pantomime"):
            return datasets.prepare(self.dataset_name, self.data_dir)
        return datasets.load(self.dataset_name, self.data_dir)

    def sample_clips(self, dataset: datasets.Dataset):
        """Draw some training clips as the network sees them."""
        from r3d_rs.study import pictures

        return pictures.sample_clips(dataset, self.recipe, self.seed)

    def train(self, dataset: datasets.Dataset) -> pd.DataFrame:
        """Train and return the history, one row an epoch."""
        from r3d_rs.training.fit import fit

        start = time.perf_counter()
        self._model, self._history = fit(dataset, self.recipe, seed=self.seed)
        self._seconds["training"] = time.perf_counter() - start
        return pd.DataFrame(self._history).set_index("epoch")

    def curves(self, history: pd.DataFrame):
        """Draw loss, accuracy and learning rate over the epochs."""
        from r3d_rs.study import pictures

        return pictures.learning_curves(history)

    def evaluate(self, dataset: datasets.Dataset):
        """Predict every test video over the recipe's views."""
        from r3d_rs.evaluation.multiview import evaluate

        start = time.perf_counter()
        evaluation = evaluate(self._model, dataset, self.recipe)
        self._seconds["evaluation"] = time.perf_counter() - start
        return evaluation

    def summary(self, evaluation) -> pd.DataFrame:
        """Show the accuracies in per cent, with top-1's 95 % interval over videos."""
        metrics = evaluation.metrics()
        low, high = metrics["video_top1_interval"]
        rows = [
            (
                "video top-1 (%)",
                metrics["video_top1"],
                f"{100 * low:.1f} to {100 * high:.1f}",
            ),
            ("video top-5 (%)", metrics["video_top5"], ""),
            ("clip top-1 (%)", metrics["clip_top1"], ""),
        ]
        return pd.DataFrame(
            [(name, f"{100 * value:.1f}", interval) for name, value, interval in rows],
            columns=["", "accuracy", "95 % interval"],
        ).set_index("")

    def example_predictions(self, dataset: datasets.Dataset, evaluation):
        """Draw a few test videos with the classes found most probable."""
        from r3d_rs.study import pictures

        return pictures.example_predictions(dataset, self.recipe, evaluation)

    def write_record(self, evaluation) -> Path:
        """Write the per-video scores and, last, the record."""
        import keras

        from r3d_rs.models import complexity
        from r3d_rs.training.fit import build_model

        counted = complexity(
            build_model(
                self.recipe,
                evaluation.probabilities.shape[1],
                size=self.recipe.eval_size,
            )
        )
        total = datetime.datetime.now(datetime.UTC) - self._started
        return record.write(
            {
                "schema": 1,
                "experiment": {
                    "dataset": self.dataset_name,
                    "study": "scaling",
                    "point": self.point.name,
                    "seed": self.seed,
                },
                "recipe": recipes.as_dict(self.recipe),
                "recipe_hash": recipes.recipe_hash(self.recipe),
                "parameters": counted.params,
                "gmacs": counted.gmacs,
                "metrics": evaluation.metrics(),
                "history": self._history,
                "wall_seconds": {**self._seconds, "total": total.total_seconds()},
                "device": device(),
                "backend": keras.backend.backend(),
                "versions": {name: metadata.version(name) for name in PACKAGES}
                | {"python": platform.python_version()},
                "commit": commit(),
                "evaluated_ids_sha256": evaluation.ids_sha256(),
                "started": self._started.isoformat(timespec="seconds"),
            },
            self.results,
            scores={
                "ids": evaluation.ids,
                "labels": evaluation.labels.astype(np.int16),
                "probabilities": evaluation.probabilities.astype(np.float16),
            },
        )


def device() -> str:
    """Name the processor and the cores this run may use."""
    name = platform.processor() or platform.machine()
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return f"{name}, {cores} cores"


def commit() -> str:
    """Return the commit of the code, with "+changes" where files differ from it."""
    folder = Path(__file__).parent

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", folder, *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", folder)
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
