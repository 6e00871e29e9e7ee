"""Clips per second and memory of training steps and of inference.

    .venv/bin/python benchmarks/step.py

Our network, the official implementation and PyTorch run in turn on the same cores. With
`--platform gpu`, ours and PyTorch (plain and tuned) run on an NVIDIA card. See
README.md beside this file.
"""

import dataclasses

import harness
import limits

from r3d_rs.recipes import points, scales
from r3d_rs.recipes import recipe as recipes

SIDES = {
    "official": harness.official(),
    "ours, TensorFlow": harness.ours("tensorflow"),
    "PyTorch, channels last": harness.pytorch(),
}

#: No preallocation, because all sides hold memory of the card at the same time.
ON_GPU = {"CUDA_VISIBLE_DEVICES": "0", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
GPU_SIDES = {"ours, JAX": harness.ours("jax", **ON_GPU)} | {
    name: dataclasses.replace(harness.pytorch(**settings), environment=ON_GPU)
    for name, settings in {
        "PyTorch": {},
        "PyTorch, autotuned": {"autotune": True},
        "PyTorch, autotuned and compiled": {"autotune": True, "compile": True},
    }.items()
}

CLASSES = 400

#: By platform: task, point of Figure 2, scale, size and batch.
CASES = {
    "cpu": (
        ("training", "RS-50", "paper", 112, 4),
        ("inference", "RS-50", "paper", 112, 4),
        ("inference", "RS-50", "paper", 224, 1),
        ("training", "RS-50", "pantomime", 48, 50),
    ),
    "gpu": (
        ("training", "RS-50", "paper", 224, 32),
        ("training", "RS-200@f48", "paper", 224, 8),
    ),
}


def of_scale(sides: dict, scale: str) -> dict:
    """Return the sides that have a scale; official networks have only full width."""
    return {k: v for k, v in sides.items() if scale == "paper" or k != "official"}


def main() -> None:
    """Run the benchmark."""
    parser = harness.options(__doc__, SIDES | GPU_SIDES, repetitions=7, seconds=8.0)
    parser.add_argument("--platform", choices=list(CASES), default="cpu")
    parser.add_argument("--peak", type=float, help="peak of the card, bfloat16 GFLOP/s")
    parser.add_argument("--size", type=int, help="size of the clips, for a quick try")
    arguments = parser.parse_args()
    on_gpu = arguments.platform == "gpu"
    sides = GPU_SIDES if on_gpu else SIDES
    sides = {name: side for name, side in sides.items() if name in arguments.sides}
    limit = arguments.peak if on_gpu else limits.multiply_rate(limits.SIDES)
    rows = []
    for task, point, scale, size, batch_size in CASES[arguments.platform]:
        if not (able := of_scale(sides, scale)):
            continue
        recipe = dataclasses.replace(
            scales.of_point(points.point(point), scale),
            size=arguments.size or size,
            precision="mixed_bfloat16" if on_gpu else "float32",
        )
        recipe = recipes.with_batch_size(recipe, batch_size)
        case = f"{point}, {recipe.frames}×{recipe.size}², batch {batch_size}, {task}"
        if scale != "paper":
            case += f", {recipe.width:g} times the width"
        settings = {
            "work": "step",
            "task": task,
            "recipe": recipes.as_dict(recipe),
            "classes": CLASSES,
            "platform": arguments.platform,
        }
        rows += harness.compare(
            case, "clips/s", able, settings, arguments.repetitions, arguments.seconds
        )
        for row in rows[-len(able) :]:
            # Two operations per multiply-add; a training step is three forward passes.
            operations = (6 if task == "training" else 2) * row.get("macs", 0)
            row["gflops"] = row["median"] * operations / 1e9 or None
            row["limit_gflops"] = limit
    name = "step-gpu.csv" if on_gpu else "step.csv"
    harness.write(arguments.output, name, rows)


if __name__ == "__main__":
    main()
