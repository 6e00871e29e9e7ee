"""Least squares of accuracies with seeds as blocks, by arithmetic of the tests' own."""

from collections.abc import Mapping

import numpy as np


def effects(accuracies: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    """Fit `network + seed` and return what each network has, up to a constant.

    Args:
        accuracies: by network and seed; a seed may be of some networks alone.
    """
    runs = [(n, s, top1) for n, own in accuracies.items() for s, top1 in own.items()]
    seeds = sorted({seed for _, seed, _ in runs})
    design = [
        [*(name == one for one in accuracies), *(seed == one for one in seeds)]
        for name, seed, _ in runs
    ]
    values = [top1 for *_, top1 in runs]
    found = np.linalg.lstsq(np.array(design, float), values, rcond=None)[0]
    return dict(zip(accuracies, found.tolist(), strict=False))
