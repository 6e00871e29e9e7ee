"""Trading arithmetic for memory: what a layer computes, computed again."""

import keras
from keras import ops
from keras.src.backend.common.variables import AutocastScope


def rematerialized(layer: keras.layers.Layer, function, x):
    """Return `function(x, True)`; only `x` is kept for the gradient.

    `keras.remat` wants a function without side effects: a second pass must neither move
    the statistics of normalization twice nor draw other random numbers. So the layer's
    variables go in as values, and what becomes of them comes out.

    Args:
        layer: whose variables the function uses; it is built.
        function: of a tensor and whether it is in training.
        x: what it is applied to.

    Raises:
        NotImplementedError: on TensorFlow, where the recomputed step was not the same.
    """
    if keras.backend.backend() != "jax":
        raise NotImplementedError(
            f"rematerialize: Keras is on {keras.backend.backend()!r}; allowed is 'jax',"
            " with KERAS_BACKEND=jax"
        )
    with AutocastScope(None):  # the layers inside cast them
        trained = [ops.convert_to_tensor(v.value) for v in layer.trainable_variables]
        others = [ops.convert_to_tensor(v.value) for v in layer.non_trainable_variables]

    def pure(x, *trained):
        values = [
            *zip(layer.trainable_variables, trained, strict=True),
            *zip(layer.non_trainable_variables, others, strict=True),
        ]
        with keras.StatelessScope(state_mapping=values) as scope:
            y = function(x, True)
        return y, [scope.get_current_value(v) for v in layer.non_trainable_variables]

    y, updated = keras.remat(pure)(x, *trained)
    for variable, value in zip(layer.non_trainable_variables, updated, strict=True):
        variable.assign(value)
    return y
