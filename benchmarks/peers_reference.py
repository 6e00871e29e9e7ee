"""Other packages' implementations of the networks that `r3d_rs.paper.peers` counts.

`peers.py` starts this script in the environment of `peers-requirements.txt`. It prints
a JSON list with name, package, parameters and multiply-adds. Networks are built on
PyTorch's meta device, so nothing is downloaded or computed.
"""

import json
from importlib import metadata

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

#: torchvision's compiled operators do not load with a CPU-only PyTorch. No network here
#: calls them, but importing torchvision needs two of them.
_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def declare_operators() -> None:
    """Declare the operators that torchvision needs, if its own do not load."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in ("nms", "qnms"):
            arguments = "Tensor dets, Tensor scores, float iou_threshold"
            _OPERATORS.define(f"{name}({arguments}) -> Tensor")


def r2plus1d(shared: bool) -> nn.Module:
    """Build R(2+1)D-34; `shared` keeps one middle width per block, as torchvision."""
    from torchvision.models.video import resnet

    net = resnet.VideoResNet(
        resnet.BasicBlock,
        [resnet.Conv2Plus1D] * 4,
        [3, 4, 6, 3],
        resnet.R2Plus1dStem,
    )
    for layer, width in ((net.layer2, 128), (net.layer3, 256), (net.layer4, 512)):
        if not shared:
            middle = 27 * width * width // (9 * width + 3 * width)
            layer[0].conv2[0] = resnet.Conv2Plus1D(width, width, middle)
    return net


def r2plus1d_18() -> nn.Module:
    """Build torchvision's R(2+1)D-18."""
    from torchvision.models.video import r2plus1d_18 as build

    return build()


def csn(depth: int, preserved: bool) -> nn.Module:
    """Build PyTorchVideo's ir-CSN; `preserved` adds ip-CSN's 1×1×1 convolutions."""
    from pytorchvideo.models.csn import create_csn

    net = create_csn(
        model_depth=depth,
        stem_pool=nn.MaxPool3d,
        stage_temporal_stride=(1, 2, 2, 2),
        head_pool_kernel_size=(4, 8, 8),
    )
    for stage in net.blocks[1:-1]:
        for block in stage.res_blocks if preserved else ():
            old = block.branch2.conv_b
            width = old.in_channels
            before = nn.Conv3d(width, width, 1, bias=False)
            block.branch2.conv_b = nn.Sequential(before, nn.BatchNorm3d(width), old)
    return net


def slowfast(with_nonlocal: bool = False) -> nn.Module:
    """Build PyTorchVideo's SlowFast 16×8 with 101 layers."""
    from pytorchvideo.layers.nonlocal_net import create_nonlocal
    from pytorchvideo.models.hub import slowfast_16x8_r101_50_50

    net = slowfast_16x8_r101_50_50()
    blocks = net.blocks[3].multipathway_blocks[0].res_blocks
    for number in (6, 13, 20) if with_nonlocal else ():
        own = create_nonlocal(dim_in=1024, dim_inner=512, pool_size=(1, 2, 2))
        blocks[number] = nn.Sequential(blocks[number], own)
    return net


def x3d(size: int, width: float, depth: float) -> nn.Module:
    """Build PyTorchVideo's X3D."""
    from pytorchvideo.models.x3d import create_x3d

    return create_x3d(
        input_clip_length=16,
        input_crop_size=size,
        width_factor=width,
        depth_factor=depth,
    )


def mvit(frames: int, classes: int = 400, pooled=(1, 3, 14), depth=16) -> nn.Module:
    """Build PyTorchVideo's MViT-B."""
    from pytorchvideo.models.vision_transformers import (
        create_multiscale_vision_transformers,
    )

    with torch.device("cpu"):  # its construction reads values
        net = create_multiscale_vision_transformers(
            spatial_size=224,
            temporal_size=frames,
            depth=depth,
            embed_dim_mul=[[block, 2.0] for block in pooled],
            atten_head_mul=[[block, 2.0] for block in pooled],
            pool_q_stride_size=[[block, 1, 2, 2] for block in pooled],
            pool_kv_stride_adaptive=[1, 8, 8],
            pool_kvq_kernel=[3, 3, 3],
            head_num_classes=classes,
        )
    return net.to("meta")


