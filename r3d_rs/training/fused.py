"""Update many small variables at once.

A network has hundreds of vectors with a few dozen numbers each. On TensorFlow, a step
of Adam takes a dozen operations per vector. They take longer to trace and to start than
to compute. JAX compiles them into a few operations, so it needs no help.
"""

import math
from collections.abc import Callable

import keras
import numpy as np
from keras import ops
from keras.src.utils.tracking import no_automatic_dependency_tracking

#: Variables with fewer numbers than this are updated together.
SMALL = 2**16


def fused(kind: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """Return an optimizer that updates small variables as one vector, on TensorFlow.

    Args:
        kind: an optimizer that updates each number in a variable independently.

    Returns:
        A subclass with the same arguments and results. It keeps state for the large
        variables and for two vectors, with and without weight decay. It works on one
        device only, because replicas have their own variables.
    """

    class Fused(kind):
        @no_automatic_dependency_tracking  # weights are not state of the optimizer
        def build(self, variables):
            self._own = list(variables)
            self._pairs = [
                (_joined_variable(group), group)
                for group in _grouped(variables, self._use_weight_decay)
            ]
            self.exclude_from_weight_decay(
                [
                    vector
                    for vector, group in self._pairs
                    if not self._use_weight_decay(group[0])
                ]
            )
            super().build([vector for vector, _ in self._pairs])

        def apply(self, grads, trainable_variables=None):
            if not self.built:
                self.build(trainable_variables)
            pairs = zip(trainable_variables or self._own, grads, strict=True)
            gradients = {id(variable): gradient for variable, gradient in pairs}
            together = [(vector, group) for vector, group in self._pairs if group[1:]]
            for vector, group in together:
                vector.assign(_joined(group))
            super().apply(
                [
                    _joined([gradients[id(v)] for v in group])
                    for _, group in self._pairs
                ],
                [vector for vector, _ in self._pairs],
            )
            for vector, group in together:
                ends = np.cumsum([math.prod(v.shape) for v in group])[:-1].tolist()
                parts = ops.split(vector, ends)
                for variable, part in zip(group, parts, strict=True):
                    variable.assign(ops.reshape(part, variable.shape))

    return Fused


def _grouped(variables: list, has_decay: Callable) -> list[list]:
    """Group small variables by weight decay; give each large one its own group."""
    groups = {}
    for variable in variables:
        small = math.prod(variable.shape) < SMALL
        groups.setdefault(has_decay(variable) if small else id(variable), []).append(
            variable
        )
    return list(groups.values())


def _joined_variable(group: list) -> keras.Variable:
    if len(group) == 1:
        return group[0]
    total = sum(math.prod(variable.shape) for variable in group)
    return keras.Variable(np.zeros(total, group[0].dtype), dtype=group[0].dtype)


def _joined(tensors: list):
    if len(tensors) == 1:
        return tensors[0]
    return ops.concatenate([ops.reshape(tensor, (-1,)) for tensor in tensors])
