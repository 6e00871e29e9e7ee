"""How a run divides its batches, so that they fit the memory of a TPU."""

import dataclasses
import math
from pathlib import Path

import pandas as pd

from r3d_rs.recipes.recipe import Recipe
from r3d_rs.tpu.chips import chips

#: What programs are compiled for.
DATASET, CLASSES = "kinetics-400", 400

#: What of `results/tpu/compiled.csv` decides how a run divides its batches. It is part
#: of the package, so that a notebook in Colab has it; `r3d-rs tpu fits` writes it.
FITS = Path(__file__).with_name("fits.csv")

#: Clips of a device that are enough to normalize by: 1,024, the paper's batch from
#: scratch (§4.1), on 128 cores, which it names for pre-training (§4.5).
ENOUGH = 8


def micro_batches(batch_size: int, devices: int, clips: int) -> int:
    """Return the least parts of a batch of which each device sees `clips` at most.

    Raises:
        ValueError: when the devices do not divide the batch.
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


#: The chip whose rows of `FITS` are taken for a GPU, in proportion to its memory.
LIKE_GPU = "v5e"


def fitted(recipe: Recipe, kind: str, devices: int, memory: int = 0) -> Recipe:
    """Divide a recipe's batches so that they fit the memory of a TPU or a GPU.

    A GPU is taken for a TPU with as much memory, which is an estimate: programs were
    compiled for TPUs alone.

    What fits is looked up for the network with the least multiply-adds that has as many
    as the recipe's, with rematerialized blocks and without. A batch is computed at once
    if that fits; otherwise in as few micro-batches as fit, of `ENOUGH` clips a device
    or more. Blocks are rematerialized where neither is possible without. Pairs of views
    are two clips each, and are not divided, as each view has to be told from all
    others.

    Args:
        recipe: of a run; one with a division of its own keeps it.
        kind: of the devices, as JAX calls them.
        devices: how many there are.
        memory: of a GPU, bytes; 0 where it is not known.

    Returns:
        The recipe with its `micro_batches` and `rematerialize`, or as it was where
        nothing is known of the devices or of a network as large.
    """
    names = {chip.kind: name for name, chip in chips().items()}
    name = names.get(kind, LIKE_GPU if memory else "")
    if not name or recipe.micro_batches > 1 or recipe.rematerialize:
        return recipe
    rows = pd.read_csv(FITS)
    rows = rows[(rows["chip"] == name) & (rows["macs"] >= macs(recipe))]
    if kind not in names:
        ratio = memory / chips()[LIKE_GPU].memory
        rows = rows.assign(clips=(rows["clips"] * ratio).astype(int).clip(lower=1))
    share = recipe.batch_size * recipe.clips_per_example / devices
    for again, least in ((False, ENOUGH), (True, 1)):
        alike = rows[rows["rematerialize"] == again]
        alike = alike[alike["macs"] == alike["macs"].min()]
        alike = alike.groupby("accumulate")["clips"].min()  # of points as large
        if (alike >= share).any():
            return dataclasses.replace(recipe, rematerialize=again)
        if alike.get(True, 0) >= least and recipe.clips_per_example == 1:
            parts = micro_batches(recipe.batch_size, devices, int(alike[True]))
            return dataclasses.replace(recipe, rematerialize=again, micro_batches=parts)
    return recipe


def macs(recipe: Recipe) -> int:
    """Return the multiply-adds of one clip forward, on the dataset of `DATASET`."""
    import keras

    from r3d_rs.models import complexity
    from r3d_rs.training import fit

    # Counting needs shapes only.
    with keras.StatelessScope(initialize_variables=False):
        return complexity(fit.build_model(recipe, CLASSES, size=recipe.size)).macs
