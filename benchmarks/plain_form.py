"""Our networks in their plain form: 3-D convolutions, and Keras' own layers.

`use` exchanges, in this process alone, what `r3d_rs.models.layers` does otherwise:
convolutions in the fastest form, fused batch normalization, max-pooling by frames.
"""

import keras
from keras import ops

from r3d_rs.models import layers, resnet3d


def conv3d(x, kernel, strides=(1, 1, 1)):
    """Convolve as `layers.conv3d` does, by a 3-D convolution."""
    return ops.conv(x, kernel, strides, "same", "channels_last")


class BatchNorm(keras.layers.BatchNormalization):
    """Keras' batch normalization, with the arguments of `layers.BatchNorm`."""

    def __init__(self, momentum=0.9, epsilon=1e-5, zero_scale=False, **kwargs):
        """Pass the arguments on."""
        gamma = "zeros" if zero_scale else "ones"
        super().__init__(
            momentum=momentum, epsilon=epsilon, gamma_initializer=gamma, **kwargs
        )


class MaxPool(keras.layers.MaxPooling3D):
    """Keras' max-pooling, as the stem has it."""

    def __init__(self, **kwargs):
        """Pass the arguments on."""
        super().__init__((1, 3, 3), (1, 2, 2), "same", **kwargs)


def use() -> None:
    """Let networks that are built from now on have the plain form."""
    layers.conv3d = conv3d
    resnet3d.BatchNorm = BatchNorm
    resnet3d.MaxPool = MaxPool
