"""One run: a point of the study trained and evaluated, step by step."""

import dataclasses
import datetime
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.data import datasets, preparation
from r3d_rs.experiments import executed, parameters, provenance, record
from r3d_rs.experiments.parents import Parent
from r3d_rs.files import whole_file
from r3d_rs.recipes import points, scales, table2
from r3d_rs.recipes import recipe as recipes
from r3d_rs.training import checkpoints


def scaling(*, point: str, dataset: str, seed: int, **options) -> "Run":
    """Check the parameters of a run of the scaling study (Fig. 2).

    Args:
        point: a name in `points.SCALING`.
        dataset: a name in `datasets.DATASETS`.
        seed: of everything random, from 0.
        **options: as `checked` has them.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
    """
    parameters.check("point", point, str)
    chosen = points.point(point)
    return checked(
        "scaling",
        point,
        dataset,
        seed,
        lambda name: scales.of_point(chosen, name),
        **options,
    )


def ablation(
    *, row: str, dataset: str, seed: int, toggles: str = "", **options
) -> "Run":
    """Check the parameters of a run of the ablation study (Table 2).

    Args:
        row: "baseline" or a name in `table2.TABLE_2`: the paper's additive rows.
        dataset: a name in `datasets.DATASETS`.
        seed: of everything random, from 0.
        toggles: names of changes to the baseline instead, such as "LS,SE"; "" for the
            row.
        **options: as `checked` has them.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed.
    """
    parameters.check("row", row, str)
    parameters.check("toggles", toggles, str)
    names = [name.strip() for name in toggles.split(",") if name.strip()]
    paper = table2.toggled(*names) if names else table2.row(row)
    return checked(
        "ablation",
        "+".join(["baseline", *names]) if names else row,
        dataset,
        seed,
        lambda name: scales.at_scale(paper, name),
        **options,
    )


def checked(
    study: str,
    point: str,
    dataset: str,
    seed: int,
    recipe,
    *,
    results: str = record.OWN,
    checkpoints: str = "build/checkpoints",
    data_dir: str = "",
    epochs: int = 0,
    threads: int = 0,
    micro_batches: int = 0,
    rematerialize: bool = False,
    tensorboard: str = "",
) -> "Run":
    """Check what the runs of all studies have in common.

    Args:
        study: name of the study.
        point: name of the run's row or point.
        dataset: a name in `datasets.DATASETS`.
        seed: of everything random, from 0.
        recipe: a function from a dataset's name to the recipe.
        results: folder of the records: "runs" for your own, "results" for those that
            the study publishes.
        checkpoints: folder of the runs' states and trained networks.
        data_dir: folder of the datasets; "" for the environment variable R3D_RS_DATA
            or, without it, the cache folder of the user.
        epochs: of training; 0 for the recipe's.
        threads: of TensorFlow; 0 for one per core.
        micro_batches: of a batch; 0 for what is known to fit the devices.
        rematerialize: keep nothing of a block but its input.
        tensorboard: folder for TensorBoard's logs, which needs its package; "" for
            none.
    """
    executed.quiet()
    from r3d_rs.tpu import plan
    from r3d_rs.training import compiled, devices

    devices.connect()  # before anything is computed
    parameters.check("dataset", dataset, str)
    for name, value in (
        ("seed", seed),
        ("epochs", epochs),
        ("threads", threads),
        ("micro_batches", micro_batches),
    ):
        parameters.check(name, value, int, minimum=0)
    parameters.check("rematerialize", rematerialize, bool)
    for name, value in (
        ("results", results),
        ("checkpoints", checkpoints),
        ("data_dir", data_dir),
        ("tensorboard", tensorboard),
    ):
        parameters.check(name, value, str)
    dataset = datasets.canonical_name(dataset)
    chosen = recipe(dataset)
    if epochs:
        chosen = recipes.with_epochs(chosen, epochs)
    if threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    compiled.keep(data_dir)
    kind, count = devices.accelerators()
    if not kind and not dataset.startswith("pantomime"):
        warnings.warn(
            f"{dataset}, at the paper's scale, on a CPU: JAX' or TensorFlow's package"
            " for GPUs or TPUs is missing, or KERAS_BACKEND names the other",
            stacklevel=2,
        )
    chosen = plan.divided(chosen, kind, count, micro_batches, rematerialize)
    folder = record.place(checkpoints, dataset, study, point, seed)
    return Run(
        study,
        point,
        dataset,
        seed,
        recipe("kinetics-400"),
        chosen,
        Path(results),
        folder,
        data_dir or None,
        tensorboard or None,
    )


def recipe_table(paper: recipes.Recipe, recipe: recipes.Recipe) -> pd.DataFrame:
    """Compare every field of a run's recipe with the paper's."""
    changed = recipes.difference(paper, recipe)
    rows = {
        name: (value, getattr(recipe, name), "changed" if name in changed else "")
        for name, value in dataclasses.asdict(paper).items()
    }
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["paper", "this run", ""]
    )


def keep_network(model, folder: Path) -> Path:
    """Write a trained network as `model.keras`, in one piece.

    Of several processes only the first does.
    """
    from r3d_rs.training import devices

    path = folder / "model.keras"
    if not devices.is_first():
        return path
    # Keras makes an optimizer to compare with.
    with whole_file(path) as part, devices.alone():
        # Keras wants its own ending: another name of the same file.
        saved = part.with_name(f"{part.name}.keras")
        saved.unlink(missing_ok=True)
        saved.symlink_to(part.name)
        try:
            model.save(saved, include_optimizer=False)
        finally:
            saved.unlink()
    return path


