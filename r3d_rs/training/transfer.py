"""Start a network from the weights of another (§4.5, §5)."""

import dataclasses
import functools
import hashlib

import keras
import numpy as np

#: Layers that are not transferred, because they belong to the task.
NEW = ("head",)


class TransferError(ValueError):
    """Weights do not fit the network that should start from them."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of a trained network.

    Attributes:
        name: where the weights come from.
        values: weights by the variable's path.
    """

    name: str
    values: dict[str, np.ndarray]

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of all weights and their paths."""
        digest = hashlib.sha256()
        for path, value in sorted(self.values.items()):
            digest.update(f"{path} {value.dtype} {value.shape}\n".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Transfer:
    """Result of `transfer`.

    Attributes:
        transferred: paths of the variables that received weights.
        new: paths of the variables that kept their initial values.
    """

    transferred: tuple[str, ...]
    new: tuple[str, ...]


def weights_of(model: keras.Model, name: str) -> Weights:
    """Return a network's weights."""
    values = {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}
    return Weights(name, values)


def transfer(weights: Weights, network: keras.Model) -> Transfer:
    """Copy all weights except the head's into a network.

    Args:
        weights: weights of a network with the same layers, any clip size and classes.
        network: a network from `models.build`.

    Raises:
        TransferError: if weights do not fit. It lists missing and surplus layers, and
            variables of another shape; the network is unchanged.
    """

    def is_new(path):
        return path.split("/")[0] in NEW

    own = {weight.path: weight for weight in network.weights}
    wanted = {path for path in own if not is_new(path)}
    given = {path for path in weights.values if not is_new(path)}
    shapes = [
        f"{path} is {weights.values[path].shape} and should be {tuple(own[path].shape)}"
        for path in sorted(wanted & given)
        if weights.values[path].shape != tuple(own[path].shape)
    ]
    problems = [
        f"{kind}: {', '.join(found)}"
        for kind, found in (
            ("missing", _layers(own, wanted - given)),
            ("surplus", _layers(weights.values, given - wanted)),
            ("of another shape", shapes),
        )
        if found
    ]
    if problems:
        raise TransferError(
            f"{weights.name} does not fit {network.name}: {'; '.join(problems)}"
        )
    for path in wanted:
        own[path].assign(weights.values[path])
    return Transfer(
        tuple(path for path in own if path in wanted),
        tuple(path for path in own if path not in wanted),
    )


def _layers(paths, chosen: set[str]) -> list[str]:
    """Return the outermost layers of only chosen variables, or else the innermost.

    Args:
        paths: paths of all variables, in the order of the layers.
        chosen: paths of the chosen variables.
    """
    partly = {one for path in paths if path not in chosen for one in _around(path)}
    layers = {}
    for path in paths:
        if path in chosen:
            whole = (one for one in _around(path) if one not in partly)
            layers[next(whole, path.rpartition("/")[0])] = None
    return list(layers)


def _around(path: str) -> list[str]:
    """Return the layers around a variable, outermost first: a and a/b for a/b/c."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]
