"""Runs: parameters that are checked first, the setup of the process, and the record.

A notebook takes four steps: `check` its parameters, `setup` the process, build, fit and
evaluate a network, and `write_record`.
"""

import dataclasses
import datetime
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from r3d_rs import backend
from r3d_rs.data import names
from r3d_rs.experiments import parameters, provenance, record, registry
from r3d_rs.paths import local_path, study_path
from r3d_rs.recipes import finetune, points, table2
from r3d_rs.recipes import recipe as recipes

#: Parameters that name a folder, or may name one as a backbone does.
FOLDERS = (
    *("results", "checkpoints", "data_dir", "tensorboard"),
    *("parent", "backbone", "network"),
)


#: Parameters of `finetune.ipynb` that fit the recipe, with their types. With 0,
#: `recipes.finetune.of_size` chooses the value.
FITTING = {"batch_size": int, "learning_rate": float, "frames": int, "size": int}

#: Smallest crop, pixels, as at the tiny scale.
SMALLEST = 16

#: Largest seed that NumPy's generator takes.
LARGEST_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class Options:
    """Where and how a run is made; its experiment says what it computes.

    Args:
        results: folder of the records: "runs" for your own, "results" for those that
            the study publishes.
        checkpoints: folder of the runs' states and trained networks.
        data_dir: folder of the datasets; "" for the environment variable R3D_RS_DATA
            or, without it, the user's cache folder.
        scale: scale of the recipe, a name in `scales.SCALES`; "" for the dataset's own.
        epochs: epochs of training; 0 for the recipe's.
        linear_epochs: epochs of linear evaluation after contrastive pre-training; 0 for
            the recipe's.
        threads: threads of TensorFlow; 0 for one per core.
        micro_batches: micro-batches per batch; 0 for a number known to fit the devices,
            or 1 with `rematerialize`.
        rematerialize: whether to keep only the input of each block.
        tensorboard: folder for TensorBoard's logs; "" for none. It needs the package
            `tensorboard`.
    """

    results: str = record.OWN
    checkpoints: str = "build/checkpoints"
    data_dir: str = ""
    scale: str = ""
    epochs: int = 0
    linear_epochs: int = 0
    threads: int = 0
    micro_batches: int = 0
    rematerialize: bool = False
    tensorboard: str = ""

    def __post_init__(self):
        """Check the types and resolve the folders; a ValueError names a wrong field."""
        for field in dataclasses.fields(self):
            minimum = 0 if field.type is int else None
            value = getattr(self, field.name)
            parameters.check(field.name, value, field.type, minimum=minimum)
            if field.name in FOLDERS and value:
                object.__setattr__(self, field.name, str(study_path(field.name, value)))
        names.data_directory(self.data_dir)  # checks R3D_RS_DATA too


@dataclasses.dataclass(frozen=True)
class Run:
    """A requested run.

    Attributes:
        experiment: what is computed.
        dataset: a name in `names.DATASETS`, or a dataset of your own.
        seed: seeds weights, order and crops.
        options: where and how it is made.
        recipe: every choice of the run.
        pretraining: recipe of the contrastive pre-training before it; None without one.
        parent: network to fine-tune: the folder of its run, or its published name; ""
            for none.
        started: time of the request.
    """

    experiment: registry.Experiment
    dataset: str
    seed: int
    options: Options
    recipe: recipes.Recipe
    pretraining: recipes.Recipe | None = None
    parent: str = ""
    started: datetime.datetime = dataclasses.field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC)
    )

    @property
    def paper(self) -> recipes.Recipe:
        """Recipe of the same experiment on Kinetics-400.

        For a trained network that is fine-tuned, it is the paper's recipe of its model.
        """
        if self.experiment.notebook == "finetune" and self.parent:
            return table2.of_model(self.recipe.model)
        return self.experiment.recipe("kinetics-400")

    @property
    def folder(self) -> Path:
        """Folder of the run's checkpoints and its trained network."""
        return record.place(self.options.checkpoints, **self.place)

    @property
    def pretraining_folder(self) -> Path:
        """Folder of the contrastive pre-training before it."""
        own = self.place | {"study": points.PRETRAINING}
        return record.place(self.options.checkpoints, **own)

    @property
    def place(self) -> dict:
        """The record's "experiment": dataset, study, point and seed."""
        return {
            "dataset": self.dataset,
            "study": self.experiment.study,
            "point": self.experiment.point,
            "seed": self.seed,
        }

    @property
    def target(self) -> Path:
        """File of the record."""
        return record.path(self.options.results, **self.place)


