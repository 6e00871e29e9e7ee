"""R3D-RS in plain PyTorch, to compare its speed with ours.

Layers, their order, channels, parameters and multiply-adds equal
`r3d_rs.models.build`. Padding differs: PyTorch pads both ends equally, but TensorFlow's
SAME pads the end more. So our weights would not give our outputs here. Tensors are
`(batch, channel, time, height, width)`.
"""

import torch
from torch import nn

#: Numbers of blocks in C2 to C5 by model, filters of their inner convolutions, and
#: temporal kernel sizes.
BLOCKS = {"r3d-rs-50": (3, 4, 6, 3), "r3d-rs-200": (3, 24, 36, 3)}
FILTERS = (64, 128, 256, 512)
TEMPORAL_KERNELS = (1, 1, 3, 3)


def convolution(inputs: int, filters: int, kernel_size: tuple, stride=1) -> nn.Conv3d:
    """Return a convolution without bias; only its stride reduces the size."""
    padding = tuple(size // 2 for size in kernel_size)
    return nn.Conv3d(inputs, filters, kernel_size, stride, padding, bias=False)


class Gate(nn.Module):
    """Multiply each channel by a sigmoid of the pooled channels.

    Args:
        channels: channels of the input.
        hidden: units of squeeze-excitation's inner layer; 0 for self-gating.
    """

    def __init__(self, channels: int, hidden: int = 0):
        """Make the dense layers."""
        super().__init__()
        inner = [nn.Linear(channels, hidden), nn.ReLU(inplace=True)] if hidden else []
        last = nn.Linear(hidden or channels, channels)
        self.gate = nn.Sequential(*inner, last, nn.Sigmoid())

    def forward(self, x):
        """Scale the channels of each clip."""
        return x * self.gate(x.mean((2, 3, 4)))[:, :, None, None, None]


class Bottleneck(nn.Module):
    """A residual block: k×1×1, 1×3×3 and 1×1×1 convolutions, gates, stochastic depth.

    Args:
        inputs: channels of the input.
        filters: filters of the inner convolutions; the last has four times as many.
        temporal_kernel: temporal kernel size of the first convolution.
        stride: stride in height and width.
        projection: whether the shortcut is a convolution.
        self_gating: whether the block has self-gating.
        drop: probability of dropping the residual of a clip in training.
    """

    def __init__(
        self, inputs, filters, temporal_kernel, stride, projection, self_gating, drop
    ):
        """Make the layers."""
        super().__init__()
        outputs, strides = 4 * filters, (1, stride, stride)
        self.shortcut = nn.Identity()
        if projection:
            self.shortcut = nn.Sequential(
                convolution(inputs, outputs, (1, 1, 1), strides),
                nn.BatchNorm3d(outputs),
            )
        self.residual = nn.Sequential(
            convolution(inputs, filters, (temporal_kernel, 1, 1)),
            nn.BatchNorm3d(filters),
            nn.ReLU(inplace=True),
            convolution(filters, filters, (1, 3, 3), strides),
            nn.BatchNorm3d(filters),
            nn.ReLU(inplace=True),
            convolution(filters, outputs, (1, 1, 1)),
            nn.BatchNorm3d(outputs),
        )
        self.self_gating = Gate(outputs) if self_gating else nn.Identity()
        self.squeeze_excitation = Gate(outputs, max(1, outputs // 4))
        self.drop = drop

    def forward(self, x):
        """Return `relu(shortcut(x) + residual(x))`."""
        y = self.squeeze_excitation(self.self_gating(self.residual(x)))
        if self.training and self.drop:
            keep = 1 - self.drop
            draw = torch.rand(len(y), 1, 1, 1, 1, device=y.device, dtype=y.dtype)
            y = y * (torch.floor(keep + draw) / keep)
        return torch.relu(y + self.shortcut(x))


class R3DRS(nn.Module):
    """R3D-RS: ResNet-D stem, squeeze-excitation, self-gating in stages' last blocks.

    Args:
        model: one of `BLOCKS`.
        num_classes: length of the logits.
        width: multiplies every number of channels.
        stochastic_depth: initial rate; blocks of stage `i` drop with `rate * i / 5`.
        dropout: rate before the head.
    """

    def __init__(
        self, model, num_classes=400, width=1.0, stochastic_depth=0.2, dropout=0.5
    ):
        """Make the layers."""
        super().__init__()

        def channels(filters):
            return max(1, int(filters * width))

        layers, inputs = [], 3
        for filters, kernel_size, stride in (
            (32, (5, 3, 3), 2),
            (32, (1, 3, 3), 1),
            (64, (1, 3, 3), 1),
        ):
            outputs = channels(filters)
            layers += [
                convolution(inputs, outputs, kernel_size, stride),
                nn.BatchNorm3d(outputs),
                nn.ReLU(inplace=True),
            ]
            inputs = outputs
        layers.append(nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))
        for stage, (blocks, filters, temporal_kernel) in enumerate(
            zip(BLOCKS[model], FILTERS, TEMPORAL_KERNELS, strict=True), start=2
        ):
            for number in range(blocks):
                layers.append(
                    Bottleneck(
                        inputs,
                        channels(filters),
                        temporal_kernel,
                        stride=2 if stage > 2 and number == 0 else 1,
                        projection=number == 0,
                        self_gating=number == blocks - 1,
                        drop=stochastic_depth * stage / 5,
                    )
                )
                inputs = 4 * channels(filters)
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs, num_classes)

    def forward(self, x):
        """Return the logits."""
        return self.head(self.dropout(self.features(x).mean((2, 3, 4))))


def decayed_and_others(model: nn.Module) -> tuple[list, list]:
    """Return the kernels, which get weight decay, and the other parameters."""
    decayed, others = [], []
    for parameter in model.parameters():
        (decayed if parameter.ndim > 1 else others).append(parameter)
    return decayed, others


def size(model: nn.Module) -> int:
    """Count parameters and the moving statistics of normalization."""
    statistics = [
        value
        for name, value in model.named_buffers()
        if not name.endswith("num_batches_tracked")
    ]
    return sum(value.numel() for value in [*model.parameters(), *statistics])
