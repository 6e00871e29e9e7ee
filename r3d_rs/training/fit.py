"""Build the recipe's network and train it on a dataset."""

from pathlib import Path

import keras
import tensorflow as tf

from r3d_rs import models
from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset
from r3d_rs.files import whole_file
from r3d_rs.paths import local_path
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import averaging, devices, loop, optimizers, transfer


def build_model(recipe: Recipe, num_classes: int, *, size: int) -> keras.Model:
    """Build the recipe's network for frames of `size` pixels.

    If the recipe's precision is float32, accelerators multiply in float32 from then on.
    """
    if recipe.precision == "float32":
        devices.multiply_in_float32()
    default = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        model = models.build(
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
    """Return a network from `models.build` up to its pooled features."""
    return keras.Model(network.input, network.get_layer("pool").output)


def _with_linear_head(network: keras.Model, num_classes: int) -> keras.Model:
    """Return a network that trains only its head, on features scaled to length 1."""
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
        num_classes: number of classes.
        steps_per_epoch: steps per epoch, for the learning rate's schedule.
        start: weights to start from, except the head's; None for random ones.
    """
    network = build_model(recipe, num_classes, size=recipe.size)
    if start:
        transfer.transfer(start, network)
    model = network
    if recipe.ema_decay:
        model = averaging.Averaging(network, recipe.ema_decay)
    model.compile(
        optimizers.optimizer(recipe, steps_per_epoch, network),
        keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=loop.jit_compile(),
    )
    return model


def build(
    recipe: Recipe,
    dataset: Dataset,
    *,
    seed: int,
    start: transfer.Weights | None = None,
) -> keras.Model:
    """Build and compile the recipe's network on all available devices.

    Args:
        recipe: every choice of the run.
        dataset: dataset to train on.
        seed: seeds the initial weights and every dropped residual.
        start: weights to start from, except the head's; None for random ones.

    Raises:
        ValueError: if the split has fewer videos than a batch, if the devices do not
            divide the batch, or if `start` does not fit.
    """
    computing = devices.find()
    steps = loop.steps_per_epoch(dataset, recipe, computing)
    keras.utils.set_random_seed(seed)
    with computing.scope():
        return compiled(recipe, len(dataset.classes), steps, start=start)


def fit(
    model: keras.Model,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    start: transfer.Weights | None = None,
    folder: str | Path | None = None,
    verbose: int | None = None,
    tensorboard: str | Path | None = None,
    transform=None,
) -> loop.History:
    """Train a network from `build` on the "train" split of its dataset.

    If there is a folder, a stopped run resumes after its last epoch. The folder also
    gets the trained network as `model.keras`, without optimizer state.

    Args:
        model: network from `build`, with the same recipe, dataset, seed and start.
        dataset: a prepared dataset.
        recipe: every choice of the run.
        seed: seeds the order of the videos and every random crop.
        start: weights that were given to `build`.
        folder: folder of the run's checkpoints; see `loop.train`.
        verbose: see `loop.train`.
        tensorboard: see `loop.train`.
        transform: function applied to every batch of clips, for probes such as single
            frames; None for none.

    Returns:
        Loss with its L2 term, accuracy on the augmented training clips, and learning
        rate at the end of each epoch.

    Raises:
        ValueError, NotFiniteError, RunningError: as in `loop.train`.
    """

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
        devices.find(),
        seed=seed,
        parent=start.sha256 if start else "",
        folder=folder,
        verbose=verbose,
        tensorboard=tensorboard,
    )
    if folder:
        keep_network(averaging.network_of(model), Path(folder))
    return history


def keep_network(network: keras.Model, folder: Path) -> Path:
    """Write a trained network to `model.keras` as a whole, and return the path.

    With several processes, only the first one writes.
    """
    path = local_path("folder", folder) / "model.keras"
    if not devices.is_first():
        return path
    # Drop the optimizer: Keras would save its moments, twice the size of the weights.
    bare = keras.Model(network.inputs, network.outputs, name=network.name)
    # Keras creates an optimizer while saving, for comparison.
    with whole_file(path, ".keras") as part, devices.alone():
        bare.save(part)
    return path
