"""Training one model on one dataset by one recipe."""

import sys

import keras
import tensorflow as tf

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.models import build
from r3d_rs.training import optimizers
from r3d_rs.training.recipe import Recipe


class NotFiniteError(RuntimeError):
    """The training loss was not a finite number."""


class _StopUnlessFinite(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        loss = logs["loss"]
        if not loss - loss == 0:
            raise NotFiniteError(
                f"the training loss of epoch {epoch + 1} is {loss}; allowed is a finite"
                " number: lower the recipe's learning_rate or set clip_norm"
            )


class _LogLearningRate(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)


def jit_compile() -> bool:
    """Say whether steps are compiled by XLA.

    On TensorFlow they are not: XLA doubles the time to the first step there, and the
    steps after it are no faster on a CPU.
    """
    return keras.backend.backend() == "jax"


def build_model(recipe: Recipe, num_classes: int, *, size: int) -> keras.Model:
    """Build the recipe's network for frames of `size` pixels."""
    return build(
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


def fit(
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    verbose: int | None = None,
    transform=None,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train the recipe's network from scratch.

    Args:
        dataset: a prepared dataset; its "train" split is used.
        recipe: every choice of the run.
        seed: of the initial weights, the order of the videos, every random crop and
            every dropped residual.
        verbose: 1 for a progress bar, 2 for a line an epoch; by default a bar on a
            terminal and lines elsewhere.
        transform: applied to every batch of clips, for probes such as single frames.

    Returns:
        The trained model and its history: loss (with the L2 term), accuracy (on the
        augmented training clips) and learning rate at the end of each epoch.

    Raises:
        NotFiniteError: when the loss of an epoch is not finite.
        ValueError: when the split has fewer videos than a batch, or a broken record,
            naming it.
    """
    videos = dataset.num_videos("train")
    steps = videos // recipe.batch_size
    if steps == 0:
        raise ValueError(
            f"batch_size is {recipe.batch_size}, but the training split of"
            f" {dataset.name} has {videos} videos; allowed is at most that"
        )
    if verbose is None:
        verbose = 1 if sys.stdout.isatty() else 2
    keras.utils.set_random_seed(seed)
    model = build_model(recipe, len(dataset.classes), size=recipe.size)
    optimizers.add_weight_decay(model, recipe.weight_decay)
    model.compile(
        optimizers.optimizer(recipe, steps),
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=jit_compile(),
    )
    transform = transform or (lambda clips: clips)
    clips = pipeline.training_clips(dataset, recipe, seed=seed).map(
        lambda clip, label: (transform(clip), tf.one_hot(label, len(dataset.classes)))
    )
    with pipeline.naming_broken_records(dataset, "train"):
        history = model.fit(
            clips,
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            shuffle=False,  # the pipeline shuffles
            verbose=verbose,
            callbacks=[_StopUnlessFinite(), _LogLearningRate()],
        )
    return model, {
        "epoch": list(range(1, recipe.epochs + 1)),
        **{k: [float(v) for v in values] for k, values in history.history.items()},
    }