def swin(width: int, window: int) -> nn.Module:
    """Build torchvision's Video Swin."""
    from torchvision.models.video.swin_transformer import SwinTransformer3d

    return SwinTransformer3d(
        patch_size=[2, 4, 4],
        embed_dim=width,
        depths=[2, 2, 18, 2],
        num_heads=[width // 32 * 2**stage for stage in range(4)],
        window_size=[8, window, window],
    )


def timesformer(frames: int) -> nn.Module:
    """Build transformers' TimeSformer with divided attention."""
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    config = TimesformerConfig(num_frames=frames, num_labels=400)
    return TimesformerForVideoClassification(config)


def vivit(width: int, depth: int, heads: int, patch: int) -> nn.Module:
    """Build transformers' ViViT."""
    from transformers import VivitConfig, VivitForVideoClassification

    config = VivitConfig(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        tubelet_size=[2, patch, patch],
        num_labels=400,
    )
    return VivitForVideoClassification(config)


#: By name: package, how to build it, frames and size.
NETWORKS = {
    "R(2+1)D-18, shared": ("torchvision", r2plus1d_18, 16, 112),
    "R(2+1)D-34, shared": ("torchvision", lambda: r2plus1d(True), 32, 112),
    "R(2+1)D-34": ("torchvision", lambda: r2plus1d(False), 32, 112),
    "ir-CSN-101": ("pytorchvideo", lambda: csn(101, False), 32, 256),
    "ip-CSN-152": ("pytorchvideo", lambda: csn(152, True), 32, 256),
    "SlowFast-R101": ("pytorchvideo", slowfast, 16, 256),
    "SlowFast-R101+NL": ("pytorchvideo", lambda: slowfast(True), 16, 256),
    "X3D-M": ("pytorchvideo", lambda: x3d(224, 2.0, 2.2), 16, 224),
    "X3D-XL": ("pytorchvideo", lambda: x3d(356, 2.9, 5.0), 16, 356),
    "MViT-B, 32": ("pytorchvideo", lambda: mvit(32), 32, 224),
    "MViT-B, 64": ("pytorchvideo", lambda: mvit(64), 64, 224),
    "MViT-B-24, 600": (
        "pytorchvideo",
        lambda: mvit(32, 600, (2, 5, 21), 24),
        32,
        224,
    ),
    "Swin-B": ("torchvision", lambda: swin(128, 7), 32, 224),
    "Swin-L": ("torchvision", lambda: swin(192, 7), 32, 224),
    "Swin-L-384": ("torchvision", lambda: swin(192, 12), 32, 384),
    "TimeSformer": ("transformers", lambda: timesformer(96), 96, 224),
    "ViViT-B/16x2": ("transformers", lambda: vivit(768, 12, 12, 16), 32, 224),
    "ViViT-H/14x2": ("transformers", lambda: vivit(1280, 32, 16, 14), 32, 224),
}


def clip(name: str, frames: int, size: int):
    """Return a clip in the network's input format."""
    video = torch.empty(1, 3, frames, size, size)
    if name.startswith("SlowFast"):
        return [video, torch.empty(1, 3, 4 * frames, size, size)]
    if name.startswith(("TimeSformer", "ViViT")):
        return video.transpose(1, 2)
    return video


def main() -> None:
    """Build and count all networks."""
    declare_operators()
    found = []
    for name, (package, build, frames, size) in NETWORKS.items():
        with torch.device("meta"), torch.no_grad():
            net = build().eval()
            with FlopCounterMode(display=False) as counter:
                net(clip(name, frames, size))
        found.append(
            {
                "network": name,
                "reference": f"{package} {metadata.version(package)}",
                "frames": frames,
                "size": size,
                "params": sum(p.numel() for p in net.parameters() if p.requires_grad),
                "macs": counter.get_total_flops() // 2,
            }
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
