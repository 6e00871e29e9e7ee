"""Gains between points, estimated from their records over all seeds and videos."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from r3d_rs.evaluation.gains import Gain, Outcomes, estimate
from r3d_rs.experiments import record, registry
from r3d_rs.operations import study


@dataclass(frozen=True)
class Pair:
    """Two points to compare.

    Args:
        dataset: dataset of both.
        before: name of the first experiment, the baseline.
        after: name of the second experiment.
        top: 1 for top-1 accuracy, 5 for top-5.
    """

    dataset: str
    before: str
    after: str
    top: int = 1

    @property
    def ends(self) -> tuple[tuple, tuple]:
        """The two networks: dataset, name and `top` of each."""
        return tuple(
            # an experiment with several names is always compared under one
            (self.dataset, _network(name), self.top)
            for name in (self.before, self.after)
        )


def gains(
    results: Path, pairs: Sequence[Pair], *, adjust: bool = True
) -> list[Gain | None]:
    """Estimate gains as one family: their intervals are adjusted for their number.

    Experiments that the study's plan lists as alike pool their spread over seeds.

    Args:
        results: folder of the records, with the scores beside them.
        pairs: pairs of points.
        adjust: whether to adjust for the number of gains; False estimates each gain as
            if it were the only one.

    Returns:
        One gain per pair; None if a point has no record.

    Raises:
        ValueError: if two points were evaluated on different videos, or if the recipes
            of one point differ.
        FileNotFoundError: if scores are missing; it names them.
    """
    kinds = list(dict.fromkeys((pair.dataset, pair.top) for pair in pairs))
    alike = [
        list(dict.fromkeys((dataset, _network(name), top) for name in names))
        for dataset, top in kinds
        for names in study.read().alike
    ]
    ends = [end for pair in pairs for end in pair.ends]
    # a group can be pooled with a gain only if it has both its ends
    alike = [own for own in alike if any(set(pair.ends) <= set(own) for pair in pairs)]
    names = dict.fromkeys([*ends, *(end for group in alike for end in group)])
    networks, videos = {}, {}
    for name in names:
        networks[name] = _outcomes(results, *name, videos)
    return estimate(networks, [pair.ends for pair in pairs], alike, adjust=adjust)


def between(results: Path, dataset: str, before: str, after: str) -> str:
    """Describe the gain from one experiment to another, unadjusted."""
    return text(gains(results, [Pair(dataset, before, after)])[0])


def text(found: Gain | None) -> str:
    """Describe a gain in percentage points; "not run" if there is none."""
    mean, ends, seeds = parts(found)
    if found is None:
        return mean
    ends = "" if ends == "-" else f"{ends}, "
    return f"{mean} ({ends}{seeds} seed{'s' * (max(found.seeds) > 1)})"


def parts(found: Gain | None) -> tuple[str, str, str]:
    """Return a gain, its interval and its number of seeds, as text for three columns.

    A dash marks a missing interval or missing seeds.
    """
    if found is None:
        return record.NOT_RUN, "-", "-"
    seeds = " and ".join(str(number) for number in dict.fromkeys(found.seeds))
    if found.low is None:
        return f"{100 * found.mean:+z.1f}", "-", seeds
    shares = (found.mean, found.low, found.high)
    mean, low, high = (f"{round(100 * share, 2):+z.1f}" for share in shares)
    return mean, f"{low} to {high}", seeds


def _network(name: str) -> str:
    """Return the name under which an experiment's network is compared."""
    name = registry.SAME.get(name, name)
    return registry.TWINS.get(name, name)


def _outcomes(
    results: Path, dataset: str, name: str, top: int, videos: dict[str, tuple]
) -> Outcomes:
    """Return, for each seed, whether each video was classified correctly, by id.

    Args:
        results: folder of the records.
        dataset: dataset of the runs.
        name: name of the experiment.
        top: 1 for top-1 accuracy, 5 for top-5.
        videos: name and video ids of the first run on each dataset; extended in place.
    """
    found, runs = {}, []
    for own in (*(a for a, b in registry.TWINS.items() if b == name), name):
        named = registry.records(results, dataset, own)
        record.summarize(named)  # refuses recipes that differ
        runs += named  # the point's own runs come last and replace equal seeds
    for run in runs:
        scores = record.scores_of(results, run)
        best = np.argsort(-scores.probabilities, axis=1, kind="stable")[:, :top]
        right = (best == scores.labels[:, None]).any(1)
        order = np.argsort(scores.ids)
        first, ids = videos.setdefault(dataset, (name, scores.ids[order].tolist()))
        if scores.ids[order].tolist() != ids:
            raise ValueError(f"{name} was evaluated on other videos than {first}")
        found[run["experiment"]["seed"]] = right[order]
    return found
