"""Exponential moving averages of weights and normalization statistics.

The official implementation evaluates such averages (tf-models-official 2.20.0,
`ema_optimizer.py`, with `trainable_weights_only: false`). Keras' own `use_ema` does not
average the statistics of batch normalization.
"""

import keras
from keras import ops


class Averaging(keras.Model):
    """Model that trains a network and averages its weights.

    After step `t`, counted from 1, the average `a` of a weight `w` becomes
    `d·a + (1 - d)·w` with `d = min(decay, (1 + t) / (10 + t))`.

    Args:
        network: a built model.
        decay: the largest `d`.
    """

    def __init__(self, network: keras.Model, decay: float):
        """Start the averages at the network's weights."""
        super().__init__(name=f"averaging_{network.name}")
        self.network = network
        self.decay = decay
        self.averages = [
            keras.Variable(
                ops.convert_to_numpy(weight),
                dtype=weight.dtype,
                trainable=False,
                # Devices share their weights, but not their statistics.
                aggregation="only_first_replica" if weight.trainable else "mean",
                name=f"average_{number}",
            )
            for number, weight in enumerate(network.weights)
        ]
        self.build(network.input_shape)

    def call(self, clips, training=False):
        """Return the network's logits."""
        return self.network(clips, training=training)

    def train_step(self, *arguments):
        """Take Keras' step, then update the averages."""
        if keras.backend.backend() != "jax":
            logs = super().train_step(*arguments)
            for average, new in zip(
                self.averages,
                self._updated(lambda variable: variable.value),
                strict=True,
            ):
                average.assign(new)
            return logs
        # On JAX, a step returns the new values of all variables.
        logs, (trainable, others, optimizer, metrics) = super().train_step(*arguments)
        variables = [
            *zip(self.trainable_variables, trainable, strict=True),
            *zip(self.non_trainable_variables, others, strict=True),
            *zip(self.optimizer.variables, optimizer, strict=True),
        ]
        values = {id(variable): value for variable, value in variables}
        new = self._updated(lambda variable: values[id(variable)])
        values |= dict(zip(map(id, self.averages), new, strict=True))
        others = [values[id(variable)] for variable in self.non_trainable_variables]
        return logs, (trainable, others, optimizer, metrics)

    def _updated(self, value) -> list:
        # Keras counts micro-batches; weights change only after the last one of a step.
        count = value(self.optimizer._iterations)
        parts = self.optimizer.gradient_accumulation_steps or 1
        step = ops.cast(ops.floor_divide(count, parts), "float32")
        decay = ops.minimum(self.decay, (1 + step) / (10 + step))
        decay = ops.where(ops.equal(count % parts, 0), decay, 1.0)
        return [
            decay * value(average) + (1 - decay) * value(weight)
            for average, weight in zip(self.averages, self.network.weights, strict=True)
        ]

    def averaged(self) -> keras.Model:
        """Return the network with the averages as its weights."""
        self.network.set_weights([average.numpy() for average in self.averages])
        return self.network


def network_of(model: keras.Model) -> keras.Model:
    """Return the network of a trained model, for evaluation.

    Its weights are the averages if the model keeps any.
    """
    return model.averaged() if isinstance(model, Averaging) else model
