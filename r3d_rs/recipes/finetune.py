"""Recipes for datasets of any size, from random weights or from another network."""

import dataclasses
import math

from r3d_rs.recipes.recipe import Recipe, with_batch_size, with_epochs

#: Steps that training from random weights takes, and that fine-tuning takes, if epochs
#: are within what is allowed.
STEPS = {False: 4_000, True: 2_000}
#: Fewest and most epochs.
EPOCHS = {False: (20, 200), True: (5, 200)}
#: Batches of training videos that there are at least, so that an epoch is more than a
#: few steps.
BATCHES = 4
#: SGD's rate in fine-tuning, for batches of 1,024 clips (§4.5), whatever the rate that
#: the network was trained with.
SGD_RATE = 0.05
#: AdamW's rate in fine-tuning at the full width, for a batch of 50; networks of an
#: eighth of the width have eight times as much. That is twice the rate from scratch of
#: both scales. On sessions that were put aside from the training videos of EgoGestAR,
#: half of it was worse and twice of it no better
#: (`results/calibration/fine-tuning.csv`).
ADAMW_RATE = 0.0025
#: What fine-tuning has whatever the network's own run had: all weights are trained, and
#: batches are divided so that they fit this machine.
WHOLE = {"frozen": False, "micro_batches": 1, "rematerialize": False}


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
        learning_rate: 0 for the recipe's, in fine-tuning by `SGD_RATE` or `ADAMW_RATE`.
        epochs: 0 for as many as come nearest to `STEPS`.
        frames: that the network sees; 0 for the recipe's.
        size: of a training crop, pixels; 0 for the recipe's. Evaluation crops follow.
    """
    if tuned:
        rate = SGD_RATE * recipe.batch_size / 1024
        if recipe.optimizer == "adamw":
            rate = ADAMW_RATE / recipe.width * math.sqrt(recipe.batch_size / 50)
        recipe = dataclasses.replace(
            recipe, learning_rate=rate, warmup_epochs=0.0, steps=0, **WHOLE
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
