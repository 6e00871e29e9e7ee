"""A process that takes a few training steps from weights of NumPy's: `test_devices.py`.

python -m tests.shared.parallel_steps OUTPUT
"""

import dataclasses
import math
import sys

import keras
import numpy as np

from r3d_rs.recipes import scales, table2
from r3d_rs.training import fit

CLASSES, BATCH, STEPS = 5, 8, 4

#: All of Pantomime's, but for what is drawn: backends draw other masks.
RECIPE = dataclasses.replace(
    scales.at_pantomime_scale(table2.of_model("r3d-rs-50")),
    width=0.125,
    span=12,
    size=16,
    stochastic_depth=0.0,
    dropout=0.0,
    zero_init_last=False,
)


def main(output):
    """Take the steps, and write the losses and the weights before and after."""
    draw = np.random.default_rng(0)
    model = fit.compiled(RECIPE, CLASSES, STEPS)
    for variable in model.trainable_variables:
        if variable.path.endswith("kernel"):
            scale = math.sqrt(2 / math.prod(variable.shape[:-1]))
            variable.assign(draw.normal(0, scale, variable.shape))
    before = flat(model)
    losses = []
    for _ in range(STEPS):
        clips = draw.random((BATCH, RECIPE.frames, RECIPE.size, RECIPE.size, 3))
        labels = keras.utils.to_categorical(draw.integers(CLASSES, size=BATCH), CLASSES)
        losses.append(model.train_on_batch(clips.astype("float32"), labels)[0])
        model.reset_metrics()
    np.savez(
        output,
        backend=keras.backend.backend(),
        loss=losses,
        before=before,
        after=flat(model),
    )


def flat(model):
    """Return all that training changes, statistics of normalization too."""
    return np.concatenate(
        [w.numpy().ravel() for w in model.weights if "seed" not in w.path]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
