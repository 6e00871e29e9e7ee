"""The difference of two points' records, over their seeds and video by video."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from r3d_rs.evaluation import interval, paired
from r3d_rs.experiments import record, registry


def difference(
    results: Path, before: Sequence[dict], after: Sequence[dict]
) -> paired.Difference | None:
    """Compare two points by the scores of every video, over all seeds of each.

    Scores are kept in half precision, so that a mean can differ from that of the
    records' accuracies in the second decimal of a per cent.

    Args:
        results: folder of the records, whose scores are beside them.
        before: records of one point, one a seed.
        after: of the other.

    Returns:
        The difference; None where either has no record.

    Raises:
        ValueError: when they were evaluated on different videos, or when the recipes of
            one point differ.
        FileNotFoundError: naming scores that are missing.
    """
    if not before or not after:
        return None
    for records in (before, after):
        record.summarize(records)  # refuses recipes that differ
    ids, groups = None, []
    for records in (before, after):
        outcomes = []
        for run in records:
            right = _right(results, run)
            ids = ids or sorted(right)
            if sorted(right) != ids:
                raise ValueError(
                    f"{run['experiment']} was evaluated on other videos than"
                    f" {before[0]['experiment']}"
                )
            outcomes.append([right[ident] for ident in ids])
        groups.append(np.array(outcomes))
    return paired.difference(*groups)


def described(results: Path, before: Sequence[dict], after: Sequence[dict]) -> str:
    """Describe the difference in points of per cent, "not run" where there is none."""
    return text(difference(results, before, after))


def between(results: Path, dataset: str, before: str, after: str) -> str:
    """Describe the difference of two experiments, by their names."""
    ends = (registry.records(results, dataset, name) for name in (before, after))
    return described(results, *ends)


def text(found: paired.Difference | None) -> str:
    """Describe a difference in points of per cent, "not run" where there is none."""
    if found is None:
        return record.NOT_RUN
    shares = (found.mean, found.low, found.high)
    return interval.described(*(100 * share for share in shares), found.seeds, "+")


def _right(results: Path, run: dict) -> dict[str, bool]:
    """Return whether each evaluated video's class was the most probable."""
    scores = record.scores_of(results, run)
    right = scores.probabilities.argmax(1) == scores.labels
    return dict(zip(scores.ids.tolist(), right.tolist(), strict=True))
