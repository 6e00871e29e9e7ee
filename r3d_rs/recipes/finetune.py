"""Recipes for datasets of any size, from random weights or from another network."""

import dataclasses

from r3d_rs.recipes.recipe import Recipe, with_batch_size, with_epochs

#: Steps that training from random weights takes, and that fine-tuning takes, if epochs
#: are within what is allowed.
STEPS = {False: 4_000, True: 2_000}
#: Fewest and most epochs.
EPOCHS = {False: (20, 200), True: (5, 200)}
#: Batches of training videos that there are at least, so that an epoch is more than a
#: few steps.
BATCHES = 4
#: What fine-tuning has of the rate of the network that it starts from: the paper's 0.05
#: of 0.8 for SGD (§4.5), all of it for AdamW. On sessions that were put aside from the
#: training videos of EgoGestAR, half and twice of it were worse
#: (`results/calibration/fine-tuning.csv`).
RATE = {"sgd": 0.05 / 0.8, "adamw": 1.0}


def of_size(
    recipe: Recipe,
    videos: int,
    *,
    tuned: bool,
    batch_size: int = 0,
    learning_rate: float = 0.0,
    epochs: int = 0,
    frames: int = 0,
    size: int = 0,
) -> Recipe:
    """Fit a recipe to a number of training videos; what is given is taken as it is.

    Args:
        recipe: of the network, from random weights.
        videos: that are trained on.
        tuned: whether it starts from another network.
        batch_size: clips a step; 0 for the recipe's, or less where there would be fewer
            than `BATCHES` batches. The rate follows it.
        learning_rate: 0 for the recipe's, and less of it in fine-tuning.
        epochs: 0 for as many as come nearest to `STEPS`.
        frames: that the network sees; 0 for the recipe's.
        size: of a training crop, pixels; 0 for the recipe's. Evaluation crops follow.
    """
    if tuned:
        rate = recipe.learning_rate * RATE.get(recipe.optimizer, 1.0)
        recipe = dataclasses.replace(
            recipe, learning_rate=rate, warmup_epochs=0.0, steps=0
        )
    if not batch_size:
        batch_size = recipe.batch_size
        while batch_size > 1 and batch_size * BATCHES > videos:
            batch_size //= 2
    recipe = with_batch_size(recipe, batch_size)
    if learning_rate:
        recipe = dataclasses.replace(recipe, learning_rate=learning_rate)
    if not epochs:
        fewest, most = EPOCHS[tuned]
        steps = max(1, videos // batch_size)
        epochs = min(max(fewest, round(STEPS[tuned] / steps)), most)
    recipe = with_epochs(recipe, epochs)
    if frames:
        recipe = dataclasses.replace(recipe, span=frames * recipe.temporal_stride)
    if size:
        evaluated = round(size * recipe.eval_size / recipe.size)
        recipe = dataclasses.replace(recipe, size=size, eval_size=evaluated)
    return recipe
