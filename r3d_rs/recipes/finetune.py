"""Recipes for datasets of any size, from random weights or from another network."""

import dataclasses
import math

from r3d_rs.recipes.recipe import Recipe, with_batch_size, with_epochs

#: Steps to aim for, from random weights (False) and in fine-tuning (True), within the
#: limits of `EPOCHS`.
STEPS = {False: 4_000, True: 2_000}
#: Fewest and most epochs, by the same keys.
EPOCHS = {False: (20, 200), True: (5, 200)}
#: Fewest batches of training videos, so that an epoch is more than a few steps.
BATCHES = 4
#: SGD's rate in fine-tuning, for batches of 1,024 clips (§4.5). It does not depend on
#: the rate that the network was trained with.
SGD_RATE = 0.05
#: AdamW's rate in fine-tuning at full width, for batches of 50. Networks of an eighth
#: of the width get eight times as much. This is twice the rate from scratch at both
#: scales. On sessions held out from EgoGestAR's training videos, half this rate was
#: worse and twice this rate no better (`results/calibration/fine-tuning.csv`).
ADAMW_RATE = 0.0025
#: Fine-tuning resets these fields of the network's own run: it trains all weights, and
#: this machine's memory decides how batches are divided.
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
    """Fit a recipe to a number of training videos; values that are given stay fixed.

    Args:
        recipe: recipe of the network from random weights.
        videos: number of training videos.
        tuned: whether training starts from another network's weights.
        batch_size: clips per step; 0 for the recipe's, halved until there are `BATCHES`
            batches. The learning rate follows it.
        learning_rate: learning rate; 0 for the recipe's, or in fine-tuning for the one
            from `SGD_RATE` or `ADAMW_RATE`.
        epochs: number of epochs; 0 for as many as come nearest to `STEPS`.
        frames: number of frames the network sees; 0 for the recipe's.
        size: size of a training crop, in pixels; 0 for the recipe's. Evaluation crops
            change in proportion.
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
