"""Sides of PyTorch, with `torch-requirements.txt`: products and steps of R3D-RS."""

import sys
from importlib.metadata import version

import torch
import torch_model
import worker
from torch.utils.flop_counter import FlopCounterMode


def multiply(settings: dict):
    """Multiply float32 matrices of `size` squared; the amount is 10^9 operations."""
    size = settings["size"]
    a, b = (torch.randn(size, size) for _ in range(2))
    out = torch.empty(size, size)

    def run(times):
        for _ in range(times):
            torch.matmul(a, b, out=out)
        return {"value": float(out[0, 0])}

    about = {"counts": {}, "versions": f"torch {version('torch')}"}
    return {"amount": 2e-9 * size**3, **about}, run


def step(settings: dict):
    """Train on the same batch, or predict it, channels last; the amount counts clips.

    On a GPU, autocast uses bfloat16. "autotune" lets cuDNN try the algorithms of each
    convolution. "compile" compiles the network.
    """
    recipe, classes = settings["recipe"], settings["classes"]
    on_gpu = settings.get("platform", "cpu") == "gpu"
    if on_gpu and not torch.cuda.is_available():
        sys.exit(f"PyTorch {torch.__version__} finds no GPU")
    device = torch.device("cuda" if on_gpu else "cpu")
    torch.manual_seed(0)
    frames = recipe["span"] // recipe["temporal_stride"]
    shape = (3, frames, recipe["size"], recipe["size"])
    layout = {"memory_format": torch.channels_last_3d}
    torch.backends.cudnn.benchmark = settings.get("autotune", False)
    model = _network(settings).to(device, **layout)
    clips = torch.rand(recipe["batch_size"], *shape, device=device).contiguous(**layout)
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
    network = torch.compile(model) if settings.get("compile") else model

    def forward():
        with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
            return network(clips)

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(forward().float(), labels)
        loss.backward()
        optimizer.step()
        return loss

    @torch.inference_mode()
    def predict():
        return forward().sum()

    def run(times):
        for _ in range(times):
            value = train() if training else predict()
        peak = torch.cuda.max_memory_allocated() if on_gpu else None
        return {"value": float(value), "device_peak": peak}  # waits for the device

    return {"amount": recipe["batch_size"], **_about(settings, shape)}, run


def _network(settings: dict) -> torch.nn.Module:
    recipe = settings["recipe"]
    return torch_model.R3DRS(
        recipe["model"],
        settings["classes"],
        recipe["width"],
        recipe["stochastic_depth"],
        recipe["dropout"],
    )


def _about(settings: dict, shape: tuple) -> dict:
    with torch.device("meta"):
        model = _network(settings).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, *shape))
    counts = {
        "parameters": torch_model.size(model),
        "macs": counter.get_total_flops() // 2,
    }
    return {"counts": counts, "versions": f"torch {version('torch')}"}


WORK = {function.__name__: function for function in (multiply, step)}

if __name__ == "__main__":
    torch.set_num_threads(worker.cores())
    worker.serve(lambda settings: WORK[settings["work"]](settings))
