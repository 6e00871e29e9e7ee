"""Count parameters and multiply-adds of layers, without a framework.

Only learned parameters count, so moving statistics do not. Multiply-adds are counted
for convolutions, dense layers and attention's two products. Biases, normalization,
activations and pooling add none. Taps on padding count.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Tally:
    """Sums over the layers along one path of a network.

    Args:
        shape: frames, height and width of the next layer's input.
        channels: channels of the next layer's input.
        params: learned parameters so far.
        scales: part of `params` that belongs to normalization.
        linear: multiply-adds of convolutions and dense layers so far.
        products: multiply-adds of attention's products so far.
    """

    shape: tuple[int, int, int]
    channels: int = 3
    params: int = 0
    scales: int = 0
    linear: int = 0
    products: int = 0

    @property
    def macs(self) -> int:
        """Multiply-adds of one view."""
        return self.linear + self.products

    @property
    def positions(self) -> int:
        """Pixels or tokens of the next layer's input."""
        return math.prod(self.shape)

    def conv(
        self,
        filters: int,
        kernel: Iterable[int] = (1, 1, 1),
        stride: Iterable[int] = (1, 1, 1),
        groups: int = 1,
        *,
        bias: bool = False,
        norm: bool = True,
    ) -> "Tally":
        """Add a padded convolution, with its normalization if `norm`."""
        weights = math.prod(kernel) * self.channels // groups * filters
        self.pool(stride)
        self.params += weights + bias * filters
        self.linear += weights * self.positions
        self.channels = filters
        return self.norm(filters) if norm else self

    def pool(self, stride: Iterable[int]) -> "Tally":
        """Add a padded pooling; only its strides matter."""
        pairs = zip(self.shape, stride, strict=True)
        self.shape = tuple(-(-length // step) for length, step in pairs)
        return self

    def norm(self, width: int) -> "Tally":
        """Add a normalization: a scale and an offset per channel."""
        self.params += 2 * width
        self.scales += 2 * width
        return self

    def dense(self, width: int, outputs: int, tokens: int = 1, bias: bool = True):
        """Add a dense layer that is applied to a number of tokens."""
        self.params += outputs * (width + bias)
        self.linear += tokens * width * outputs

    def attention(self, width: int, tokens: int, keys: int) -> None:
        """Add normalization and self-attention, with `keys` keys per token."""
        self.norm(width).dense(width, 3 * width, tokens)
        self.attend(tokens, keys, width)
        self.dense(width, width, tokens)

    def mlp(self, width: int, tokens: int) -> None:
        """Add normalization and a perceptron with four times the width inside."""
        self.norm(width).dense(width, 4 * width, tokens)
        self.dense(4 * width, width, tokens)

    def attend(self, queries: int, keys: int, width: int) -> None:
        """Add the products of queries with keys, and of weights with values."""
        self.products += 2 * queries * keys * width

    def aside(self) -> "Tally":
        """Return an empty tally with the same input, for a second path."""
        return Tally(self.shape, self.channels)

    def join(self, other: "Tally") -> None:
        """Add the layers of a second path."""
        self.params += other.params
        self.scales += other.scales
        self.linear += other.linear
        self.products += other.products
