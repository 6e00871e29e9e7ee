"""Recompute blocks for the gradient on JAX, and compile a row of like blocks once.

Both need a block as a function without side effects. A second pass must not update the
statistics of normalization twice, or draw other random numbers. So the function takes
the values of a block's variables, and returns the new values of the non-trainable ones.
"""

from collections.abc import Callable, Sequence

import keras
from keras import ops
from keras.src.backend.common.variables import AutocastScope

#: JAX operations that keep their results for the gradient: convolutions, dense layers
#: and averages. Everything between them is cheap to recompute.
KEPT = frozenset({"conv_general_dilated", "dot_general", "reduce_sum"})

#: Fewest blocks in a row that is compiled once, as a loop. A loop copies everything it
#: keeps for the gradient, and shorter rows compile quickly block by block.
LOOPED = 5


def recomputed(layer: keras.layers.Layer, function: Callable, x, *, keep: bool):
    """Return `function(x)`, keeping little of it for the gradient.

    Args:
        layer: built layer that owns the variables of the function.
        function: function of a tensor, traced by JAX.
        x: argument of the function.
        keep: whether to keep the results of `KEPT`; otherwise only `x` is kept.
    """
    import jax

    def policy(primitive, *_, **__):
        return keep and primitive.name in KEPT

    # If convolutions are kept, no barrier is needed: XLA recomputes everything else
    # where it is used, and fuses a block's gradient with the next block's.
    pure = jax.checkpoint(_pure(layer, function), policy=policy, prevent_cse=not keep)
    y, updated = pure(x, _values(layer))
    _assign(layer, updated)
    return y


def is_traced(x) -> bool:
    """Return whether JAX is tracing `x`, as in every compiled step."""
    import jax

    return isinstance(x, jax.core.Tracer)


def repeated(layers: Sequence[keras.layers.Layer], x, **arguments):
    """Return `layers[-1](… layers[0](x))`, compiling only one layer.

    A network of 200 layers then compiles in the time of one of 50.

    Args:
        layers: built layers with the same settings and shapes.
        x: input, with the shape of the output.
        **arguments: arguments of the layers' calls.
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
