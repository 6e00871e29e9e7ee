"""The difference of two points' records, video by video and seed by seed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from r3d_rs.evaluation import interval, paired
from r3d_rs.study import record


def difference(
    results: Path, before: Sequence[dict], after: Sequence[dict]
) -> paired.Difference | None:
    """Compare two points by the scores of every video, over the seeds that both have.

    Scores are kept in half precision, so that a mean can differ from that of the
    records' accuracies in the second decimal of a per cent.

    Args:
        results: folder of the records, whose scores are beside them.
        before: records of one point, one a seed.
        after: of the other.

    Returns:
        None where they have no seed in common.

    Raises:
        ValueError: when they were evaluated on different videos, or when the recipes of
            one point differ.
        FileNotFoundError: naming scores that are missing.
    """
    for records in (before, after):
        record.summarize(records)  # refuses recipes that differ
    own, other = (
        {r["experiment"]["seed"]: r for r in runs} for runs in (before, after)
    )
    seeds = sorted(own.keys() & other.keys())
    if not seeds:
        return None
    one = [_right(results, own[seed]) for seed in seeds]
    two = [_right(results, other[seed]) for seed in seeds]
    ids = sorted(one[0])
    for run, right in zip(
        [*(own[s] for s in seeds), *(other[s] for s in seeds)], one + two, strict=True
    ):
        if sorted(right) != ids:
            raise ValueError(
                f"{run['experiment']} was evaluated on other videos than"
                f" {own[seeds[0]]['experiment']}"
            )
    return paired.difference(
        np.array([[right[ident] for ident in ids] for right in one]),
        np.array([[right[ident] for ident in ids] for right in two]),
    )


def described(results: Path, before: Sequence[dict], after: Sequence[dict]) -> str:
    """Describe the difference in points of per cent, or say why there is none."""
    if not before or not after:
        return "not run"
    return text(difference(results, before, after))


def text(found: paired.Difference | None) -> str:
    """Describe a difference that was found, or say that no seed is in common."""
    if found is None:
        return "no seed in common"
    shares = (found.mean, found.low, found.high)
    return interval.described(*(100 * share for share in shares), found.seeds, "+")


def _right(results: Path, run: dict) -> dict[str, bool]:
    """Say for each evaluated video of a run whether its class was the most probable."""
    scores = record.scores_of(results, run)
    right = scores.probabilities.argmax(1) == scores.labels
    return dict(zip(scores.ids.tolist(), right.tolist(), strict=True))