@dataclasses.dataclass
class Run:
    """A run in progress; each method is one step of the notebook.

    Attributes:
        study: "scaling", "ablation", a stage of pre-training, "contrastive" or
            "linear-evaluation".
        point: name of the point or row, of toggles, or of a point and its backbone.
        dataset_name: the dataset.
        seed: of everything random.
        paper: the recipe on Kinetics.
        recipe: every choice of the run.
        results: folder of the records.
        folder: of the run's checkpoints and its trained network.
        data_dir: folder of the datasets, None for the default.
        tensorboard: folder for TensorBoard's logs, None for none.
        parent: what the run starts from, None for random weights.
    """

    study: str
    point: str
    dataset_name: str
    seed: int
    paper: recipes.Recipe
    recipe: recipes.Recipe
    results: Path
    folder: Path
    data_dir: str | None = None
    tensorboard: str | None = None
    parent: Parent | None = None

    def __post_init__(self):
        """Start the clock."""
        self._started = datetime.datetime.now(datetime.UTC)
        self._seconds, self._before = {}, {}
        self._model = self._history = None

    def seconds_before(self, folder: Path) -> float:
        """Return how long the epochs in a folder took that are done.

        Those from before this process are part of the run's time.
        """
        seconds = checkpoints.seconds(folder)
        self._before.setdefault(folder, seconds)
        return seconds

    def recipe_table(self) -> pd.DataFrame:
        """Compare the recipe with the paper's for this point."""
        return recipe_table(self.paper, self.recipe)

    def transfer_table(self) -> pd.DataFrame:
        """Say how many variables the run has from its parent, and which are new."""
        if not self.parent:
            return pd.DataFrame({"variables": {"new, random": "all"}})
        about = self.parent.about
        rows = {
            f"from {about['name']}": str(about["transferred"]),
            "new, random": ", ".join(about["new"]),
        }
        return pd.DataFrame({"variables": rows})

    def load_data(self) -> datasets.Dataset:
        """Load the dataset, preparing it if it is one that is made here.

        Raises:
            ValueError: as `Dataset.check_reported` does.
        """
        if self.dataset_name.startswith("pantomime"):
            dataset = preparation.prepare(self.dataset_name, self.data_dir)
        else:
            dataset = datasets.load(self.dataset_name, self.data_dir)
        dataset.check_reported(dataset.evaluated)
        return dataset

    def sample_clips(self, dataset: datasets.Dataset):
        """Draw some training clips as the network sees them."""
        from r3d_rs.experiments import pictures

        return pictures.sample_clips(dataset, self.recipe, self.seed)

    def train(self, dataset: datasets.Dataset) -> pd.DataFrame:
        """Train and return the history, one row an epoch.

        A run that was stopped goes on after its last epoch; the trained network is kept
        as `model.keras` in the run's folder.
        """
        from r3d_rs.training.fit import fit

        start = time.perf_counter() - self.seconds_before(self.folder)
        self._model, self._history = fit(
            dataset,
            self.recipe,
            seed=self.seed,
            start=self.parent and self.parent.weights,
            folder=self.folder,
            tensorboard=self.tensorboard,
        )
        self._seconds["training"] = time.perf_counter() - start
        keep_network(self._model, self.folder)
        return pd.DataFrame(self._history).set_index("epoch")

    def curves(self, history: pd.DataFrame):
        """Draw loss, accuracy and learning rate over the epochs."""
        from r3d_rs.experiments import pictures

        return pictures.learning_curves(history)

    def evaluate(self, dataset: datasets.Dataset):
        """Predict every evaluated video over the recipe's views."""
        from r3d_rs.evaluation.multiview import evaluate

        start = time.perf_counter()
        evaluation = evaluate(self._model, dataset, self.recipe, progress=True)
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
        """Draw a few evaluated videos with the classes found most probable."""
        from r3d_rs.experiments import pictures

        return pictures.example_predictions(dataset, self.recipe, evaluation)

    def write_record(self, evaluation) -> Path:
        """Write the per-video scores and, last, the record.

        The checkpoints go then, so that the same run again trains anew. Of several
        processes only the first writes.
        """
        import keras

        from r3d_rs.models import complexity
        from r3d_rs.training import devices
        from r3d_rs.training.fit import build_model

        place = (self.dataset_name, self.study, self.point, self.seed)
        if not devices.is_first():
            return record.path(self.results, *place)
        with devices.alone():
            counted = complexity(
                build_model(
                    self.recipe,
                    evaluation.probabilities.shape[1],
                    size=self.recipe.eval_size,
                )
            )
        total = datetime.datetime.now(datetime.UTC) - self._started
        path = record.write(
            {
                "schema": record.VERSION,
                "experiment": {
                    "dataset": self.dataset_name,
                    "study": self.study,
                    "point": self.point,
                    "seed": self.seed,
                },
                "recipe": recipes.as_dict(self.recipe),
                "recipe_hash": recipes.recipe_hash(self.recipe),
                "parameters": counted.params,
                "gmacs": counted.gmacs,
                "metrics": evaluation.metrics(),
                "history": self._history,
                "wall_seconds": {
                    **self._seconds,
                    "total": sum(self._before.values()) + total.total_seconds(),
                },
                "device": provenance.device(),
                "backend": keras.backend.backend(),
                "versions": provenance.versions(),
                "commit": provenance.commit(),
                "evaluated_ids_sha256": evaluation.ids_sha256(),
                "started": self._started.isoformat(timespec="seconds"),
            }
            | ({"parent": self.parent.about} if self.parent else {}),
            self.results,
            scores={
                "ids": evaluation.ids,
                "labels": evaluation.labels.astype(np.int16),
                "probabilities": evaluation.probabilities.astype(np.float16),
            },
        )
        checkpoints.remove(self.folder)
        return path
