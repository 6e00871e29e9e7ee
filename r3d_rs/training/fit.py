"""Training one model on one dataset by one recipe."""

import contextlib
import sys
from pathlib import Path

import keras
import tensorflow as tf

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.models import build
from r3d_rs.models.layers import BatchNorm
from r3d_rs.training import devices, optimizers
from r3d_rs.training.averaging import Averaging
from r3d_rs.training.checkpoints import Checkpoints, State
from r3d_rs.training.recipe import Recipe, as_dict


class NotFiniteError(RuntimeError):
    """The training loss was not a finite number."""


class _Epochs(keras.callbacks.Callback):
    """Keeps the history, sees that the loss is finite, and saves each epoch's state."""

    def __init__(self, checkpoints: Checkpoints | None):
        super().__init__()
        self.history = {"epoch": []}
        self._checkpoints = checkpoints

    def restore(self, model: keras.Model) -> int:
        """Put a model where its run was, and return how many epochs are done."""
        state = self._checkpoints and self._checkpoints.last()
        if not state:
            return 0
        self.history = state.history
        for variable, value in zip(_variables(model), state.arrays, strict=True):
            variable.assign(value)
        return state.epoch

    def on_epoch_end(self, epoch, logs=None):
        loss = logs["loss"]
        if not loss - loss == 0:
            raise NotFiniteError(
                f"the training loss of epoch {epoch + 1} is {loss}; allowed is a finite"
                " number: lower the recipe's learning_rate or set clip_norm"
            )
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        self.history["epoch"].append(epoch + 1)
        for name, value in logs.items():
            self.history.setdefault(name, []).append(float(value))
        if self._checkpoints:
            values = [keras.ops.convert_to_numpy(v) for v in _variables(self.model)]
            self._checkpoints.save(State(epoch + 1, self.history, values))


def _variables(model: keras.Model) -> list:
    """List all that a step changes: weights, statistics, averages, seeds, optimizer."""
    return [*model.variables, *model.optimizer.variables]


def jit_compile() -> bool:
    """Say whether steps are compiled by XLA.

    On TensorFlow they are not: XLA doubles the time to the first step there, and the
    steps after it are no faster on a CPU.
    """
    return keras.backend.backend() == "jax"


def build_model(recipe: Recipe, num_classes: int, *, size: int) -> keras.Model:
    """Build the recipe's network for frames of `size` pixels."""
    default = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        model = build(
            recipe.model,
            recipe.frames,
            size,
            num_classes,
            width=recipe.width,
            stem=recipe.stem,
            squeeze_excitation=recipe.squeeze_excitation,
            self_gating=recipe.self_gating,
            stochastic_depth=recipe.stochastic_depth,
            dropout=recipe.dropout,
            zero_init_last=recipe.zero_init_last,
        )
    finally:
        keras.config.set_dtype_policy(default)
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, BatchNorm):
            layer.momentum = recipe.bn_momentum
    return model


def fit(
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    folder: str | Path | None = None,
    verbose: int | None = None,
    steps_per_execution: int = 1,
    tensorboard: str | Path | None = None,
    transform=None,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train the recipe's network from scratch, on all devices there are.

    Args:
        dataset: a prepared dataset; its "train" split is used.
        recipe: every choice of the run.
        seed: of the initial weights, the order of the videos, every random crop and
            every dropped residual.
        folder: of this run's checkpoints, one after each epoch, from which it goes on
            where it was stopped; None for none.
        verbose: 1 for a progress bar, 2 for a line an epoch; by default a bar on a
            terminal and lines elsewhere.
        steps_per_execution: steps between two returns to Python.
        tensorboard: folder for TensorBoard's logs; None for none.
        transform: applied to every batch of clips, for probes such as single frames.

    Returns:
        The trained model, with averaged weights if the recipe averages them, and its
        history: loss (with the L2 term), accuracy (on the augmented training clips) and
        learning rate at the end of each epoch.

    Raises:
        NotFiniteError: when the loss of an epoch is not finite.
        ValueError: when the split has fewer videos than a batch, or a broken record,
            naming it; when devices do not divide the batch; or when `folder` has the
            checkpoints of another run, naming the differences.
        RunningError: when another process trains in `folder`.
    """
    computing = devices.find()
    steps = _steps_per_epoch(dataset, recipe, computing)
    keras.utils.set_random_seed(seed)
    with computing.scope():
        network = build_model(recipe, len(dataset.classes), size=recipe.size)
        model = Averaging(network, recipe.ema_decay) if recipe.ema_decay else network
        model.compile(
            optimizers.optimizer(recipe, steps, network),
            keras.losses.CategoricalCrossentropy(
                from_logits=True, label_smoothing=recipe.label_smoothing
            ),
            metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
            jit_compile=jit_compile(),
            steps_per_execution=steps_per_execution,
        )
        model.optimizer.build(model.trainable_variables)
    if verbose is None:
        verbose = 1 if sys.stdout.isatty() else 2
    callbacks = [keras.callbacks.TensorBoard(str(tensorboard))] if tensorboard else []
    with contextlib.ExitStack() as stack:
        checkpoints = folder and stack.enter_context(
            Checkpoints(folder, _about(dataset, recipe, seed), computing.process == 0)
        )
        epochs = _Epochs(checkpoints)
        done = epochs.restore(model)
        clips = pipeline.training_clips(
            dataset,
            recipe,
            seed=seed,
            first_epoch=done,
            part=(computing.process, computing.processes),
        ).map(
            lambda clips, labels: (
                clips if transform is None else transform(clips),
                tf.one_hot(labels, len(dataset.classes)),
            )
        )
        if done < recipe.epochs:
            stack.enter_context(pipeline.naming_broken_records(dataset, "train"))
            model.fit(
                clips,
                initial_epoch=done,
                epochs=recipe.epochs,
                steps_per_epoch=steps,
                shuffle=False,  # the pipeline shuffles
                verbose=verbose,
                callbacks=[epochs, *callbacks],
            )
    return model.averaged() if recipe.ema_decay else model, epochs.history


def _steps_per_epoch(
    dataset: Dataset, recipe: Recipe, computing: devices.Devices
) -> int:
    computing.check(recipe.batch_size)
    videos = dataset.num_videos("train")
    if videos < recipe.batch_size:
        raise ValueError(
            f"batch_size is {recipe.batch_size}, but the training split of"
            f" {dataset.name} has {videos} videos; allowed is at most that"
        )
    return videos // recipe.batch_size


def _about(dataset: Dataset, recipe: Recipe, seed: int) -> dict:
    """Return what must be the same for a run to go on."""
    return {
        "dataset": dataset.name,
        "videos": dataset.num_videos("train"),
        "classes": list(dataset.classes),
        "seed": seed,
        "recipe": as_dict(recipe),
        "backend": keras.backend.backend(),
    }