def check(notebook: str, received: Mapping[str, object]) -> Run:
    """Check the parameters of a run, before anything computes.

    Every notebook takes dataset, seed, its parameters in `registry.OWN` and the fields
    of `Options`. Only "contrastive" takes `linear_epochs`, only "pretraining" takes
    `parent`, and only "finetune" takes the parameters in `FITTING`.

    Args:
        notebook: "scaling", "ablation", "pretraining", "contrastive" or "finetune".
        received: its parameters by name, or the notebook's `globals()` before it
            defines anything of its own.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed, or
            a backend of Keras that is not supported.
        FileNotFoundError: naming a network to fine-tune, or its dataset, that is
            missing.
    """
    backend.name()
    own = registry.OWN[notebook]
    further = [field.name for field in dataclasses.fields(Options)]
    if notebook != "contrastive":
        further.remove("linear_epochs")
    also = ("parent",) if notebook == "pretraining" else ()
    fitting = FITTING if notebook == "finetune" else {}
    known = (*own, *also, "dataset", "seed", *further, *fitting)
    parameters.reject_unknown(received, known)
    given = {name: received.get(name, "") for name in (*own, *also, "dataset")}
    for name, value in given.items():
        parameters.check(name, value, str)
        if name in FOLDERS:
            local_path(name, value)
    seed = received.get("seed", 0)
    parameters.check("seed", seed, int, minimum=0, maximum=LARGEST_SEED)
    options = Options(**{name: received[name] for name in further if name in received})
    experiment = registry.of_parameters(notebook, {name: given[name] for name in own})
    dataset = names.canonical_name(given["dataset"], options.data_dir)
    tuned = given.get("network", "") if experiment.point.startswith("from-") else ""
    if tuned and options.scale:
        raise ValueError(
            f"parameter scale: received {options.scale!r} with the network {tuned!r};"
            " allowed is '', as a trained network keeps the scale it was trained at"
        )
    recipe = experiment.recipe(dataset, options.scale)
    pretraining, epochs = None, options.epochs
    if notebook == "contrastive":
        pretraining = experiment.parent_recipe(dataset, options.scale)
        if pretraining and options.epochs:
            pretraining = recipes.with_epochs(pretraining, options.epochs)
        epochs = options.linear_epochs
    if notebook == "finetune":
        fitted = {
            name: parameters.check(name, received.get(name, kind()), kind, minimum=0)
            for name, kind in fitting.items()
        }
        if 0 < fitted["size"] < SMALLEST:
            raise ValueError(
                f"parameter size: received {fitted['size']}, allowed are 0, which"
                f" takes the recipe's, and {SMALLEST} or more"
            )
        videos = _training_videos(dataset, options.data_dir)
        recipe = finetune.of_size(
            recipe, videos, tuned=bool(tuned), epochs=epochs, **fitted
        )
    elif epochs:
        recipe = recipes.with_epochs(recipe, epochs)
    parent, stage = given.get("parent", ""), given.get("stage", "")
    if (stage == "fine-tune") != bool(parent):
        raise ValueError(
            f"parameter parent: received {parent!r} with stage {stage!r};"
            " allowed is the folder of a finished run with fine-tune, '' with the"
            " other stages"
        )
    return Run(
        *(experiment, dataset, seed, options),
        *(recipe, pretraining, parent or tuned),
    )


def _training_videos(dataset: str, data_dir: str) -> int:
    """Return a dataset's number of training videos."""
    if names.source(dataset) == "rendered":
        from r3d_rs.pantomime import SETS

        return SETS[dataset].count("train")
    from r3d_rs.data import datasets

    return datasets.load(dataset, data_dir or None).num_videos("train")


