"""What our runs say of the paper's statements, in sentences made of their numbers."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd
from IPython.display import Markdown

from r3d_rs.experiments import registry
from r3d_rs.operations import cost, exact
from r3d_rs.report import claims, links

#: What a verdict is called, in the order of the discussion.
HEADINGS = {
    claims.SUPPORTED: "Held at this scale",
    claims.CONTRADICTED: "Did not hold at this scale",
    claims.UNDECIDED: "Cannot be seen at this scale",
    claims.NOT_RUN: "Not run",
}

#: How a step can surprise.
AGAINST, MORE, LESS = "Against the paper", "More than the paper's", "Less than it"

#: The paper's datasets, by ours that play their parts.
FULL = dict([registry.FIRST, registry.SECOND])

#: Where the cost of each experiment on them is.
COST = "rerun.html#what-it-takes-on-kinetics"

#: Experiments by their name and dataset.
Runs = dict[tuple[str, str], registry.Experiment]


def of(results: Path, steps: Sequence[claims.Step]) -> Markdown:
    """Discuss statements about accuracy, each by its interval.

    Args:
        results: folder of the records.
        steps: of `claims.steps`.
    """
    counts, parts = exact.read(results), []
    for verdict, heading in HEADINGS.items():
        chosen = [step for step in steps if step.verdict == verdict]
        if chosen:
            items = [f"*{step.text}* {_said(step)}" for step in chosen]
            if verdict == claims.NOT_RUN:
                items.append(_missing(results, chosen, counts))
            parts.append(f"**{heading}.**\n\n{_bullets(items)}")
    parts.append(f"**What surprised.** {_surprises(steps, _name)}")
    parts.append(f"**On Kinetics.** {_on_kinetics(results, steps, counts)}")
    return Markdown("\n\n".join(parts))


def summary(
    results: Path, steps: Sequence[claims.Step], counted: pd.DataFrame
) -> Markdown:
    """Discuss all statements of the paper in one list.

    Args:
        results: folder of the records.
        steps: of `claims.steps`.
        counted: of `claims.counts`.
    """
    counts, items = exact.read(results), []
    for verdict, heading in HEADINGS.items():
        chosen = [step for step in steps if step.verdict == verdict]
        if not chosen:
            continue
        if verdict == claims.NOT_RUN:
            groups = ", ".join(
                f"{number} of [{group}]({links.CHAPTERS[group]})"
                for group, number in Counter(step.group for step in chosen).items()
            )
            hours = _hours(results, _distinct(chosen, missing=True), counts)
            text = f"{groups}; one seed of each run that is missing takes {hours}."
        else:
            text = f"{_listed(_short(step) for step in chosen)}."
        items.append(f"**{heading}, {len(chosen)} of {len(steps)}:** {text}")
    items.append(f"**What surprised:** {_surprises(steps, _link)}")
    items.append(f"**Counted:** {_counted(counted)}")
    items.append(f"**On Kinetics:** {_on_kinetics(results, steps, counts)}")
    return Markdown(_bullets(items))


def _said(step: claims.Step) -> str:
    """Say what ours is beside the paper's, and what that is worth."""
    if step.missing:
        return f"Without {' and '.join(f'`{name}`' for name in step.missing)}."
    found = [f"Ours is {_beside(step)}."]
    if not step.has_seeds:
        found.append(
            "Of one seed each the interval is over videos alone: another seed may"
            " differ by more."
        )
    elif 1 in step.found.seeds:
        ends = (step.before, step.after)
        one, other = ends if step.found.seeds[0] == 1 else reversed(ends)
        found.append(
            f"`{one}` has one seed: it is taken to spread over seeds as `{other}` does."
        )
    if step.verdict == claims.UNDECIDED:
        found.append(_needed(step))
    elif _may_be_chance(step):
        found.append(
            "Among the steps that were tried together it may be chance"
            f" (p {claims.probability(step.p)})."
        )
    return " ".join([*found, step.note]).strip()


def _needed(step: claims.Step) -> str:
    """Say how many seeds or videos would tell a step of the paper's size from none."""
    found = step.found
    if not step.paper:
        return "The paper gives no size to look for."
    if not step.has_seeds:
        return "It takes more seeds to say how many would tell."
    size = abs(step.paper) / 100
    seeds, videos = found.seeds_needed(size), found.videos_needed(size)
    if seeds and seeds <= min(found.seeds):
        return "A difference of the paper's size would not need more seeds."
    if seeds:
        return f"A difference of the paper's size would take {seeds} seeds of each."
    short = (
        f"A difference of the paper's size is too small for {found.videos:,} test"
        " videos, whatever the number of seeds"
    )
    if videos is None:
        return f"{short}; it would take more of both."
    return f"{short}; {videos:,} would tell it with as many seeds."


