"""Divide a run's batches so that they fit the memory of a TPU or a GPU."""

import dataclasses
import math
from pathlib import Path

import pandas as pd

from r3d_rs.recipes.recipe import Recipe
from r3d_rs.tpu.chips import chips

#: Dataset and number of classes that programs are compiled for.
DATASET, CLASSES = "kinetics-400", 400

#: Table of the clips that fit, used by runs to divide their batches. `r3d-rs tpu fits`
#: writes it from `results/tpu/compiled.csv`. It is in the package, so notebooks in
#: Colab have it.
FITS = Path(__file__).with_name("fits.csv")

#: Clips per device that are enough for batch normalization. It is the paper's batch of
#: 1,024 from scratch (§4.1) on the 128 cores that it gives for pre-training (§4.5).
ENOUGH = 8


def micro_batches(batch_size: int, devices: int, clips: int) -> int:
    """Return the smallest number of micro-batches with at most `clips` per device.

    Raises:
        ValueError: if the batch is not a multiple of the devices.
    """
    if batch_size % devices:
        raise ValueError(
            f"batch_size is {batch_size}, but there are {devices} devices: allowed are"
            f" multiples of {devices}"
        )
    own = batch_size // devices
    parts = math.ceil(own / clips)
    while own % parts:
        parts += 1
    return parts


#: Chip that stands for a GPU in `FITS`; its clips are scaled by the GPU's memory.
LIKE_GPU = "v5e"


def fitted(recipe: Recipe, kind: str, devices: int, memory: int = 0) -> Recipe:
    """Divide a recipe's batches so that they fit the memory of a TPU or a GPU.

    A GPU counts as a TPU with equal memory. That is an estimate, because programs were
    compiled for TPUs only.

    The clips that fit are those of the smallest known network with at least as many
    multiply-adds as the recipe's network. A network smaller than all of them fits more:
    a clip's memory falls at least with the root of its multiply-adds. A batch is
    computed at once if it fits. Otherwise it is divided into as few micro-batches as
    possible, if each has at least `ENOUGH` clips per device. If neither works, blocks
    are rematerialized; then fewer clips are enough, if no more fit. Contrastive batches
    have two clips per video and are never divided, because each view is compared with
    all others.

    Args:
        recipe: recipe of a run. If it has micro-batches or rematerialized blocks, it
            stays unchanged.
        kind: JAX's name for the devices.
        devices: number of devices.
        memory: memory of a GPU in bytes; 0 if unknown.

    Returns:
        The recipe with its `micro_batches` and `rematerialize`. It is unchanged if the
        devices are unknown, or if nothing is known to fit.
    """
    names = {chip.kind: name for name, chip in chips().items()}
    name = names.get(kind, LIKE_GPU if memory else "")
    if not name or recipe.micro_batches > 1 or recipe.rematerialize:
        return recipe
    rows, own = pd.read_csv(FITS), macs(recipe)
    ratio = 1 if kind in names else memory / chips()[LIKE_GPU].memory
    ratio *= max(1, rows["macs"].min() / own) ** 0.5
    rows = rows[(rows["chip"] == name) & (rows["macs"] >= own)]
    rows = rows.assign(clips=(rows["clips"] * ratio).astype(int).clip(lower=1))
    share = recipe.batch_size * recipe.clips_per_example / devices
    for again, least in ((False, ENOUGH), (True, 1)):
        alike = rows[rows["rematerialize"] == again]
        alike = alike[alike["macs"] == alike["macs"].min()]
        alike = alike.groupby("accumulate")["clips"].min()  # over points of equal size
        if (alike >= share).any():
            return dataclasses.replace(recipe, rematerialize=again)
        if alike.get(True, 0) >= least and recipe.clips_per_example == 1:
            parts = micro_batches(recipe.batch_size, devices, int(alike[True]))
            if share / parts < min(ENOUGH, alike[True]):
                continue
            return dataclasses.replace(recipe, rematerialize=again, micro_batches=parts)
    return recipe


def macs(recipe: Recipe) -> int:
    """Return the multiply-adds of one clip's forward pass, with `CLASSES` classes."""
    import keras

    from r3d_rs.models import complexity
    from r3d_rs.training import fit

    # Counting needs only shapes.
    with keras.StatelessScope(initialize_variables=False):
        return complexity(fit.build_model(recipe, CLASSES, size=recipe.size)).macs
