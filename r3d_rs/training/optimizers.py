"""Learning-rate schedule, optimizer and the L2 term of the loss."""

import math

import keras
from keras import ops

from r3d_rs.models.layers import Conv3D, SqueezeExcitation
from r3d_rs.training.recipe import Recipe


@keras.saving.register_keras_serializable("r3d_rs")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Cosine decay to zero over all steps, after a linear warm-up from zero (§4.1).

    As in the official implementation the cosine counts from step 0, and the warm-up
    leads to its value at the warm-up's end.

    Args:
        peak: the cosine's value at step 0.
        warmup_steps: steps of linear warm-up.
        steps: steps in all.
    """

    def __init__(self, peak: float, warmup_steps: int, steps: int):
        """Keep the three numbers."""
        self.peak, self.warmup_steps, self.steps = peak, warmup_steps, steps

    def __call__(self, step):
        """Return the learning rate at a step."""
        step = ops.cast(step, "float32")
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
        }


def optimizer(recipe: Recipe, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Make the recipe's optimizer.

    Raises:
        ValueError: naming the optimizer and those allowed.
    """
    schedule = WarmupCosine(
        recipe.learning_rate,
        round(recipe.warmup_epochs * steps_per_epoch),
        recipe.epochs * steps_per_epoch,
    )
    clip = {"global_clipnorm": recipe.clip_norm} if recipe.clip_norm else {}
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(
            schedule, momentum=recipe.momentum, nesterov=recipe.nesterov, **clip
        )
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(schedule, **clip)
    raise ValueError(f"optimizer is {recipe.optimizer!r}; allowed are sgd, adam")


def decayed_variables(model: keras.Model) -> list:
    """List the variables with weight decay: convolutions, squeeze-excitation and head.

    Normalization, biases and self-gating have none (official implementation).
    """
    layers = list(model._flatten_layers(include_self=False))
    kernels = [layer.kernel for layer in layers if isinstance(layer, Conv3D)]
    for layer in layers:
        if isinstance(layer, SqueezeExcitation):
            kernels += [layer.reduce.kernel, layer.expand.kernel]
    return [*kernels, model.get_layer("head").kernel]


def add_weight_decay(model: keras.Model, rate: float) -> None:
    """Add `rate/2 · Σ‖kernel‖²` over the decayed variables to the model's loss."""
    for variable in decayed_variables(model):
        variable.regularizer = keras.regularizers.L2(rate / 2) if rate else None
