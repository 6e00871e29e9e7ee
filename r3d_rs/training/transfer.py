"""Starting a network from the weights of another (§4.5, §5)."""

import dataclasses
import functools
import hashlib

import keras
import numpy as np

#: Layers that are not transferred: they are the task's.
NEW = ("head",)


class TransferError(ValueError):
    """Weights do not fit the network that should start from them."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """The weights of a trained network.

    Attributes:
        name: where they are from.
        values: by the variable's path.
    """

    name: str
    values: dict[str, np.ndarray]

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of all of them, with their paths."""
        digest = hashlib.sha256()
        for path, value in sorted(self.values.items()):
            digest.update(f"{path} {value.dtype} {value.shape}\n".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Transfer:
    """What was transferred.

    Attributes:
        transferred: paths of the variables that have the weights.
        new: paths of those that kept their initial values.
    """

    transferred: tuple[str, ...]
    new: tuple[str, ...]


def weights_of(model: keras.Model, name: str) -> Weights:
    """Return a network's weights."""
    values = {w.path: keras.ops.convert_to_numpy(w) for w in model.weights}
    return Weights(name, values)


def transfer(weights: Weights, network: keras.Model) -> Transfer:
    """Give a network all weights but those of its head.

    Args:
        weights: of a network with the same layers, for any clip size and classes.
        network: a built model of `models.build`.

    Raises:
        TransferError: listing the layers that are missing or surplus and the variables
            of another shape; then nothing is changed.
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
    """Name the layers of some variables, what they are in only where all is chosen.

    Args:
        paths: of all variables, in the order of the layers.
        chosen: paths of those that are named.
    """
    partly = {one for path in paths if path not in chosen for one in _around(path)}
    layers = {}
    for path in paths:
        if path in chosen:
            whole = (one for one in _around(path) if one not in partly)
            layers[next(whole, path.rpartition("/")[0])] = None
    return list(layers)


def _around(path: str) -> list[str]:
    """Return the layers that a variable is in, such as a/b/c of a/b/c/d, a first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]
