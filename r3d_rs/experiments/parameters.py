"""Checks of a notebook's parameters, before anything expensive starts.

papermill writes the parameters it receives into a cell after the tagged one. If the
tagged cell lacks a name, papermill only warns. A misspelt parameter would then train
for minutes with its default value. So the notebook's next cell checks the names.
"""

import sys
from collections.abc import Iterable, Mapping

#: Names that IPython itself puts into a notebook's namespace.
IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})

#: The types papermill can inject; a module, a function or a figure is not a parameter.
LITERALS = (str, bytes, bool, int, float, complex, list, tuple, dict, set, type(None))


def reject_unknown(namespace: Mapping, allowed: Iterable[str]) -> None:
    """Raise an error if a notebook's namespace holds an unknown parameter.

    Args:
        namespace: the notebook's `globals()`, before it defines anything of its own.
        allowed: names of its parameters.

    Raises:
        ValueError: naming each unknown parameter, its value, and the allowed names.
    """
    allowed = tuple(allowed)
    unknown = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_")
        and name not in IPYTHON_NAMES
        and name not in allowed
        and isinstance(value, LITERALS)
    }
    if unknown:
        received = ", ".join(f"{name} = {value!r}" for name, value in unknown.items())
        raise ValueError(
            f"unknown parameter: received {received}; "
            f"this notebook's parameters are {', '.join(allowed)}"
        )


def check(
    name: str,
    value: object,
    kind: type,
    *,
    allowed: Iterable | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
):
    """Return a parameter's value if its type and the value are allowed.

    Args:
        name: name of the parameter, for the message.
        value: value received.
        kind: `str`, `int`, `float` (which accepts whole numbers) or `bool`.
        allowed: all allowed values, if they can be listed.
        minimum: smallest allowed value.
        maximum: largest allowed value, used with `minimum` only; None for any finite
            value.

    Raises:
        ValueError: naming the parameter, the value received and what is allowed.
    """
    kinds = (int, float) if kind is float else (kind,)
    # `True` is an `int` to Python, but nobody means it as a seed.
    if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
        article = "an" if kind is int else "a"
        raise ValueError(
            f"parameter {name}: received {value!r} ({type(value).__name__}), "
            f"expected {article} {kind.__name__}"
        )
    if allowed is not None:
        allowed = tuple(allowed)
        if value not in allowed:
            choices = ", ".join(map(str, allowed))
            raise ValueError(
                f"parameter {name}: received {value!r}, allowed are {choices}"
            )
    largest = sys.float_info.max if maximum is None else maximum
    if minimum is not None and not minimum <= value <= largest:
        more = "or more, but finite" if kind is float else "or more"
        end = more if maximum is None else f"to {maximum}"
        raise ValueError(
            f"parameter {name}: received {value!r}, allowed is {minimum} {end}"
        )
    return value
