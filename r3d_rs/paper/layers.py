"""Count the parameters and multiply-adds of layers without a framework.

Parameters exclude moving statistics. Multiply-adds are counted for convolutions, dense
layers and attention's two products. Biases, normalization, activations and pooling do
not count. Taps on padding count.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Tally:
    """Running totals over the layers along one path of a network.

    Args:
        shape: frames, height and width of the next layer's input.
        channels: channels of the next layer's input.
        params: learned parameters so far.
        scales: normalization's share of `params`.
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
        """Add a padded convolution, followed by a normalization if `norm`."""
        weights = math.prod(kernel) * self.channels // groups * filters
        self.pool(stride)
        self.params += weights + bias * filters
        self.linear += weights * self.positions
        self.channels = filters
        return self.norm(filters) if norm else self

    def pool(self, stride: Iterable[int]) -> "Tally":
        """Add a padded pooling layer; only its strides matter."""
        pairs = zip(self.shape, stride, strict=True)
        self.shape = tuple(-(-length // step) for length, step in pairs)
        return self

    def norm(self, width: int) -> "Tally":
        """Add a normalization: a scale and an offset per channel."""
        self.params += 2 * width
        self.scales += 2 * width
        return self

    def dense(self, width: int, outputs: int, tokens: int = 1, bias: bool = True):
        """Add a dense layer, applied to each of `tokens` tokens."""
        self.params += outputs * (width + bias)
        self.linear += tokens * width * outputs

    def attention(self, width: int, tokens: int, keys: int) -> None:
        """Add normalization and self-attention, with `keys` keys per token."""
        self.norm(width).dense(width, 3 * width, tokens)
        self.attend(tokens, keys, width)
        self.dense(width, width, tokens)

    def mlp(self, width: int, tokens: int) -> None:
        """Add normalization and an MLP with `4 * width` hidden units."""
        self.norm(width).dense(width, 4 * width, tokens)
        self.dense(4 * width, width, tokens)

    def attend(self, queries: int, keys: int, width: int) -> None:
        """Add attention's two products: queries by keys, and weights by values."""
        self.products += 2 * queries * keys * width

    def aside(self) -> "Tally":
        """Return an empty tally with the same input, to count a parallel path."""
        return Tally(self.shape, self.channels)

    def join(self, other: "Tally") -> None:
        """Add the counts of a parallel path."""
        self.params += other.params
        self.scales += other.scales
        self.linear += other.linear
        self.products += other.products
