"""The rows of Table 2: the baseline, and the change of each row to the one above."""

import dataclasses

from r3d_rs.recipes.recipe import Recipe

#: Changes of the R3D-50 baseline to the defaults (Table 2, row 1).
BASELINE = {
    "model": "r3d-50",
    "stem": "7x7",
    "squeeze_excitation": 0.0,
    "label_smoothing": 0.0,
    "stochastic_depth": 0.0,
    "weight_decay": 1e-4,
    "epochs": 200,
    "area_range": (0.49, 1.0),
}

#: Changes of each row of Table 2 to the row above it. R3D-50 with ResNet-D's stem and
#: squeeze-excitation is R3D-RS-50.
TABLE_2 = {
    "LS": {"label_smoothing": 0.1},
    "SD": {"stochastic_depth": 0.2},
    "WD": {"weight_decay": 4e-5},
    "350-EP": {"epochs": 350},
    "SJ": {"area_range": (0.08, 1.0)},
    "SE": {"squeeze_excitation": 0.25},
    "D-stem": {"stem": "resnet-d"},
    "RS-200@f48": {"model": "r3d-rs-200", "span": 48},
    "RA": {"randaugment_layers": 2},
}


#: Rows that Table 2 does not have: the row that each changes, and the changes. In the
#: paper, augmentation is the same for all frames of a clip (§3.2).
FURTHER = {"per-frame": ("D-stem", {"per_frame": True})}


def row(name: str) -> Recipe:
    """Return the recipe of a row: "baseline" or a name in `TABLE_2` or `FURTHER`.

    Raises:
        ValueError: if the row is unknown, naming it and those allowed.
    """
    if name in FURTHER:
        base, changes = FURTHER[name]
        return dataclasses.replace(row(base), **changes)
    names = ["baseline", *TABLE_2]
    if name not in names:
        raise ValueError(
            f"parameter row: received {name!r}, allowed are"
            f" {', '.join([*names, *FURTHER])}"
        )
    return toggled(*names[1 : names.index(name) + 1])


def toggled(*names: str) -> Recipe:
    """Return the baseline's recipe with some of the changes in `TABLE_2`.

    Raises:
        ValueError: if a toggle is unknown, naming it and those allowed.
    """
    changes = dict(BASELINE)
    for name in names:
        if name not in TABLE_2:
            raise ValueError(
                f"parameter toggles: received {name!r}, allowed are"
                f" {', '.join(TABLE_2)}"
            )
        changes |= TABLE_2[name]
    return Recipe(**changes)


def _listed(toggles: str) -> list[str]:
    return [name.strip() for name in toggles.split(",") if name.strip()]


def chosen(name: str, toggles: str = "") -> Recipe:
    """Return the recipe for toggles such as "LS,SE" or, without toggles, of a row.

    Raises:
        ValueError: as in `row` and `toggled`.
    """
    names = _listed(toggles)
    return toggled(*names) if names else row(name)


def title(name: str, toggles: str = "") -> str:
    """Return a name for toggles, such as "baseline+LS+SE", or a row's own name."""
    names = _listed(toggles)
    return "+".join(["baseline", *names]) if names else name


def of_model(model: str) -> Recipe:
    """Return the paper's recipe for a network: the baseline's or R3D-RS's (§4.1)."""
    if model == BASELINE["model"]:
        return row("baseline")
    return Recipe(model=model)
