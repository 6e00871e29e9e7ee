"""What the paper says, and the verdict of our numbers on it."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from r3d_rs import paper
from r3d_rs.evaluation import paired
from r3d_rs.experiments import registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.operations import exact
from r3d_rs.report import comparison

EXACT = "exact"
SUPPORTED = "supported at small scale"
CONTRADICTED = "contradicted at small scale"
UNDECIDED = "undecided"

#: Verdict of a count that differs from what the paper says.
DIFFERS = "contradicted by its own numbers"


@dataclass(frozen=True)
class Step:
    """A statement about accuracy, and what our records say of it.

    Args:
        text: the statement.
        group: of statements that are tried together.
        place: in the paper.
        dataset: that ours is tried on.
        before: name of the experiment that it starts from.
        after: of the one that it leads to.
        paper: its size in the paper, points of top-1; None where the paper gives none.
        sign: of the difference, 1 or -1.
        found: ours; None where one of the two has not been run.
        p: of `found`, adjusted for the number of steps of the group that have been run
            (Holm); None without it, or of one seed each.
    """

    text: str
    group: str
    place: str
    dataset: str
    before: str
    after: str
    paper: float | None
    sign: float
    found: paired.Difference | None
    p: float | None = None

    @property
    def ours(self) -> str:
        """Describe the difference, "not run" where there is none."""
        return comparison.text(self.found)

    @property
    def verdict(self) -> str:
        """Compare the interval with zero."""
        if self.found is None:
            return NOT_RUN
        if not self.has_seeds:
            return UNDECIDED
        low, high = sorted(self.sign * end for end in (self.found.low, self.found.high))
        if low > 0:
            return SUPPORTED
        return CONTRADICTED if high < 0 else UNDECIDED

    @property
    def has_seeds(self) -> bool:
        """Return whether ours has an interval over seeds."""
        return self.found is not None and self.found.seed_variance is not None


def steps(results: Path, group: str | None = None) -> list[Step]:
    """Decide the paper's statements about accuracy by our records.

    A step is supported where the 95 % interval of ours, over seeds and videos, lies on
    the paper's side of zero, contradicted where it lies on the other, and undecided
    where it has zero in it or neither end has two seeds.

    Args:
        results: folder of the records.
        group: of the statements, None for all.
    """
    found = [
        _decided(results, claim)
        for claim in paper.claims()["step"]
        if group in (None, claim["group"])
    ]
    adjusted = {}
    for own in {step.group for step in found}:
        run = [
            i for i, step in enumerate(found) if step.group == own and step.has_seeds
        ]
        p = paired.holm([found[i].found.p for i in run])
        adjusted |= dict(zip(run, p, strict=True))
    return [dataclasses.replace(s, p=adjusted.get(i)) for i, s in enumerate(found)]


def _decided(results: Path, claim: dict) -> Step:
    dataset = claim.get("dataset", registry.FIRST[0])
    ends = (claim["before"], claim["after"])
    pair = [registry.records(results, dataset, end) for end in ends]
    return Step(
        *(claim[name] for name in ("text", "group", "place")),
        dataset,
        *ends,
        claim.get("paper"),
        claim.get("sign") or math.copysign(1, claim["paper"]),
        comparison.difference(results, *pair),
    )


def table(steps: Sequence[Step]) -> pd.DataFrame:
    """Return steps as a table.

    Returns:
        Columns claim, place, paper, ours, p, seeds needed and verdict, one row a step;
        differences are in points of top-1. `seeds needed` is how many would tell a
        difference of the paper's size from zero, with the videos and the spread that
        ours have.
    """
    return pd.DataFrame(
        {
            "claim": step.text,
            "place": step.place,
            "paper": ("less" if step.sign < 0 else "more")
            if step.paper is None
            else f"{step.paper:+.1f}",
            "ours": step.ours,
            "p": _probability(step.p),
            "seeds needed": _seeds_needed(step),
            "verdict": step.verdict,
        }
        for step in steps
    )


def _probability(p: float | None) -> str:
    if p is None:
        return "-"
    return f"{p:.4f}" if p >= 0.001 else "< 0.001"


def _seeds_needed(step: Step) -> str:
    if not step.has_seeds or not step.paper:
        return "-"
    needed = step.found.seeds_needed(abs(step.paper) / 100)
    return "too few videos" if needed is None else str(needed)


def counts(results: Path) -> pd.DataFrame:
    """Decide the paper's statements about numbers that can be counted.

    Returns:
        Columns claim, place, found and verdict, one row a statement.

    Raises:
        FileNotFoundError: when the exact counts are missing, saying how to make them.
    """
    counted = exact.read(results)
    rows = []
    for claim in paper.claims()["count"]:
        holds, found = CHECKS[claim["check"]](counted)
        rows.append(
            {
                "claim": claim["text"],
                "place": claim["place"],
                "found": found,
                "verdict": EXACT if holds else DIFFERS,
            }
        )
    return pd.DataFrame(rows)


def parameters(counted: pd.DataFrame) -> tuple[bool, str]:
    """Compare the parameters of Tables 3 and 4 with those counted."""
    pairs = []
    for number, classes in ((3, 400), (4, 600)):
        for row in paper.table(number).dropna(subset="model").itertuples():
            place = (row.model, row.frames_span // 2, 256, classes)
            pairs.append((row.params_m, counted.loc[place, "params"] / 1e6))
    # A tenth is the last digit that the paper prints.
    equal = sum(abs(one - other) < 0.1 for one, other in pairs)
    return equal == len(pairs), f"{equal} of {len(pairs)} rows agree to 0.1 million"


def self_gating(counted: pd.DataFrame) -> tuple[bool, str]:
    """Compare Table 3's parameters with self-gating in all blocks and in the last."""
    rows = paper.table(3).set_index("point")
    published = rows.loc["RS-50", "params_m"]
    every = counted.loc[(exact.GATING_EVERYWHERE, 16, 256, 400), "params"] / 1e6
    last = counted.loc[("r3d-rs-50", 16, 256, 400), "params"] / 1e6
    return abs(every - published) < 0.1, (
        f"{every:.1f} million parameters in each block of R3D-RS-50, {last:.1f} in the"
        f" last of each stage; Table 3 has {published}"
    )


def stem(counted: pd.DataFrame) -> tuple[bool, str]:
    """Compare the FLOPs of the two stems, rounded up as the paper does."""
    old = counted.loc[(exact.BASELINE_WITH_SE, 16, 256, 400), "profiler_gflops"]
    new = counted.loc[("r3d-rs-50", 16, 256, 400), "profiler_gflops"]
    holds = (math.ceil(old), math.ceil(new)) == (60, 58)
    return holds, f"{old:.2f} and {new:.2f} billion, rounded up"


def flops_of_200(counted: pd.DataFrame) -> tuple[bool, str]:
    """Compare the FLOPs of R3D-RS-200, which Table 3 and Table 4 print differently."""
    found = counted.loc[("r3d-rs-200", 16, 256, 400), "profiler_gflops"]
    third, fourth = (
        paper.table(n).set_index("point").loc["RS-200", "flops_b"] for n in (3, 4)
    )
    return math.ceil(found) == third, (
        f"{found:.2f} billion; all others are rounded up, and Table 4 has {fourth} for"
        f" the same network where Table 3 has {third}"
    )


CHECKS = {
    check.__name__: check
    for check in (
        parameters,
        self_gating,
        stem,
        flops_of_200,
    )
}
