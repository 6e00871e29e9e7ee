"""The paper's statements, and the verdicts that our records give on them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from r3d_rs import paper
from r3d_rs.evaluation.gains import Gain
from r3d_rs.experiments import registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.operations import exact, study
from r3d_rs.report import comparison

EXACT = "exact"
REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
INCONCLUSIVE = "inconclusive"
EXPLORATORY = "exploratory"
#: Verdict on a primary statement while planned runs are missing.
OPEN = "open"

#: Verdict on a statement that the counted numbers contradict.
DIFFERS = "contradicted by its own numbers"


@dataclass(frozen=True)
class Statement:
    """A statement about accuracy, with the gain in our records.

    Args:
        text: the statement.
        group: group of statements, which a chapter covers.
        place: where the paper makes it.
        pair: the two experiments to compare.
        paper: the paper's gain in points of top-1 or top-5; None if it gives none.
        sign: sign of the stated gain, 1 or -1.
        primary: whether the plan decides the statement; otherwise it is exploratory.
        found: our gain; None if one of the two has not been run. The gain of a primary
            statement is adjusted for the number of primary statements.
        missing: number of planned runs that the two experiments lack; 0 once the study
            has ended.
    """

    text: str
    group: str
    place: str
    pair: comparison.Pair
    paper: float | None
    sign: float
    primary: bool
    found: Gain | None
    missing: int = 0

    @property
    def ours(self) -> str:
        """Our gain as text, or "not run" if there is none."""
        return comparison.text(self.found)

    @property
    def said(self) -> str:
        """The paper's gain as text, or "more" or "less" if it gives no number."""
        if self.paper is None:
            return "less" if self.sign < 0 else "more"
        return f"{self.paper:+.1f}"

    @property
    def verdict(self) -> str:
        """Verdict, by whether the adjusted interval contains zero."""
        if self.found is None:
            return NOT_RUN
        if not self.primary:
            return EXPLORATORY
        if self.missing:
            return f"{OPEN}: {self.missing} planned run{'s' * (self.missing > 1)} to go"
        if self.found.low is None:
            return f"{INCONCLUSIVE}: one run at an end"
        low, high = (100 * self.sign * end for end in (self.found.low, self.found.high))
        if min(low, high) > 0:
            return REPRODUCED
        if max(low, high) < 0:
            return NOT_REPRODUCED
        return f"{INCONCLUSIVE}: smaller than {self.bound:.1f} points either way"

    @property
    def bound(self) -> float:
        """Largest size of the gain within its interval, in points, rounded up."""
        return math.ceil(1000 * self.found.bound) / 10


def statements(results: Path, group: str | None = None) -> list[Statement]:
    """Decide the paper's statements about accuracy from our records.

    The primary statements form one family: their intervals are adjusted for their
    number. A statement is reproduced if the adjusted 95 % interval of our gain lies on
    the paper's side of zero, and not reproduced if it lies on the other side. If it
    contains zero, the statement is inconclusive, and the verdict bounds the gain.

    All other statements are exploratory: their intervals are not adjusted, and they
    get no verdict.

    Args:
        results: folder of the records.
        group: group of statements; None for all.
    """
    primary, listed = study.read().primary, paper.claims()["statement"]
    ended = study.ended(results)
    pairs = [
        comparison.Pair(
            claim.get("dataset", registry.FIRST[0]),
            *(claim["before"], claim["after"]),
            claim.get("top", 1),
        )
        for claim in listed
    ]
    decided = {
        pair: pair.top == 1 and (pair.dataset, pair.before, pair.after) in primary
        for pair in pairs
    }
    found = {}
    for adjust in (True, False):
        own = [pair for pair in pairs if decided[pair] == adjust]
        found |= zip(own, comparison.gains(results, own, adjust=adjust), strict=True)
    return [
        Statement(
            *(claim[name] for name in ("text", "group", "place")),
            pair,
            claim.get("paper"),
            claim.get("sign") or math.copysign(1, claim["paper"]),
            decided[pair],
            found[pair],
            0 if ended else _missing(pair, found[pair]),
        )
        for claim, pair in zip(listed, pairs, strict=True)
        if group in (None, claim["group"])
    ]


