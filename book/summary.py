"""The front page's picture of the paper's gains and ours, and its table of answers."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

import fair_test
import links
import pandas as pd
from IPython.display import HTML

from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import claims, real_videos

#: Groups of statements, as questions, in the order of the chapters.
QUESTIONS = {
    "ablation": "Do the training methods and the two changes of the network help?",
    "scaling": "Do depth, frames and resolution help?",
    "pre-training": "Does pre-training on web videos help?",
    "self-supervision": "Does scaling help without labels?",
}
#: Color of each verdict. The row also has the verdict in words.
COLORS = {
    claims.REPRODUCED: "#0072b2",
    claims.NOT_REPRODUCED: "#d55e00",
    claims.INCONCLUSIVE: "#888888",
    claims.OPEN: "#888888",
    claims.EXPLORATORY: "#888888",
    NOT_RUN: "#888888",
}
STYLE = """<style>
.gains { display: grid; gap: 0.6rem; margin: 1rem 0; }
.gains > div { display: grid; grid-template-columns: 1fr; gap: 0.1rem; }
.gains svg { width: 100%; height: 1.1rem; overflow: visible; }
.gains .said { font-size: 0.85em; }
@media print, (min-width: 48rem) {
  .gains > div { grid-template-columns: 5fr 4fr 3fr; gap: 1rem; align-items: center; }
}
</style>"""


def gains(statements: Sequence[claims.Statement], linked: bool = False) -> HTML:
    """Return the gains with their intervals, in points of top-1, on one scale.

    Args:
        statements: one a row.
        linked: whether rows link to their chapters.
    """
    ends = [0.0]
    for statement in statements:
        ends += [] if statement.paper is None else [statement.paper]
        if statement.found:
            own = (statement.found.mean, statement.found.low, statement.found.high)
            ends += [100 * end for end in own if end is not None]
    low, high = min(ends) - 0.5, max(ends) + 0.5
    rows = "".join(_row(statement, low, high, linked) for statement in statements)
    key = (
        '<p class="said">◆ the paper, on Kinetics. ● ours, on Pantomime, with its'
        ' <a href="protocol.html#intervals">95 % interval</a>. Intervals of primary'
        " statements are adjusted for their number. The line is zero. Blue is"
        " reproduced, orange is not reproduced, gray is undecided or"
        ' <a href="claims.html">exploratory</a>.</p>'
    )
    return HTML(f'{STYLE}<div class="gains">{rows}</div>{key}')


def _row(statement: claims.Statement, low: float, high: float, linked: bool) -> str:
    verdict = statement.verdict.partition(":")[0]
    color = COLORS[verdict]

    def at(value):
        return f"{100 * (value - low) / (high - low):.2f}%"

    marks = f'<line x1="{at(0)}" x2="{at(0)}" y1="0" y2="100%" stroke="currentColor"/>'
    if gain := statement.found:
        if gain.low is not None:
            first, last = at(100 * gain.low), at(100 * gain.high)
            marks += (
                f'<line x1="{first}" x2="{last}" y1="50%" y2="50%" stroke="{color}"'
                ' stroke-width="4" stroke-opacity="0.6"/>'
            )
        marks += f'<circle cx="{at(100 * gain.mean)}" cy="50%" r="5" fill="{color}"/>'
    if statement.paper is not None:
        marks += (
            f'<text x="{at(statement.paper)}" y="50%" text-anchor="middle"'
            ' dominant-baseline="central" fill="currentColor">◆</text>'
        )
    paper = "gives no size" if statement.paper is None else statement.said
    said = f"paper {paper}; ours {statement.ours}".replace("-", "\N{MINUS SIGN}")
    said += f": {verdict}" if gain else ""
    text = escape(statement.text)
    if linked:
        text = f'<a href="{links.CHAPTERS[statement.group]}">{text}</a>'
    return (
        f"<div><span>{text}</span>"
        f'<svg aria-hidden="true">{marks}</svg><span class="said">{escape(said)}</span>'
        "</div>"
    )


def decided(statements: Sequence[claims.Statement]) -> str:
    """Return the number of statements with each verdict, in words."""
    found = Counter(statement.verdict.partition(":")[0] for statement in statements)
    return ", ".join(f"{found[name]} {name}" for name in COLORS if found[name])


def answers(
    results: Path, statements: Sequence[claims.Statement], counts: pd.DataFrame
) -> HTML:
    """Return the answers so far to each question, with links to their chapters.

    Args:
        results: folder of the records.
        statements: result of `claims.statements`.
        counts: result of `claims.counts`.
    """
    rows = []
    for group, question in QUESTIONS.items():
        own = [
            statement
            for statement in statements
            if statement.group == group and statement.primary
        ]
        rows.append((question, decided(own), links.CHAPTERS[group]))
    found = real_videos.gains(results).loc["pre-training on Pantomime-web"]
    gain, interval = found[["ours", "95 % interval"]]
    exact = (counts["verdict"] == claims.EXACT).sum()
    rows += [
        (
            "Does pre-training help on real videos?",
            gain
            if gain == NOT_RUN
            else f"{gain} points ({interval}), on one small dataset",
            "real-videos.html",
        ),
        (
            "Is the network the paper's?",
            f"{exact} of {len(counts)} counted statements hold",
            "model.html",
        ),
        (
            "Is Pantomime a fair test?",
            f"criteria {fair_test.unmet(results / 'calibration')} are not met",
            "fair-test.html",
        ),
    ]
    body = "".join(
        f'<tr><th scope="row"><a href="{href}">{escape(question)}</a></th>'
        f"<td>{escape(text)}</td></tr>"
        for question, text, href in rows
    )
    return HTML(
        '<table class="dataframe"><caption>Questions and where they are answered'
        '</caption><thead><tr><td></td><th scope="col">so far</th>'
        f"</tr></thead><tbody>{body}</tbody></table>"
    )
