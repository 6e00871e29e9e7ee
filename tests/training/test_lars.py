"""LARS, against Optax."""

import keras
import numpy as np
import optax
import pytest

from r3d_rs.training.lars import LARS
from r3d_rs.training.optimizers import WarmupCosine

pytestmark = pytest.mark.both_backends

STEPS = 20
SHAPES = {
    "kernel": (3, 3, 3, 4, 8),
    "head": (8, 5),
    "scale": (8,),
    "zero": (5,),  # at the start
    "temperature": (),
}
NO_ADAPTATION = {"head", "temperature"}


@pytest.fixture
def schedule():
    return WarmupCosine(2.0, 4, STEPS)


def test_steps_are_those_of_optax(schedule):
    random = np.random.default_rng(0)
    start = {
        name: random.normal(size=s).astype("float32") for name, s in SHAPES.items()
    }
    start["zero"] *= 0
    gradients = [
        {name: random.normal(size=s).astype("float32") for name, s in SHAPES.items()}
        for _ in range(STEPS)
    ]
    gradients[7]["scale"] *= 0  # so that its norm is zero

    variables = {
        name: keras.Variable(value, name=name) for name, value in start.items()
    }
    ours = LARS(schedule, trust_coefficient=0.05)
    ours.exclude_from_adaptation([variables[name] for name in NO_ADAPTATION])
    theirs = optax.lars(
        lambda step: float(schedule(int(step))),
        trust_coefficient=0.05,
        trust_ratio_mask={name: name not in NO_ADAPTATION for name in SHAPES},
        momentum=0.9,
    )
    expected, state = start, theirs.init(start)
    for gradient in gradients:
        values = [keras.ops.convert_to_tensor(gradient[name]) for name in SHAPES]
        ours.apply(values, list(variables.values()))
        updates, state = theirs.update(gradient, state, expected)
        expected = optax.apply_updates(expected, updates)
        for name, variable in variables.items():
            np.testing.assert_allclose(
                variable.numpy(), expected[name], rtol=1e-6, atol=2e-6, err_msg=name
            )
    for name, variable in variables.items():
        assert np.abs(variable.numpy() - start[name]).max() > 0.1, name


def test_exclusion_from_adaptation_is_refused_once_built():
    variable = keras.Variable(np.ones(2, "float32"))
    lars = LARS(0.1)
    lars.build([variable])
    with pytest.raises(ValueError, match="before"):
        lars.exclude_from_adaptation([variable])
