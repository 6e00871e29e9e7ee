"""Learning-rate schedule, optimizer and L2 term of the loss."""

import math

import keras
import tensorflow as tf
from keras import ops

from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training.fused import fused
from r3d_rs.training.lars import LARS


@keras.saving.register_keras_serializable("r3d_rs")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Cosine decay to zero over all steps, after a linear warm-up from zero (§4.1).

    As in the official implementation, the cosine starts at step 0. The warm-up rises to
    the cosine's value at the end of the warm-up.

    Args:
        peak: the cosine's value at step 0.
        warmup_steps: number of steps of linear warm-up.
        steps: total number of steps.
        micro_batches: micro-batches per step; Keras counts these, not steps.
    """

    def __init__(
        self, peak: float, warmup_steps: int, steps: int, micro_batches: int = 1
    ):
        """Store the settings."""
        self.peak, self.warmup_steps, self.steps = peak, warmup_steps, steps
        self.micro_batches = micro_batches

    def __call__(self, step):
        """Return the learning rate at a step."""
        step = ops.cast(ops.floor_divide(step, self.micro_batches), "float32")
        warmup = max(self.warmup_steps, 1)
        top = 0.5 * self.peak * (1 + math.cos(math.pi * self.warmup_steps / self.steps))
        done = ops.minimum(step / self.steps, 1.0)
        cosine = 0.5 * self.peak * (1 + ops.cos(math.pi * done))
        return ops.where(step < self.warmup_steps, top * step / warmup, cosine)

    def get_config(self) -> dict:
        """Return the arguments."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "steps": self.steps,
            "micro_batches": self.micro_batches,
        }


#: The learning rate that the paper uses with its weight decay (§4.1).
PAPERS_RATE = 0.8


def optimizer(
    recipe: Recipe,
    steps_per_epoch: int,
    model: keras.Model,
    decayed: list | None = None,
) -> keras.optimizers.Optimizer:
    """Return the recipe's optimizer for a model, and set up weight decay.

    With SGD and LARS, weight decay is the L2 term of the loss, as published. Adam would
    divide that term by the size of the gradient, and kernels with small gradients would
    shrink much faster. AdamW therefore applies it apart from the gradient. A step then
    shrinks kernels by the same share as SGD without momentum at the paper's rate.

    Args:
        recipe: every choice of the run.
        steps_per_epoch: steps per epoch of the run.
        model: a built model.
        decayed: variables with weight decay; None for `decayed_variables`.

    Raises:
        ValueError: if the optimizer is unknown, naming it and those allowed.
    """
    schedule = WarmupCosine(
        recipe.learning_rate,
        round(recipe.warmup_epochs * steps_per_epoch),
        recipe.steps or recipe.epochs * steps_per_epoch,
        recipe.micro_batches,
    )
    common = {"global_clipnorm": recipe.clip_norm} if recipe.clip_norm else {}
    if recipe.micro_batches > 1:  # their mean gradient is clipped
        common["gradient_accumulation_steps"] = recipe.micro_batches
    if decayed is None:
        decayed = decayed_variables(model)
    if recipe.optimizer == "sgd":
        add_weight_decay(decayed, recipe.weight_decay)
        return _fast(keras.optimizers.SGD)(
            schedule, momentum=recipe.momentum, nesterov=recipe.nesterov, **common
        )
    if recipe.optimizer == "lars":
        add_weight_decay(decayed, recipe.weight_decay)
        made = LARS(schedule, momentum=recipe.momentum, **common)
        if recipe.lars_excludes_bias_and_norm:
            made.exclude_from_adaptation(
                [v for v in model.trainable_variables if v.name != "kernel"]
            )
        return made
    if recipe.optimizer == "adamw":
        made = _fast(keras.optimizers.AdamW)(
            schedule,
            weight_decay=recipe.weight_decay * PAPERS_RATE / recipe.learning_rate,
            **common,
        )
        kept = {id(variable) for variable in decayed}
        made.exclude_from_weight_decay(
            [v for v in model.trainable_variables if id(v) not in kept]
        )
        return made
    raise ValueError(f"optimizer is {recipe.optimizer!r}; allowed are sgd, lars, adamw")


def _fast(kind: type) -> type:
    if keras.backend.backend() != "tensorflow" or tf.distribute.has_strategy():
        return kind
    return fused(kind)


def decayed_variables(model: keras.Model) -> list:
    """List the variables with weight decay: convolutions, squeeze-excitation and head.

    Normalization, biases and self-gating have none (official implementation).
    """
    return [
        variable
        for variable in model.trainable_variables
        if variable.name == "kernel" and "self_gating" not in variable.path
    ]


def add_weight_decay(variables: list, rate: float) -> None:
    """Add `rate/2 · Σ‖kernel‖²` of some variables to their model's loss."""
    for variable in variables:
        variable.regularizer = keras.regularizers.L2(rate / 2) if rate else None
