"""Training one network on one dataset by one recipe."""

from pathlib import Path

import keras
import tensorflow as tf

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.models import build
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import devices, loop, optimizers, transfer
from r3d_rs.training.averaging import Averaging


def build_model(recipe: Recipe, num_classes: int, *, size: int) -> keras.Model:
    """Build the recipe's network for frames of `size` pixels.

    Where the recipe is in float32, accelerators multiply in float32 from then on.
    """
    if recipe.precision == "float32":
        devices.multiply_in_float32()
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
            bn_momentum=recipe.bn_momentum,
            rematerialize=recipe.rematerialize,
        )
        if recipe.frozen:
            model = _with_linear_head(model, num_classes)
    finally:
        keras.config.set_dtype_policy(default)
    return model


def features(network: keras.Model) -> keras.Model:
    """Return the part of a network of `models.build` up to its pooled features."""
    return keras.Model(network.input, network.get_layer("pool").output)


def _with_linear_head(network: keras.Model, num_classes: int) -> keras.Model:
    """Return a network whose head alone is trained, on features of length 1."""
    backbone = features(network)
    backbone.trainable = False
    x = keras.layers.UnitNormalization(name="unit")(backbone.output)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="head")(x)
    return keras.Model(network.input, logits, name=network.name)


def compiled(
    recipe: Recipe,
    num_classes: int,
    steps_per_epoch: int,
    *,
    start: transfer.Weights | None = None,
) -> keras.Model:
    """Return the recipe's network with its loss and optimizer, ready for `Model.fit`.

    Args:
        recipe: every choice of the run.
        num_classes: of the head.
        steps_per_epoch: whole batches, for the learning rate's schedule.
        start: weights to start from, but for the head; None for random ones.
    """
    network = build_model(recipe, num_classes, size=recipe.size)
    if start:
        transfer.transfer(start, network)
    model = Averaging(network, recipe.ema_decay) if recipe.ema_decay else network
    model.compile(
        optimizers.optimizer(recipe, steps_per_epoch, network),
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=loop.jit_compile(),
    )
    return model


def fit(
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    start: transfer.Weights | None = None,
    folder: str | Path | None = None,
    verbose: int | None = None,
    tensorboard: str | Path | None = None,
    transform=None,
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train the recipe's network, on all devices there are.

    Args:
        dataset: a prepared dataset; its "train" split is used.
        recipe: every choice of the run.
        seed: of the initial weights, the order of the videos, every random crop and
            every dropped residual.
        start: weights to start from, but for the head; None for random ones.
        folder: of this run's checkpoints; see `loop.train`.
        verbose: of `loop.train`.
        tensorboard: of `loop.train`.
        transform: applied to every batch of clips, for probes such as single frames.

    Returns:
        The trained model, with averaged weights if the recipe averages them, and its
        history: loss (with the L2 term), accuracy (on the augmented training clips) and
        learning rate at the end of each epoch.

    Raises:
        ValueError: when the split has fewer videos than a batch, when devices do not
            divide the batch, when `start` does not fit, or as `loop.train` says.
        NotFiniteError, RunningError: as `loop.train` does.
    """
    computing = devices.find()
    steps = loop.steps_per_epoch(dataset, recipe, computing)
    keras.utils.set_random_seed(seed)
    with computing.scope():
        model = compiled(recipe, len(dataset.classes), steps, start=start)

    def batches(first_epoch, part):
        return pipeline.training_clips(
            dataset, recipe, seed=seed, first_epoch=first_epoch, part=part
        ).map(
            lambda clips, labels: (
                clips if transform is None else transform(clips),
                tf.one_hot(labels, len(dataset.classes)),
            )
        )

    history = loop.train(
        model,
        batches,
        dataset,
        recipe,
        computing,
        seed=seed,
        parent=start.sha256 if start else "",
        folder=folder,
        verbose=verbose,
        tensorboard=tensorboard,
    )
    return model.averaged() if recipe.ema_decay else model, history
