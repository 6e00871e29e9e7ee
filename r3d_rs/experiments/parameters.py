"""Checking the parameters of a notebook before anything expensive starts.

papermill writes the parameters it was given into a cell after the tagged one, warns
about a name that cell does not have, and goes on. A misspelt parameter would train for
minutes with the default in its place, so the notebook's next cell checks the names.
"""

import sys
from collections.abc import Iterable, Mapping

#: Names that IPython itself puts into a notebook's namespace.
IPYTHON_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})

#: The types papermill can inject; a module, a function or a figure is not a parameter.
LITERALS = (str, bytes, bool, int, float, complex, list, tuple, dict, set, type(None))


def reject_unknown(namespace: Mapping, allowed: Iterable[str]) -> None:
    """Raise if a notebook's namespace holds a parameter that it does not have.

    Args:
        namespace: the notebook's `globals()`, before it has set anything of its own.
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
    """Return a parameter's value if it is of its type and among what is allowed.

    Args:
        name: of the parameter, for the message.
        value: as received.
        kind: `str`, `int`, `float` (a whole number will do) or `bool`.
        allowed: all values it may have, if they can be listed.
        minimum: smallest value it may have.
        maximum: largest one, where there is a smallest; None for any finite one.

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
