"""The training loop: a run may stop at any moment, and resumes after its last epoch."""

import contextlib
import dataclasses
import importlib.util
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import pandas as pd
import tensorflow as tf

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.recipes.recipe import Recipe, as_dict, recipe_hash
from r3d_rs.training import devices, memory
from r3d_rs.training.checkpoints import Checkpoints, State, is_finite
from r3d_rs.training.devices import Devices


class NotFiniteError(RuntimeError):
    """The training loss or a weight is not a finite number."""


@dataclasses.dataclass(frozen=True)
class History:
    """Measurements of a training run.

    Attributes:
        metrics: one value per epoch, by the metric's name; "epoch" counts from 1.
        seconds: time that all epochs took, over all restarts of the run.
        seconds_before: part of `seconds` spent in earlier processes.
    """

    metrics: dict[str, list[float]]
    seconds: float
    seconds_before: float = 0.0

    def table(self) -> pd.DataFrame:
        """Return the metrics, one row per epoch."""
        return pd.DataFrame(self.metrics).set_index("epoch")

    def _repr_html_(self) -> str:
        return self.table().to_html()


class _Epochs(keras.callbacks.Callback):
    """Keep the history, check that numbers are finite, and save each epoch's state.

    Args:
        checkpoints: checkpoints of the run; None for none.
        lines: number of epochs, to print a line after each; 0 to print nothing.
    """

    def __init__(self, checkpoints: Checkpoints | None, lines: int = 0):
        super().__init__()
        self.history = {"epoch": []}
        self._checkpoints = checkpoints
        self._before, self._start = 0.0, time.perf_counter()
        self._lines, self._steady = lines, None

    def restore(self, model: keras.Model, computing: Devices) -> int:
        """Restore a model to its run's last state; return the number of epochs done."""
        state = self._checkpoints and self._checkpoints.last()
        if not state:
            return 0
        variables = _variables(model)
        own = [tuple(variable.shape) for variable in variables]
        if own != [value.shape for value in state.arrays]:
            raise ValueError(
                f"{self._checkpoints.folder}: its checkpoints have"
                f" {len(state.arrays)} variables, which are not the {len(own)} of this"
                f" run on {computing.count} devices; continue on the devices that it"
                " began on, or remove the folder to start over"
            )
        self.history, self._before = state.history, state.seconds
        self._checkpoints.write_log(state.history)  # a kill may have prevented it
        for variable, value in zip(variables, state.arrays, strict=True):
            variable.assign(value)
        return state.epoch

    def measured(self) -> History:
        """Return the measurements so far."""
        seconds = self._before + time.perf_counter() - self._start
        return History(self.history, seconds, self._before)

    def _print(self, epoch: int, logs: dict) -> None:
        """Print a line for an epoch (from 0), with an estimate of the time left."""
        shown = [
            f"{name} {value:.1%}" if name == "accuracy" else f"{name} {value:.3f}"
            for name, value in logs.items()
            if name != "learning_rate"
        ]
        now = time.perf_counter()
        first, began = self._steady or (epoch - 1, self._start)
        left = (self._lines - epoch - 1) * (now - began) / (epoch - first)
        rest = f"; about {duration(left)} left" if epoch + 1 < self._lines else ""
        print(
            f"epoch {epoch + 1} of {self._lines}: {', '.join(shown)}{rest}", flush=True
        )
        # The first epoch includes the compilation of the step.
        self._steady = self._steady or (epoch, now)

    def _check_finite(self, epoch: int, variables: list, values: list) -> None:
        """Check the variables: the epoch's loss does not reflect its last step."""
        broken = [
            variable.path
            for variable, value in zip(variables, values, strict=True)
            if not is_finite(value)
        ]
        if broken:
            before = self._checkpoints and epoch
            kept = (
                f"; {self._checkpoints.folder} keeps the state before" if before else ""
            )
            raise NotFiniteError(
                f"after epoch {epoch + 1}, {len(broken)} variables are not finite,"
                f" {broken[0]} among them; allowed are finite numbers: lower the"
                f" recipe's learning_rate or set clip_norm{kept}"
            )

    def on_epoch_end(self, epoch, logs=None):
        loss = logs["loss"]
        if not math.isfinite(loss):
            raise NotFiniteError(
                f"the training loss of epoch {epoch + 1} is {loss}; allowed is a finite"
                " number: lower the recipe's learning_rate or set clip_norm"
            )
        variables = _variables(self.model)
        values = [keras.ops.convert_to_numpy(variable) for variable in variables]
        self._check_finite(epoch, variables, values)
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.history["epoch"].append(epoch + 1)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if self._checkpoints:
            seconds = self.measured().seconds
            self._checkpoints.save(State(epoch + 1, self.history, values, seconds))
        if self._lines:
            self._print(epoch, logs)


