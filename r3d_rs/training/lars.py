"""LARS, as in the official implementation with its default settings.

Source: tf-models-official 2.20.0, `official/modeling/optimization/lars.py`; You, Gitman
and Ginsburg, "Large Batch Training of Convolutional Networks", 2017.
"""

import keras
from keras import ops


class LARS(keras.optimizers.Optimizer):
    """Momentum with a rate per variable, in proportion to `‖w‖ / ‖g‖`.

    A step updates a variable `w` from its gradient `g` and its momentum `v`, initially
    zero: `v ← momentum·v + learning_rate·trust·g`, then `w ← w - v`. Here `trust` is
    `trust_coefficient·‖w‖ / ‖g‖`, or 1 if one of the norms is zero. Every variable is
    adapted, biases and normalization included, unless it is excluded. Weight decay is
    the L2 term of the loss, so it is part of `g`.

    Args:
        learning_rate: a float or a schedule.
        momentum: share of the last step's momentum that is kept.
        trust_coefficient: ratio of the update's norm to the variable's, at rate 1 and
            without momentum.
        name: the optimizer's name.
        kwargs: further arguments of `keras.optimizers.Optimizer`.
    """

    def __init__(
        self,
        learning_rate,
        momentum: float = 0.9,
        trust_coefficient: float = 0.001,
        name: str = "lars",
        **kwargs,
    ):
        """Store the settings."""
        super().__init__(learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.trust_coefficient = trust_coefficient
        self._not_adapted = set()

    def exclude_from_adaptation(self, variables) -> None:
        """Set `trust` to 1 for some variables, replacing those excluded before.

        Raises:
            ValueError: if the optimizer is built: a compiled step would not change.
        """
        if self.built:
            raise ValueError("variables must be excluded before the optimizer is built")
        self._not_adapted = {self._var_key(variable) for variable in variables}

    def build(self, variables) -> None:
        """Create a momentum for each variable."""
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate) -> None:
        """Update a variable and its momentum, in the variable's dtype."""
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if self._var_key(variable) not in self._not_adapted:
            rate = rate * self._trust(gradient, variable)
        momentum = self.momentums[self._get_variable_index(variable)]
        self.assign(momentum, self.momentum * momentum + rate * gradient)
        self.assign_sub(variable, momentum)

    def _trust(self, gradient, variable):
        size, slope = ops.norm(ops.ravel(variable)), ops.norm(ops.ravel(gradient))
        positive = ops.logical_and(size > 0, slope > 0)
        ratio = self.trust_coefficient * size / ops.where(positive, slope, 1.0)
        return ops.where(positive, ratio, 1.0)
