"""Pre-train a network to match two views of a video among views of other videos."""

import dataclasses
from pathlib import Path

import keras
from keras import ops

from r3d_rs.contrastive.loss import NTXent, accuracy
from r3d_rs.contrastive.views import training_pairs
from r3d_rs.data.datasets import Dataset
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.training import devices, loop, optimizers
from r3d_rs.training.fit import build_model, features, keep_network


def build(recipe: ContrastiveRecipe) -> keras.Model:
    """Build a backbone with a projection head.

    The head is a stack of hidden layers with normalization and ReLU, then a linear
    layer.

    Returns:
        A functional model from pairs `(batch, 2, frames, size, size, 3)` to float32
        projections `(batch, 2, projection_size)`. Its layer "backbone" maps clips to
        pooled features.
    """
    backbone = features(build_model(recipe, 1, size=recipe.size))
    backbone.name = "backbone"
    shape = backbone.input_shape[1:]
    pairs = keras.Input((2, *shape), name="pairs")
    x = backbone(ops.reshape(pairs, (-1, *shape)))
    for number in range(1, recipe.projection_layers + 1):
        width = max(1, int(recipe.projection_width * recipe.width))
        x = keras.layers.Dense(width, name=f"hidden{number}")(x)
        x = keras.layers.BatchNormalization(
            momentum=recipe.projection_bn_momentum,
            epsilon=1e-5,
            dtype="float32",
            name=f"hidden_norm{number}",
        )(x)
        x = keras.layers.ReLU(name=f"hidden_relu{number}")(x)
    x = keras.layers.Dense(recipe.projection_size, dtype="float32", name="projection")(
        x
    )
    return keras.Model(pairs, ops.reshape(x, (-1, 2, recipe.projection_size)))


def _summed(recipe: ContrastiveRecipe, scale: int) -> ContrastiveRecipe:
    """Return the recipe with its L2 term scaled like the loss; AdamW has no L2 term."""
    if recipe.optimizer == "adamw":
        return recipe
    return dataclasses.replace(recipe, weight_decay=scale * recipe.weight_decay)


def pretrain(
    dataset: Dataset,
    recipe: ContrastiveRecipe,
    *,
    seed: int,
    folder: str | Path | None = None,
    verbose: int | None = None,
    tensorboard: str | Path | None = None,
) -> tuple[keras.Model, loop.History]:
    """Train the recipe's network on pairs of views, on all available devices.

    If `folder` is given, the trained backbone is saved there as `model.keras`.

    Args:
        dataset: a prepared dataset; its "train" split is used.
        recipe: all settings of the run.
        seed: seeds weights, order, clips and augmentation.
        folder: folder of the run's checkpoints; see `loop.train`.
        verbose: see `loop.train`.
        tensorboard: see `loop.train`.

    Returns:
        The trained backbone, from clips to pooled features, and the history. For each
        epoch, the history has the loss with its L2 term, the accuracy of finding the
        other view in a batch, and the learning rate at the end.

    Raises:
        ValueError: if `recipe.micro_batches` is above 1, or as in `loop.train`.
        NotFiniteError, RunningError: as in `loop.train`.
    """
    if recipe.micro_batches > 1:  # a view's negatives come from the whole batch
        raise ValueError(
            f"micro_batches is {recipe.micro_batches}; allowed is 1 on pairs of views"
        )
    computing = devices.find()
    scale = 1 if recipe.divided_by_replicas else computing.count
    steps = loop.steps_per_epoch(dataset, recipe, computing)
    keras.utils.set_random_seed(seed)
    with computing.scope():
        model = build(recipe)
        kernels = [v for v in model.trainable_variables if v.name == "kernel"]
        model.compile(
            optimizers.optimizer(_summed(recipe, scale), steps, model, kernels),
            NTXent(recipe.temperature, recipe.directions, scale=scale),
            metrics=[keras.metrics.MeanMetricWrapper(accuracy, name="accuracy")],
            jit_compile=loop.jit_compile(),
        )

    def batches(first_epoch, part):
        return training_pairs(
            dataset, recipe, seed=seed, first_epoch=first_epoch, part=part
        )

    history = loop.train(
        model,
        batches,
        dataset,
        recipe,
        computing,
        seed=seed,
        scale=scale,
        folder=folder,
        verbose=verbose,
        tensorboard=tensorboard,
    )
    backbone = model.get_layer("backbone")
    if folder:
        keep_network(backbone, Path(folder))
    return backbone, history
