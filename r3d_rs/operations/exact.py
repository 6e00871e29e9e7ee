"""Exact parameters and multiply-adds of the paper's networks: `complexity.csv`.

`r3d-rs report tables --exact` writes `results/exact/complexity.csv`, on any CPU.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

from r3d_rs.files import whole_file

#: The baseline with squeeze-excitation and the old stem (Table 2, row 7).
BASELINE_WITH_SE = "r3d-50+se"
#: R3D-RS-50 with self-gating in each block, as in the text of §3.1.
GATING_EVERYWHERE = "r3d-rs-50+sg"

#: Options of `models.build` for these variants.
VARIANTS = {
    BASELINE_WITH_SE: {"squeeze_excitation": 0.25},
    GATING_EVERYWHERE: {"self_gating": "all"},
}


def networks() -> Iterator[tuple[str, int, int, int]]:
    """Yield the networks to count, as name, frames, size and number of classes.

    They are all networks and two variants at 16 frames of 256², the points of Fig. 2 at
    their evaluation size, the heads of Table 4, and R3D-RS-50 with all 32 frames of its
    span.
    """
    from r3d_rs.models import NAMES
    from r3d_rs.recipes import points

    rows = [(name, 16, 256, 400) for name in [*NAMES, *VARIANTS]]
    rows += [
        (point.model, point.span // 2, point.eval_size, 400)
        for point in points.scaling().values()
    ]
    rows += [("r3d-rs-200", frames, 256, 600) for frames in (16, 24)]
    rows.append(("r3d-rs-50", 32, 256, 400))
    yield from dict.fromkeys(rows)


def count(name: str, frames: int, size: int, num_classes: int) -> dict:
    """Count a network's parameters and multiply-adds.

    Args:
        name: a name in `models.NAMES` or `VARIANTS`.
        frames: number of frames that the network sees.
        size: height and width of a frame, pixels.
        num_classes: number of classes of the head.

    Returns:
        A row of `complexity.csv`, with the arguments and the counts of
        `models.Complexity`.
    """
    import keras

    from r3d_rs.models import build, complexity

    network, options = name.partition("+")[0], VARIANTS.get(name, {})
    # Counting needs only shapes; values would take gigabytes.
    with keras.StatelessScope(initialize_variables=False):
        model = build(network, frames, size, num_classes, **options)
    counted = complexity(model)
    return {
        "name": name,
        "frames": frames,
        "size": size,
        "num_classes": num_classes,
        "params": counted.params,
        "trainable_params": counted.trainable_params,
        "macs": counted.macs,
        "elementwise": counted.elementwise,
    }


def write(results: Path) -> Path:
    """Count every network and write `<results>/exact/complexity.csv`.

    Returns:
        Path of the file. Its multiply-adds are for one clip of the row's size.
    """
    path = Path(results) / "exact" / "complexity.csv"
    rows = [count(*network) for network in networks()]
    with (
        whole_file(path) as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(counts, network: str, frames: int, size: int, classes: int):
    """Return a network's row of `complexity.csv`.

    Raises:
        ValueError: if the network has not been counted.
    """
    place = (network, frames, size, classes)
    if place not in counts.index:
        raise ValueError(
            f"exact/complexity.csv lacks {network} with {frames} frames of {size}"
            f" pixels and {classes} classes; `r3d-rs report tables --exact` counts it"
        )
    return counts.loc[place]


def read(results: Path):
    """Return `complexity.csv` as a `pandas.DataFrame`.

    The index is name, frames, size and num_classes. Two columns are added, in 10^9:
    `gmacs` has the multiply-adds. `profiler_gflops` adds half of the elementwise
    operations, like the paper's "FLOPs".

    Raises:
        FileNotFoundError: if the file is missing.
    """
    import pandas as pd

    path = Path(results) / "exact" / "complexity.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is missing; `r3d-rs report tables --exact` writes it"
        )
    rows = pd.read_csv(path).set_index(["name", "frames", "size", "num_classes"])
    return rows.assign(
        gmacs=rows["macs"] / 1e9,
        profiler_gflops=(rows["macs"] + rows["elementwise"] / 2) / 1e9,
    )
