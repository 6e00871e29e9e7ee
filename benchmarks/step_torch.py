"""Steps of networks in PyTorch, for `worker.stepping`.

Runs in the environment of `torch-requirements.txt`.
"""

import sys
import types
from importlib.metadata import version

import torch
import torch_model
import worker
from torch.utils.flop_counter import FlopCounterMode

#: Frames of PyTorchVideo's SlowOnly, of which every one reaches the stages, as every
#: second one of R3D-RS's 16 does.
SLOW_ONLY_FRAMES = 8


def build(settings: dict):
    """Return what there is to say, and a function that does so many steps.

    Settings: `recipe`, `classes` and `task`, as for ours; `network` ("R3D-RS" or
    "SlowOnly"), `channels_last`, `compile`, `bfloat16`, `platform` ("cpu" or "gpu") and
    `tuned` (whether cuDNN tries out its algorithms).
    """
    if settings.get("platform", "cpu") == "gpu":
        if not torch.cuda.is_available():
            sys.exit(f"PyTorch {torch.__version__} finds no GPU")
        device = torch.device("cuda")
    else:
        device = torch.device("cpu")
    torch.backends.cudnn.benchmark = settings.get("tuned", False)
    torch.set_num_threads(worker.cores())
    torch.manual_seed(0)
    recipe, classes = settings["recipe"], settings["classes"]
    frames = recipe["span"] // recipe["temporal_stride"]
    if settings["network"] == "SlowOnly":
        frames = SLOW_ONLY_FRAMES
    shape = (3, frames, recipe["size"], recipe["size"])
    about = _about(settings, shape)
    memory_format = (
        torch.channels_last_3d
        if settings.get("channels_last")
        else torch.contiguous_format
    )
    model = _network(settings).to(device, memory_format=memory_format)
    clips = torch.rand(recipe["batch_size"], *shape, device=device)
    clips = clips.contiguous(memory_format=memory_format)
    labels = torch.randint(classes, (recipe["batch_size"],), device=device)
    decayed, others = torch_model.decayed_and_others(model)
    optimizer = torch.optim.SGD(
        [
            {"params": decayed, "weight_decay": recipe["weight_decay"]},
            {"params": others, "weight_decay": 0.0},
        ],
        recipe["learning_rate"],
        momentum=recipe["momentum"],
        nesterov=recipe["nesterov"],
    )
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=recipe["label_smoothing"])
    training = settings["task"] == "training"
    model.train(training)
    called = torch.compile(model) if settings.get("compile") else model

    def forward():
        with torch.autocast(
            device.type, torch.bfloat16, enabled=settings.get("bfloat16", False)
        ):
            return called(clips)

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(forward().float(), labels)
        loss.backward()
        optimizer.step()
        return loss

    def run(steps):
        value = None
        if training:
            for _ in range(steps):
                value = train()
        else:
            with torch.inference_mode():
                for _ in range(steps):
                    value = forward().sum()
        return float(value)  # waits for the device

    def device_peak():
        return torch.cuda.max_memory_allocated() if device.type == "cuda" else None

    return about, run, device_peak


def _network(settings: dict) -> torch.nn.Module:
    recipe = settings["recipe"]
    if settings["network"] == "R3D-RS":
        return torch_model.R3DRS(
            int(recipe["model"].rpartition("-")[2]),
            settings["classes"],
            recipe["width"],
            recipe["stochastic_depth"],
            recipe["dropout"],
        )
    # PyTorchVideo's detection heads need torchvision, which has to be of the same
    # build as PyTorch; SlowOnly has none of them.
    operations = types.ModuleType("torchvision.ops")
    operations.RoIAlign = None
    sys.modules.setdefault("torchvision", types.ModuleType("torchvision"))
    sys.modules.setdefault("torchvision.ops", operations)
    from pytorchvideo.models.resnet import create_resnet

    side = -(-recipe["size"] // 32)
    return create_resnet(
        model_depth=50,
        model_num_class=settings["classes"],
        dropout_rate=recipe["dropout"],
        stem_conv_kernel_size=(1, 7, 7),
        head_pool_kernel_size=(SLOW_ONLY_FRAMES, side, side),
    )


def _about(settings: dict, shape: tuple) -> dict:
    with torch.device("meta"):
        model = _network(settings).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, *shape))
    versions = f"torch {version('torch')}"
    if settings["network"] == "SlowOnly":
        versions += f", pytorchvideo {version('pytorchvideo')}"
    return {
        "parameters": torch_model.size(model),
        "macs": counter.get_total_flops() // 2,
        "versions": versions,
    }


if __name__ == "__main__":
    worker.serve(worker.stepping(build))
