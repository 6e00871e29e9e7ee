"""Measure how often intervals of gains contain the true gain, on simulated networks.

    .venv/bin/python benchmarks/intervals.py

This writes `runs/calibration/coverage.csv` in a few minutes. The intervals come from
`r3d_rs.evaluation.gains.estimate`, as in the book. All networks are equally accurate,
so the true gain is zero.
"""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.evaluation import gains, interval

#: Number of test videos.
VIDEOS = 300


@dataclass(frozen=True)
class Case:
    """Simulated networks with a given spread of accuracy over seeds.

    Args:
        deviations: standard deviation over seeds of each network's accuracy, without
            the shared part.
        seeds: number of runs of each network.
        shared: standard deviation of the part that a seed adds to all networks.
    """

    deviations: Sequence[float]
    seeds: Sequence[int]
    shared: float = 0.0


CASES = {
    "alike": Case([0.015] * 6, [6] * 6),
    "shared seeds": Case([0.015] * 6, [6] * 6, 0.02),
    "one spreads more": Case([0.01, 0.01, 0.03, 0.01, 0.01, 0.01], [8] * 6, 0.01),
    "unequal spreads": Case([0.006, 0.03, 0.01, 0.02, 0.008, 0.015], [6] * 6, 0.01),
    "unequal numbers": Case([0.015] * 6, [8, 8, 5, 4, 3, 3], 0.01),
    "all of it": Case(
        [0.01, 0.03, 0.012, 0.02, 0.01, 0.025], [8, 8, 6, 5, 4, 4], 0.015
    ),
}


def drawn(generator: np.random.Generator, case: Case, gain: float = 0.0) -> dict:
    """Draw outcomes of networks in the format of `gains.estimate`.

    The first network's accuracy is 0.6, and each later one has `gain` more. Each seed
    adds a part shared by all networks and a part of the network alone. Videos differ in
    difficulty.
    """
    hard = generator.normal(0, 0.15, VIDEOS)
    shared = generator.normal(0, case.shared, max(case.seeds))
    return {
        f"n{i}": {
            seed: generator.random(VIDEOS)
            < np.clip(
                0.6 + gain * i + hard + shared[seed] + generator.normal(0, deviation),
                0,
                1,
            )
            for seed in range(number)
        }
        for i, (deviation, number) in enumerate(
            zip(case.deviations, case.seeds, strict=True)
        )
    }


def following(networks: dict) -> list[tuple[str, str]]:
    """Return each network paired with the next."""
    return list(itertools.pairwise(networks))


def covered(case: Case, repetitions: int, seed: int = 0) -> list[bool]:
    """Return whether each unadjusted interval of each repetition contains zero."""
    generator, inside = np.random.default_rng(seed), []
    for _ in range(repetitions):
        networks = drawn(generator, case)
        for one in gains.estimate(
            networks, following(networks), [list(networks)], adjust=False
        ):
            inside.append(one.low <= 0 <= one.high)
    return inside


def erred(case: Case, repetitions: int, seed: int = 1) -> list[bool]:
    """Return for each repetition whether any adjusted interval excludes zero."""
    generator, wrong = np.random.default_rng(seed), []
    for _ in range(repetitions):
        networks = drawn(generator, case)
        found = gains.estimate(networks, following(networks), [list(networks)])
        wrong.append(any(not one.low <= 0 <= one.high for one in found))
    return wrong


def main() -> None:
    """Simulate all cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=Path("runs/calibration"))
    arguments = parser.parse_args()
    rows = []
    for name, case in CASES.items():
        inside = covered(case, arguments.repetitions)
        wrong = erred(case, arguments.repetitions)
        low, high = interval.wilson_interval(sum(wrong), len(wrong))
        rows.append(
            {
                "networks": name,
                "single intervals": len(inside),
                "with the truth, %": round(100 * np.mean(inside), 1),
                "families": len(wrong),
                "with any error, %": round(100 * np.mean(wrong), 1),
                "95 % interval": f"{100 * low:.1f} to {100 * high:.1f}",
            }
        )
        print(rows[-1], flush=True)
    arguments.results.mkdir(parents=True, exist_ok=True)
    path = arguments.results / "coverage.csv"
    pd.DataFrame(rows).to_csv(path, index=False, lineterminator="\n")
    print(path)


if __name__ == "__main__":
    main()