def setup(run: Run) -> Run:
    """Set up the process for a run, before anything computes.

    Join the processes of a JAX run, set TensorFlow's threads, keep the programs that
    XLA compiles, and silence TensorFlow's log in notebooks.

    Returns:
        The run, with its batches divided to fit the devices.
    """
    from r3d_rs.experiments import executed
    from r3d_rs.tpu import plan
    from r3d_rs.training import compilation_cache, devices

    executed.quiet()
    devices.connect()
    options = run.options
    if options.threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    compilation_cache.enable(options.data_dir)
    found = devices.accelerators()
    scale = options.scale or names.scale(run.dataset)
    if not found[1] and scale == "paper":
        warnings.warn(
            f"{run.dataset}, at the paper's scale, on a CPU: the package of JAX or"
            " TensorFlow for GPUs or TPUs is missing, or KERAS_BACKEND names the other"
            " backend",
            stacklevel=2,
        )

    def divided(recipe, micro_batches: int):
        again = options.rematerialize
        if not (micro_batches or again):
            return plan.fitted(recipe, *found, devices.gpu_memory())
        return dataclasses.replace(
            recipe, micro_batches=micro_batches or 1, rematerialize=again
        )

    recipe = divided(run.recipe, options.micro_batches)
    # Pairs of views are not divided.
    pretraining = run.pretraining and divided(run.pretraining, 0)
    return dataclasses.replace(run, recipe=recipe, pretraining=pretraining)


def load_data(run: Run):
    """Load the run's dataset; prepare it first if it is rendered.

    Raises:
        FileNotFoundError: if it is not rendered and has not been prepared.
        ValueError: as `Dataset.check_reported` does.
    """
    from r3d_rs.data import datasets
    from r3d_rs.preparation import preparation

    rendered = names.source(run.dataset) == "rendered"
    load = preparation.prepare if rendered else datasets.load
    dataset = load(run.dataset, run.options.data_dir or None)
    dataset.check_reported(dataset.evaluated)
    return dataset


def write_record(run: Run, history, evaluation, parent=None) -> Path:
    """Write the per-video scores and, last, the record.

    The checkpoints are then removed, so the same run trains from its start next time.
    Of several processes only the first writes.

    Args:
        run: the finished run.
        history: history from `fit`.
        evaluation: evaluation from `evaluate`.
        parent: the `parents.Parent` that the run started from; None without one.

    Returns:
        The record's file.

    Raises:
        ValueError: as `parents.check_place` does.
    """
    import keras

    from r3d_rs.experiments import parents
    from r3d_rs.models import complexity
    from r3d_rs.training import checkpoints, devices
    from r3d_rs.training.fit import build_model

    if not devices.is_first():
        return run.target
    if parent:
        parents.check_place(run, parent)
    classes = evaluation.probabilities.shape[1]
    with devices.alone():
        counted = complexity(
            build_model(run.recipe, classes, size=run.recipe.eval_size)
        )
    now = datetime.datetime.now(datetime.UTC)
    before = history.seconds_before + (parent.seconds_before if parent else 0.0)
    path = record.write(
        {
            "schema": record.VERSION,
            "experiment": run.place,
            "recipe": recipes.as_dict(run.recipe),
            "recipe_hash": recipes.recipe_hash(run.recipe),
            "parameters": counted.params,
            "gmacs": counted.gmacs,
            "metrics": evaluation.metrics(),
            "history": history.metrics,
            "wall_seconds": {
                "training": history.seconds,
                "evaluation": evaluation.seconds,
                "total": before + (now - run.started).total_seconds(),
            },
            "device": provenance.device(),
            "backend": keras.backend.backend(),
            "versions": provenance.versions(),
            "commit": provenance.commit(),
            "evaluated_ids_sha256": evaluation.ids_sha256(),
            "started": run.started.isoformat(timespec="seconds"),
        }
        | ({"parent": parent.about} if parent else {}),
        run.options.results,
        scores={
            "ids": evaluation.ids,
            "labels": evaluation.labels.astype(np.int16),
            "probabilities": evaluation.probabilities.astype(np.float16),
        },
    )
    checkpoints.remove(run.folder)
    if run.pretraining:
        checkpoints.remove(run.pretraining_folder)
    # A kept notebook drops stderr, so it does not publish this machine's folders.
    print(f"record: {path.absolute()}", file=sys.stderr)
    return path