def _missing(pair: comparison.Pair, found: Gain | None) -> int:
    """Count the planned runs of a pair that have not been made."""
    planned, made = study.read().seeds, found.seeds if found else (0, 0)
    names = (registry.SAME.get(name, name) for name in (pair.before, pair.after))
    return sum(
        max(0, planned.get((pair.dataset, name), 0) - seeds)
        for name, seeds in zip(names, made, strict=True)
    )


def table(statements: Sequence[Statement]) -> pd.DataFrame:
    """Return statements as a table.

    Returns:
        One row per statement, with columns claim, place, paper, ours, 95 % interval,
        seeds, p and verdict. Gains are in points of top-1, or of top-5 if the statement
        is about top-5.
    """
    rows = []
    for statement in statements:
        mean, interval, seeds = comparison.parts(statement.found)
        rows.append(
            {
                "claim": statement.text,
                "place": statement.place,
                "paper": statement.said,
                "ours": mean,
                "95 % interval": interval,
                "seeds": seeds,
                "p": _probability(statement.found),
                "verdict": statement.verdict,
            }
        )
    return pd.DataFrame(rows)


def _probability(found: Gain | None) -> str:
    if found is None or found.p is None:
        return "-"
    return f"{found.p:.4f}" if found.p >= 0.001 else "< 0.001"


def counts(results: Path) -> pd.DataFrame:
    """Decide the paper's statements about numbers, from counts and its own tables.

    Returns:
        One row per statement, with columns claim, place, found and verdict.

    Raises:
        FileNotFoundError: if the exact counts are missing; it says how to make them.
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
    """Compare the parameters in Tables 3 and 4 with our counts."""
    pairs = []
    for number, classes in ((3, 400), (4, 600)):
        for row in paper.table(number).dropna(subset="model").itertuples():
            place = (row.model, row.frames_span // 2, 256, classes)
            pairs.append((row.params_m, counted.loc[place, "params"] / 1e6))
    # A tenth is the last digit that the paper prints.
    equal = sum(abs(one - other) < 0.1 for one, other in pairs)
    return equal == len(pairs), f"{equal} of {len(pairs)} rows agree to 0.1 million"


def self_gating(counted: pd.DataFrame) -> tuple[bool, str]:
    """Compare parameters with self-gating in every block and in each stage's last."""
    rows = paper.table(3).set_index("point")
    published = rows.loc["RS-50", "params_m"]
    every = counted.loc[(exact.GATING_EVERYWHERE, 16, 256, 400), "params"] / 1e6
    last = counted.loc[("r3d-rs-50", 16, 256, 400), "params"] / 1e6
    return abs(every - published) < 0.1, (
        f"{every:.1f} million parameters with self-gating in each block of R3D-RS-50,"
        f" {last:.1f} with it in each stage's last; Table 3 has {published}"
    )


def stem(counted: pd.DataFrame) -> tuple[bool, str]:
    """Compare the FLOPs of the two stems, rounded up as in the paper."""
    old = counted.loc[(exact.BASELINE_WITH_SE, 16, 256, 400), "profiler_gflops"]
    new = counted.loc[("r3d-rs-50", 16, 256, 400), "profiler_gflops"]
    holds = (math.ceil(old), math.ceil(new)) == (60, 58)
    return holds, f"{old:.2f} and {new:.2f} billion, rounded up"


def flops_of_200(counted: pd.DataFrame) -> tuple[bool, str]:
    """Compare the FLOPs of R3D-RS-200; Tables 3 and 4 print different numbers."""
    found = counted.loc[("r3d-rs-200", 16, 256, 400), "profiler_gflops"]
    third, fourth = (
        paper.table(n).set_index("point").loc["RS-200", "flops_b"] for n in (3, 4)
    )
    return math.ceil(found) == third, (
        f"{found:.2f} billion; all others are rounded up. For the same network, Table 4"
        f" has {fourth} and Table 3 has {third}"
    )


def on_par(counted: pd.DataFrame) -> tuple[bool, str]:
    """Check that the best R3D-RS is within half a point of the best other network."""
    found, holds = [], True
    for number in (3, 4):
        rows = paper.table(number)
        best = rows.groupby(rows["quoted"].astype(bool))["top1"].max()
        holds &= best[True] - best[False] <= 0.5
        found.append(f"{best[False]:.1f} against {best[True]:.1f} in Table {number}")
    return bool(holds), "; ".join(found)


CHECKS = {
    check.__name__: check
    for check in (parameters, self_gating, stem, flops_of_200, on_par)
}