def duration(seconds: float) -> str:
    """Return a duration as text, in the largest unit that fits at least twice."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _naming_shortage(recipe: Recipe) -> contextlib.AbstractContextManager:
    more = "with more micro_batches (pairs of views have 1)"
    remedy = (
        "set the parameter rematerialize and continue this run, or start it again"
        f" {more}"
        if keras.backend.backend() == "jax"
        else f"start the run again {more} on one device, or on JAX, with"
        " KERAS_BACKEND=jax and the parameter rematerialize"
    )
    return memory.naming_shortage(
        f"training on batches of {recipe.batch_size}, in parts of"
        f" {recipe.batch_size // recipe.micro_batches},",
        remedy,
    )


def _variables(model: keras.Model) -> list:
    """List what a step changes: weights, statistics, averages, seeds and optimizer."""
    return [*model.variables, *model.optimizer.variables]


def jit_compile() -> bool:
    """Return whether XLA compiles the steps, which it does only on JAX.

    On TensorFlow, XLA doubles the time to the first step, and later steps are no faster
    on a CPU.
    """
    return keras.backend.backend() == "jax"


def steps_per_epoch(dataset: Dataset, recipe: Recipe, computing: Devices) -> int:
    """Return the number of whole batches in the training split.

    Raises:
        ValueError: if there are none, or if devices and micro-batches do not divide a
            batch.
    """
    computing.check(recipe.batch_size, recipe.micro_batches)
    videos = dataset.num_videos("train")
    if videos < recipe.batch_size:
        raise ValueError(
            f"batch_size is {recipe.batch_size}, but the training split of"
            f" {dataset.name} has {videos} videos; allowed is at most that"
        )
    return videos // recipe.batch_size


def fingerprint(
    dataset: Dataset, recipe: Recipe, seed: int, parent: str = "", scale: int = 1
) -> dict:
    """Return what must stay the same for a run to resume; arguments as in `train`."""
    recipe = dataclasses.replace(recipe, rematerialize=False)  # changes no number
    run = {
        "dataset": dataset.name,
        "videos": dataset.num_videos("train"),
        "classes": list(dataset.classes),
        "short_side": dataset.kind.short_side,
        "seed": seed,
        "recipe": as_dict(recipe),
        "recipe_hash": recipe_hash(recipe),
        "backend": keras.backend.backend(),
    }
    if parent:
        run["parent"] = parent
    if scale != 1:
        run["scale"] = scale
    return run


def train(
    model: keras.Model,
    batches: Callable[[int, tuple[int, int]], tf.data.Dataset],
    dataset: Dataset,
    recipe: Recipe,
    computing: Devices,
    *,
    seed: int,
    parent: str = "",
    scale: int = 1,
    folder: str | Path | None = None,
    verbose: int | None = None,
    tensorboard: str | Path | None = None,
) -> History:
    """Train a compiled model on a dataset's training split for the recipe's epochs.

    Args:
        model: compiled model, created in the scope of `computing`.
        batches: function that returns endless training batches. Its arguments are the
            first epoch, from 0, and the part of each batch, as in
            `pipeline.training_clips`.
        dataset: a prepared dataset.
        recipe: gives batch size, epochs and steps.
        computing: the devices.
        seed: seed of the run, which is part of its description.
        parent: identifies the weights that the run starts from; "" for random ones.
        scale: factor of the loss; the number of devices if losses are summed over them.
        folder: folder for a checkpoint after each epoch, from which a stopped run
            resumes; None for none.
        verbose: 1 for a progress bar, 2 for a line per epoch; None for a bar on a
            terminal and lines elsewhere.
        tensorboard: folder for TensorBoard's logs; None or "" for none.

    Returns:
        The model's metrics for each epoch, and the learning rate at its end.

    Raises:
        NotFiniteError: if an epoch's loss, or a weight after it, is not finite. The
            state before that epoch is kept.
        ValueError: if a record is broken, naming it, or if `folder` has another run's
            checkpoints, naming the differences. On TensorFlow, also if they are of one
            device and there are several, or the reverse, because optimizers differ.
        RunningError: if another process trains in `folder`.
        MemoryError: if a step takes more memory than there is.
        ModuleNotFoundError: if TensorBoard's logs are requested without its package.
        NotImplementedError: on TensorFlow, if blocks should be rematerialized, or if
            several devices should use micro-batches.
    """
    divided = recipe.micro_batches > 1 and computing.count > 1
    for name, wanted in (
        ("rematerialize", recipe.rematerialize),
        ("micro_batches on several devices", divided),
    ):
        if wanted and keras.backend.backend() != "jax":
            raise NotImplementedError(
                f"{name}: Keras is on {keras.backend.backend()!r}; allowed is 'jax',"
                " with KERAS_BACKEND=jax"
            )
    steps = steps_per_epoch(dataset, recipe, computing)
    epochs = math.ceil(recipe.steps / steps) if recipe.steps else recipe.epochs
    rest = recipe.steps % steps if recipe.steps else 0
    if verbose is None:
        verbose = 1 if sys.stdout.isatty() else 2
    run = fingerprint(dataset, recipe, seed, parent, scale)
    with computing.scope():
        # Build now: TensorFlow would trace a step twice if it creates variables.
        model.optimizer.build(model.trainable_variables)
    with contextlib.ExitStack() as stack:
        checkpoints = folder and stack.enter_context(
            Checkpoints(folder, run, computing.process == 0)
        )
        # Keras' own lines do not show the time left.
        kept = _Epochs(checkpoints, epochs if verbose == 2 else 0)
        done = kept.restore(model, computing)
        devices.same_everywhere("epochs done", done)
        callbacks = [kept]
        if tensorboard:
            if not importlib.util.find_spec("tensorboard"):
                raise ModuleNotFoundError(
                    "TensorBoard's logs need the package tensorboard: pip install"
                    " tensorboard"
                )
            callbacks.append(keras.callbacks.TensorBoard(str(tensorboard)))
        stack.enter_context(_naming_shortage(recipe))
        stack.enter_context(pipeline.naming_broken_records(dataset, "train"))
        # Keras' epochs are equally long, so a shorter last one needs its own call.
        whole = epochs - 1 if rest else epochs
        for last, length in ((whole, steps), (epochs, rest)):
            if done < last:
                model.fit(
                    batches(done, (computing.process, computing.processes)),
                    initial_epoch=done,
                    epochs=last,
                    steps_per_epoch=length * recipe.micro_batches,
                    shuffle=False,  # the pipeline shuffles
                    verbose=0 if verbose == 2 else verbose,
                    callbacks=callbacks,
                )
                done = last
    return kept.measured()
