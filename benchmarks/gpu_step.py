"""Training steps on a GPU: ours on JAX beside the same network in PyTorch.

    .venv/bin/python benchmarks/gpu_step.py

needs an NVIDIA card, JAX and PyTorch that use it; `--platform cpu --width 0.125
--size 32` tries it without. See README.md beside this file.
"""

import dataclasses
import subprocess
import sys

import environments
import rows
import step

from r3d_rs.recipes import recipe as recipes
from r3d_rs.report import speed

#: Dense bfloat16 operations a second of cards, 10^12, from their makers' data sheets;
#: a card's name contains the first of these that matches.
PEAKS = {
    "H200": 989.0,
    "H100 PCIe": 756.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
    "A10": 125.0,
}

OURS = "ours, JAX"


def sides(platform: str) -> dict[str, step.Side]:
    """Return the sides by name; ratios are to the first."""
    visible = {"CUDA_VISIBLE_DEVICES": "0" if platform == "gpu" else "-1"}
    # Both hold memory of the card at once.
    ours = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} | visible
    torch = {"channels_last": True, "bfloat16": True}
    found = {
        OURS: step.ours("jax"),
        "PyTorch": step.pytorch(**torch),
        "PyTorch, tuned": step.pytorch(**torch, tuned=True),
        "PyTorch, tuned and compiled": step.pytorch(**torch, tuned=True, compile=True),
    }
    return {
        name: one.having(ours if name == OURS else visible)
        for name, one in found.items()
    }


def missing() -> list[str]:
    """Say what a run on a GPU lacks; nothing where it has all."""
    if not card():
        return ["an NVIDIA GPU (nvidia-smi lists none)"]
    checks = {
        'JAX for CUDA (pip install "jax[cuda13]" into this environment)': (
            environments.OURS,
            "import jax, sys; sys.exit(jax.default_backend() != 'gpu')",
        ),
        f"PyTorch for CUDA (found none in {environments.torch()})": (
            environments.torch(),
            "import torch, sys; sys.exit(not torch.cuda.is_available())",
        ),
    }
    return [
        what
        for what, (python, code) in checks.items()
        if subprocess.run([python, "-c", code], capture_output=True).returncode
    ]


def card() -> str:
    """Return the name of the first GPU, "" where there is none."""
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return "" if done.returncode else done.stdout.partition("\n")[0].strip()


def peak(name: str) -> float | None:
    """Return the peak of a card by its name, 10^12 operations a second."""
    return next((rate for part, rate in PEAKS.items() if part in name), None)


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=7, seconds=4.0)
    rows.add_choice(parser, "sides", sides("gpu"))
    parser.add_argument("--platform", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--peak", type=float, help="of the card, TFLOP/s in bfloat16")
    arguments = parser.parse_args()
    on_gpu = arguments.platform == "gpu"
    if on_gpu and (lacks := missing()):
        sys.exit(f"gpu_step.py is not run: missing {'; '.join(lacks)}")

    recipe = dataclasses.replace(
        recipes.Recipe(), width=arguments.width, size=arguments.size
    )
    recipe = recipes.with_batch_size(recipe, arguments.batch)
    name = f"RS-50, {recipe.frames}×{recipe.size}², batch {recipe.batch_size}"
    if recipe.width != 1:
        name += f", width {recipe.width:g}"
    chosen = sides(arguments.platform)
    table = step.measure(
        name,
        step.Case(recipe, 400, "training", list(chosen)),
        {side: chosen[side] for side in arguments.sides},
        arguments.repetitions,
        arguments.seconds,
        platform=arguments.platform,
    )
    accelerator = card() if on_gpu else ""
    rate = arguments.peak or peak(accelerator)
    if rate is None:
        print("The card's peak is not known: no share of it (--peak gives it).")
    for row in table:
        row |= {"card": accelerator, "peak_gflops": rate and 1000 * rate}
        row |= rows.machine()
    path = rows.write(arguments.output, "gpu_step.csv", table)
    print(f"\n{speed.gpu_table(arguments.output).to_string()}\n{path}")


if __name__ == "__main__":
    main()
