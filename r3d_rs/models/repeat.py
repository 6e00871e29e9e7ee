"""Blocks on JAX: computed again instead of kept, and compiled once for a row of them.

Both need a block as a function without side effects: a second pass must neither move
the statistics of normalization twice nor draw other random numbers. So the values of a
block's variables go in, and what becomes of those that are not trained comes out.
"""

from collections.abc import Callable, Sequence

import keras
from keras import ops
from keras.src.backend.common.variables import AutocastScope

#: Operations of JAX whose results are kept for the gradient: convolutions, dense layers
#: and averages. All that lies between them is cheap to compute again.
KEPT = frozenset({"conv_general_dilated", "dot_general", "reduce_sum"})

#: Blocks of a row that is compiled once. A loop copies all that it keeps for the
#: gradient, and shorter rows take little time to compile block by block.
LOOPED = 5


def recomputed(layer: keras.layers.Layer, function: Callable, x, *, keep: bool):
    """Return `function(x)`, of which little is kept for the gradient.

    Args:
        layer: whose variables the function uses; it is built.
        function: of a tensor, traced by JAX.
        x: what it is applied to.
        keep: the results of `KEPT`; otherwise only `x`.
    """
    import jax

    def policy(primitive, *_, **__):
        return keep and primitive.name in KEPT

    # Where convolutions are kept, no barrier is needed: XLA computes all else again by
    # itself, where it is used, and joins a block's gradient to the next one's.
    pure = jax.checkpoint(_pure(layer, function), policy=policy, prevent_cse=not keep)
    y, updated = pure(x, _values(layer))
    _assign(layer, updated)
    return y


def is_traced(x) -> bool:
    """Return whether JAX is tracing a function of `x`, as in every compiled step."""
    import jax

    return isinstance(x, jax.core.Tracer)


def repeated(layers: Sequence[keras.layers.Layer], x, **arguments):
    """Return `layers[-1](… layers[0](x))`, what they do compiled once.

    A network of 200 layers is compiled in the time of one of 50.

    Args:
        layers: built, with the same settings and shapes.
        x: of the shape that comes out again.
        **arguments: of the layers' calls.
    """
    first = layers[0]
    pure = _pure(first, lambda x: first(x, **arguments))
    stacked = [ops.stack(values) for values in zip(*map(_values, layers), strict=True)]
    y, updated = ops.scan(pure, x, stacked)
    for number, layer in enumerate(layers):
        _assign(layer, [values[number] for values in updated])
    return y


def _values(layer) -> list:
    with AutocastScope(None):  # the layers inside cast them
        return [ops.convert_to_tensor(variable.value) for variable in layer.variables]


def _pure(layer, function):
    def pure(x, values):
        given = list(zip(layer.variables, values, strict=True))
        with keras.StatelessScope(state_mapping=given) as scope:
            y = function(x)
        return y, [scope.get_current_value(v) for v in layer.non_trainable_variables]

    return pure


def _assign(layer, updated) -> None:
    for variable, value in zip(layer.non_trainable_variables, updated, strict=True):
        variable.assign(value)