def _missing(results: Path, steps: Sequence[claims.Step], counts: pd.DataFrame) -> str:
    """Say why steps have not been run: the time that they take."""
    wanted = _distinct(steps, missing=True)
    each = _listed(
        f"`{name}` on {dataset} {_hours(results, {(name, dataset): one}, counts)}"
        for (name, dataset), one in wanted.items()
    )
    hours = _hours(results, wanted, counts)
    return (
        f"What is missing takes {hours} for one seed of each, at the speed of"
        f" `scaling/RS-50`'s runs: {each}."
    )


def _surprises(steps: Sequence[claims.Step], name: Callable[[claims.Step], str]) -> str:
    """Name the steps whose interval does not have the paper's size in it."""
    found = {AGAINST: [], MORE: [], LESS: []}
    decided = [step for step in steps if step.has_seeds]
    for step in decided:
        low, high = (100 * end for end in step.bounds)
        if step.verdict == claims.CONTRADICTED:
            found[AGAINST].append(name(step))
        elif step.paper and low > abs(step.paper):
            found[MORE].append(name(step))
        elif step.paper and high < abs(step.paper):
            found[LESS].append(name(step))
    if not decided:
        return "Nothing has been run that could."
    texts = [f"{how}: {_listed(names)}." for how, names in found.items() if names]
    return " ".join(texts) or "Nothing: no interval leaves out what the paper says."


def _counted(counted: pd.DataFrame) -> str:
    exactly = counted["verdict"] == claims.EXACT
    text = f"{exactly.sum()} of {len(counted)} statements hold exactly"
    others = _listed(
        f"[{claim.rstrip('.')}]({links.COUNTED})"
        for claim in counted["claim"][~exactly]
    )
    return f"{text}; the paper's own numbers contradict: {others}." if others else text


def _on_kinetics(
    results: Path, steps: Sequence[claims.Step], counts: pd.DataFrame
) -> str:
    """Say how much has been run at the paper's scale, and what the rest takes."""
    wanted = _distinct(steps, FULL)
    left = {
        (name, dataset): one
        for (name, dataset), one in wanted.items()
        if not registry.records(results, dataset, name)
    }
    text = f"Of these {len(wanted)} runs {len(wanted) - len(left)} have been made"
    if not left:
        return f"{text}."
    hours = sum(
        cost.of(one, dataset, counts, parent=False).core_hours
        for (_, dataset), one in _with_parents(results, left).items()
    )
    return (
        f"{text}. One seed of each that is missing takes {hours:,.0f} hours of a core"
        f" of a TPU v3 at its peak ([in detail]({COST})), and none was at hand."
    )


def _distinct(
    steps: Iterable[claims.Step], full: dict | None = None, *, missing: bool = False
) -> Runs:
    """Return the experiments at the ends of steps, the same run once.

    Args:
        steps: of `claims.steps`.
        full: other datasets to take, by those of the steps.
        missing: whether to leave out those that have been run.
    """
    found, everything = {}, registry.everything()
    for step in steps:
        dataset = full[step.dataset] if full else step.dataset
        for name in step.missing if missing else (step.before, step.after):
            own = registry.SAME.get(name, name)
            found[own, dataset] = everything[own]
    return found


def _with_parents(results: Path, runs: Runs) -> Runs:
    """Return runs and, once each, the pre-trainings that they wait for."""
    found = dict(runs)
    for (_, dataset), one in runs.items():
        before = one.before(dataset)
        if before and not registry.records(results, before[1], before[0].name):
            found[before[0].name, before[1]] = before[0]
    return found


def _hours(results: Path, runs: Runs, counts: pd.DataFrame) -> str:
    """Guess the time that one seed of each takes on Pantomime."""
    hours = [
        cost.expected_hours(results, experiment, dataset, counts)
        for (_, dataset), experiment in _with_parents(results, runs).items()
    ]
    if None in hours:
        return "an unknown time"
    if sum(hours) < 2:
        return f"about {60 * sum(hours):.0f} minutes"
    return f"about {sum(hours):.0f} hours"


def _beside(step: claims.Step) -> str:
    if not step.paper:
        return f"{step.ours}, without a size in the paper"
    return f"{step.ours}, the paper's {step.paper:+.1f}"


def _short(step: claims.Step) -> str:
    """Say the same as `_said` in a part of a sentence."""
    remarks = [step.note[0].lower() + step.note[1:-1]] if step.note else []
    if step.verdict in (claims.SUPPORTED, claims.CONTRADICTED) and _may_be_chance(step):
        p = claims.probability(step.p)
        remarks.append(f"p {p} among those tried together: may be chance")
    found = f"{_link(step)} {_beside(step)}"
    return f"{found} ({'; '.join(remarks)})" if remarks else found


def _may_be_chance(step: claims.Step) -> bool:
    return step.p is not None and step.p > 0.05


def _name(step: claims.Step) -> str:
    return step.text.rstrip(".")


def _link(step: claims.Step) -> str:
    return f"[{_name(step)}]({links.CHAPTERS[step.group]})"


def _listed(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)
