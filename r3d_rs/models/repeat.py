"""Recompute blocks for the gradient on JAX, and compile consecutive equal blocks once.

Both need each block as a pure function. A second pass must not update the moving
statistics again or draw different random numbers. The function therefore takes the
values of the block's variables and returns new values for the non-trainable ones.
"""

from collections.abc import Callable, Sequence

import keras
from keras import ops
from keras.src.backend.common.variables import AutocastScope

#: JAX operations whose results are kept for the gradient: convolutions, dense layers
#: and averages. Everything else is cheap to recompute.
KEPT = frozenset({"conv_general_dilated", "dot_general", "reduce_sum"})

#: Minimum number of consecutive equal blocks to compile once, as a loop. A loop copies
#: everything it keeps for the gradient, and fewer blocks compile quickly one by one.
LOOPED = 5


def recomputed(layer: keras.layers.Layer, function: Callable, x, *, keep: bool):
    """Return `function(x)`, and recompute most of it for the gradient.

    Args:
        layer: built layer that owns the function's variables.
        function: function of one tensor, traced by JAX.
        x: argument of the function.
        keep: whether to keep the results of the operations in `KEPT`. Otherwise only
            `x` is kept.
    """
    import jax

    def policy(primitive, *_, **__):
        return keep and primitive.name in KEPT

    # If convolutions are kept, no barrier is needed. XLA recomputes everything else at
    # its point of use, and fuses the gradients of neighboring blocks.
    pure = jax.checkpoint(_pure(layer, function), policy=policy, prevent_cse=not keep)
    y, updated = pure(x, _values(layer))
    _assign(layer, updated)
    return y


def is_traced(x) -> bool:
    """Return whether JAX is tracing `x`, as it does in every compiled step."""
    import jax

    return isinstance(x, jax.core.Tracer)


def repeated(layers: Sequence[keras.layers.Layer], x, **arguments):
    """Return `layers[-1](… layers[0](x))`, compiling only one layer.

    A network with 200 layers then compiles as fast as one with 50.

    Args:
        layers: built layers with the same settings and shapes.
        x: input, of the same shape as the output.
        **arguments: keyword arguments for each layer's call.
    """
    first = layers[0]
    pure = _pure(first, lambda x: first(x, **arguments))
    stacked = [ops.stack(values) for values in zip(*map(_values, layers), strict=True)]
    y, updated = ops.scan(pure, x, stacked)
    for number, layer in enumerate(layers):
        _assign(layer, [values[number] for values in updated])
    return y


def _values(layer) -> list:
    with AutocastScope(None):  # the layers inside do the casting
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
