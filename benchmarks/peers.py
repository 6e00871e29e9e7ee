"""Compare our counts of the quoted networks with other packages' implementations.

    .venv/bin/python benchmarks/peers.py

This writes `runs/benchmarks/peers.csv`. The first use installs PyTorch, torchvision,
pytorchvideo and transformers into a separate environment. It downloads no weights.
"""

import argparse
import json
import subprocess
from functools import partial
from pathlib import Path

import harness

from r3d_rs.paper import peers

#: Our counter for each network of `peers_reference.NETWORKS`.
COUNTED = {
    "R(2+1)D-18, shared": partial(peers.r2plus1d, blocks=(2, 2, 2, 2), shared=True),
    "R(2+1)D-34, shared": partial(peers.r2plus1d, shared=True),
    "ir-CSN-101": partial(peers.csn, blocks=peers.BLOCKS[101], preserved=False),
    "X3D-M": partial(peers.x3d, width=2.0, depth=2.2),
    "MViT-B, 32": peers.mvit,
    "MViT-B, 64": peers.mvit,
    "MViT-B-24, 600": peers.NETWORKS["MViT-B-24"],
    "ViViT-B/16x2": partial(peers.vivit, encoder="B", patch=16),
    **peers.NETWORKS,
}


def measure() -> list[dict]:
    """Return one row per network, with the counts of both sides and their difference.

    Raises:
        subprocess.CalledProcessError: if installing or counting fails.
    """
    script = harness.HERE / "peers_reference.py"
    command = [harness.environment("peers"), script]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    rows = []
    for row in json.loads(done.stdout.splitlines()[-1]):
        name, classes = row["network"], 600 if "600" in row["network"] else 400
        net = COUNTED[name](row["frames"], row["size"], classes)
        rows.append(
            {
                **row,
                "counted_params": net.params,
                "counted_macs": net.macs,
                "params_difference": net.params - row["params"],
                "macs_difference_percent": 100 * (net.macs / row["macs"] - 1),
            }
        )
    return rows


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=harness.ROOT / "runs")
    harness.write(parser.parse_args().output, "peers.csv", measure())


if __name__ == "__main__":
    main()
