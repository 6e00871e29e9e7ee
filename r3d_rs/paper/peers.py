"""Count the networks that Tables 3 to 5 quote from other work.

Each function adds up the layers of one family, as specified by its paper or model zoo.
Its arguments are the `frames` and `size` of a view (height and width in pixels), and
the number of `classes`. `peers.csv` lists the network and sources of each quoted row.
"""

import math
from functools import partial

from r3d_rs.paper.layers import Tally

#: Blocks in a ResNet's stages, by its number of layers (He et al. 2016, Table 1).
BLOCKS = {34: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

#: Width and depth of ViT encoders (Dosovitskiy et al. 2021, Table 1).
ENCODERS = {"B": (768, 12), "L": (1024, 24), "H": (1280, 32)}


def r2plus1d(
    frames: int, size: int, classes: int, blocks=BLOCKS[34], shared: bool = False
) -> Tally:
    """Count R(2+1)D with basic blocks (Tran et al. 2018, §3.5 and Table 1).

    If `shared`, both convolutions of a block have equally many middle channels, as in
    torchvision.
    """
    net = Tally((frames, size, size))
    net.conv(45, (1, 7, 7), (1, 2, 2)).conv(64, (3, 1, 1))
    for stage, number in enumerate(blocks):
        filters = 64 * 2**stage
        for block in range(number):
            stride = 2 if stage and not block else 1
            if stride == 2:
                net.join(net.aside().conv(filters, stride=(2, 2, 2)))
            for second, step in enumerate((stride, 1)):
                if not (second and shared):
                    inputs = net.channels
                    middle = 27 * inputs * filters // (9 * inputs + 3 * filters)
                net.conv(middle, (1, 3, 3), (1, step, step))
                net.conv(filters, (3, 1, 1), (step, 1, 1))
    net.dense(net.channels, classes)
    return net


def csn(
    frames: int, size: int, classes: int, blocks=BLOCKS[152], preserved: bool = True
) -> Tally:
    """Count CSN, with depthwise 3×3×3 convolutions (Tran et al. 2019).

    If `preserved` (ip-CSN), a normalized 1×1×1 convolution precedes each depthwise one,
    as in VMZ. Otherwise (ir-CSN) there is none.
    """
    net = Tally((frames, size, size)).conv(64, (3, 7, 7), (1, 2, 2)).pool((1, 2, 2))
    for stage, number in enumerate(blocks):
        filters = 64 * 2**stage
        for block in range(number):
            stride = (2, 2, 2) if stage and not block else (1, 1, 1)
            if not block:
                net.join(net.aside().conv(4 * filters, stride=stride))
            net.conv(filters)
            if preserved:
                net.conv(filters)
            net.conv(filters, (3, 3, 3), stride, groups=filters).conv(4 * filters)
    net.dense(net.channels, classes)
    return net


def slowfast(frames: int, size: int, classes: int, nonlocal_blocks=()) -> Tally:
    """Count SlowFast (Feichtenhofer et al. 2019, Table 1).

    `frames` is for the slow pathway. The fast pathway has four times as many frames and
    an eighth of the width. In res4, only the first six blocks have kernels of three
    frames. Fusion spans five frames. Both follow PySlowFast's
    `SLOWFAST_NLN_16x8_R101_50_50.yaml`. In the slow pathway's res4, a non-local block
    follows each block in `nonlocal_blocks`.
    """
    slow, fast = Tally((frames, size, size)), Tally((4 * frames, size, size))
    slow.conv(64, (1, 7, 7), (1, 2, 2)).pool((1, 2, 2))
    fast.conv(8, (5, 7, 7), (1, 2, 2)).pool((1, 2, 2))
    for stage, number in enumerate(BLOCKS[101]):
        fused = fast.aside().conv(2 * fast.channels, (5, 1, 1), (4, 1, 1))
        slow.join(fused)
        slow.channels += fused.channels
        for path, width in ((slow, 64 * 2**stage), (fast, 8 * 2**stage)):
            for block in range(number):
                stride = (1, 2, 2) if stage and not block else (1, 1, 1)
                if not block:
                    path.join(path.aside().conv(4 * width, stride=stride))
                three = block < 6 and (stage > 1 or path is fast)
                path.conv(width, (3 if three else 1, 1, 1))
                path.conv(width, (1, 3, 3), stride).conv(4 * width)
                if path is slow and stage == 2 and block in nonlocal_blocks:
                    _nonlocal(path)
    slow.join(fast)
    slow.dense(slow.channels + fast.channels, classes)
    return slow


def _nonlocal(net: Tally) -> None:
    """Add a non-local block with 2×2 pooling of keys (Wang et al. 2018, §3.3)."""
    width, inner, queries = net.channels, net.channels // 2, net.positions
    keys = net.aside().pool((1, 2, 2)).positions
    for tokens in (queries, keys, keys):
        net.dense(width, inner, tokens)
    net.attend(queries, keys, inner)
    net.dense(inner, width, queries)
    net.norm(width)


def x3d(
    frames: int, size: int, classes: int, width: float = 2.9, depth: float = 5.0
) -> Tally:
    """Count X3D (Feichtenhofer 2020, Table 1; PyTorchVideo, `models/x3d.py`).

    A bottleneck's inner width is 2.25 times its outer width. Every second block of a
    stage, from the first, has squeeze-excitation with a ratio of 1/16.
    """

    def rounded(channels):
        own = max(8, int(channels + 4) // 8 * 8)
        return own + 8 * (own < 0.9 * channels)

    net = Tally((frames, size, size))
    net.conv(rounded(12 * width), (1, 3, 3), (1, 2, 2), norm=False)
    net.conv(net.channels, (5, 1, 1), groups=net.channels)
    for channels, number in zip((12, 24, 48, 96), (1, 2, 5, 3), strict=True):
        filters = rounded(channels * width)
        inner = int(2.25 * filters)
        for block in range(math.ceil(number * depth)):
            stride = (1, 1, 1) if block else (1, 2, 2)
            if not block:
                norm = net.channels != filters
                net.join(net.aside().conv(filters, stride=stride, norm=norm))
            net.conv(inner).conv(inner, (3, 3, 3), stride, groups=inner)
            if block % 2 == 0:
                net.dense(inner, rounded(inner / 16))
                net.dense(rounded(inner / 16), inner)
            net.conv(filters)
    net.conv(inner)
    net.dense(inner, 2048, bias=False)
    net.dense(2048, classes)
    return net


def mvit(
    frames: int, size: int, classes: int, pooled=(1, 3, 14), depth: int = 16
) -> Tally:
    """Count MViT-B (Fan et al. 2021; PySlowFast, `MVIT_B_*_CONV`).

    The `pooled` blocks halve height and width. The block before each of them doubles
    the number of channels. Keys and values have `size / 32` positions per side, or
    `size / 16` in the `pooled` blocks.
    """
    head, width, stride = 96, 96, 8
    net = Tally((frames, size, size))
    net.conv(width, (3, 7, 7), (2, 4, 4), bias=True, norm=False)
    net.params += width * (2 + net.shape[0] + net.shape[1] * net.shape[2])  # positions

    def pool(step):
        own = net.aside().pool((1, step, step)).norm(head)
        own.params += 27 * head  # depthwise 3×3×3, shared by the heads
        own.linear += 27 * width * own.positions
        net.join(own)
        return own

    for block in range(depth):
        net.norm(width)
        net.dense(width, 3 * width, net.positions + 1)
        stride //= 2 if block in pooled else 1
        keys = pool(stride)
        pool(stride)
        if block in pooled:
            net.shape = pool(2).shape
        tokens = net.positions + 1
        net.attend(tokens, keys.positions + 1, width)
        net.dense(width, width, tokens)
        net.norm(width)
        net.dense(width, 4 * width, tokens)
        outputs = 2 * width if block + 1 in pooled else width
        net.dense(4 * width, outputs, tokens)
        if outputs != width:
            net.dense(width, outputs, tokens)
        width = outputs
    net.norm(width)
    net.dense(width, classes)
    return net


def swin(
    frames: int, size: int, classes: int, width: int = 128, window: int = 7
) -> Tally:
    """Count Video Swin-B, or Swin-L with a width of 192 (Liu et al. 2022).

    Windows span eight frames of `window` by `window` tokens. Heads have 32 channels.
    """
    net = Tally((frames, size, size)).conv(width, (2, 4, 4), (2, 4, 4), bias=True)
    for stage, number in enumerate((2, 2, 18, 2)):
        if stage:
            net.pool((1, 2, 2)).norm(4 * width)
            net.dense(4 * width, 2 * width, net.positions, bias=False)
            width *= 2
        for _ in range(number):
            net.params += 15 * (2 * window - 1) ** 2 * width // 32  # relative positions
            net.attention(width, net.positions, 8 * window**2)
            net.mlp(width, net.positions)
    net.norm(width)
    net.dense(width, classes)
    return net


def _encoder(net: Tally, encoder: str, tokens: int, sequences: int = 1) -> None:
    width, depth = ENCODERS[encoder]
    for _ in range(depth):
        net.attention(width, sequences * tokens, tokens)
        net.mlp(width, sequences * tokens)


def _patches(frames: int, size: int, encoder: str, kernel: tuple) -> Tally:
    net = Tally((frames, size, size))
    return net.conv(ENCODERS[encoder][0], kernel, kernel, bias=True, norm=False)


def timesformer(frames: int, size: int, classes: int) -> Tally:
    """Count TimeSformer: ViT-B/16 with divided attention (Bertasius et al. 2021, §3).

    A dense layer follows attention over time. Attention over space includes a class
    token in each frame.
    """
    net = _patches(frames, size, "B", (1, 16, 16))
    width, tokens, pixels = net.channels, net.positions, net.positions // frames
    net.params += width * (2 + pixels + frames)  # class token and positions
    for _ in range(ENCODERS["B"][1]):
        net.attention(width, tokens, frames)
        net.dense(width, width, tokens)
        net.attention(width, tokens + frames, pixels + 1)
        net.mlp(width, tokens + 1)
    net.norm(width).dense(width, classes)
    return net


def vivit(
    frames: int, size: int, classes: int, encoder: str = "H", patch: int = 14
) -> Tally:
    """Count ViViT with attention over all tokens (Arnab et al. 2021, §3.3, model 1)."""
    net = _patches(frames, size, encoder, (2, patch, patch))
    width = net.channels
    net.params += width * (2 + net.positions)
    _encoder(net, encoder, net.positions + 1)
    net.norm(width).dense(width, classes)
    return net


def vivit_factorized(frames: int, size: int, classes: int) -> Tally:
    """Count ViViT-L/16×2 with an encoder for space, then one for time.

    This is model 2 of Arnab et al. 2021. Both encoders have 24 blocks (Scenic,
    `vivit_large_factorised_encoder.py`).
    """
    net = _patches(frames, size, "L", (2, 16, 16))
    width, steps = net.channels, net.shape[0]
    pixels = net.positions // steps
    net.params += width * (2 + pixels + 2 + steps)
    _encoder(net, "L", pixels + 1, steps)
    _encoder(net, "L", steps + 1)
    net.norm(width).norm(width).dense(width, classes)
    return net


def vtn(frames: int, size: int, classes: int) -> Tally:
    """Count VTN: ViT-B/16 on each frame, then three Longformer layers.

    A window has 18 frames and the class token, which has its own projections. The head
    has two layers. Sources: Neimark et al. 2021, §3; PySlowFast, `VIT_B_VTN.yaml`.
    """
    net = _patches(frames, size, "B", (1, 16, 16))
    width, pixels, tokens = net.channels, net.positions // frames, frames + 1
    net.params += width * (2 + pixels + 288 + 1)  # class tokens and positions
    _encoder(net, "B", pixels + 1, frames)
    for _ in range(3):
        net.attention(width, tokens, 19)
        net.dense(width, width)
        net.dense(width, 2 * width, tokens)
        net.mlp(width, tokens)
    net.norm(3 * width).dense(width, 2 * width)  # of the Longformer and of the head
    net.dense(width, classes)
    return net


#: Networks by name in `peers.csv`.
NETWORKS = {
    "R(2+1)D-34": r2plus1d,
    "ip-CSN-152": csn,
    "SlowFast-R101": slowfast,
    "SlowFast-R101+NL": partial(slowfast, nonlocal_blocks=(6, 13, 20)),
    "X3D-XL": x3d,
    "MViT-B": mvit,
    "MViT-B-24": partial(mvit, pooled=(2, 5, 21), depth=24),
    "Swin-B": swin,
    "Swin-L": partial(swin, width=192),
    "Swin-L-384": partial(swin, width=192, window=12),
    "TimeSformer": timesformer,
    "ViViT-H/14x2": vivit,
    "ViViT-L/16x2-FE": vivit_factorized,
    "VTN": vtn,
}
