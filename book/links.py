"""Tables of the book, whose cells of ours lead to the runs that they come from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML, Markdown

from r3d_rs.experiments import registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import claims, editions, peers
from r3d_rs.report.tables import TABLES

#: What a section shows that has no record yet.
NOTHING = Markdown(f"{NOT_RUN.capitalize()}.")

#: Where a cell of something that has not been run leads.
RERUN = "rerun.html#rerun-one-cell"

#: Chapters by group of the paper's statements.
CHAPTERS = {
    "scaling": "scaling.html",
    "ablation": "ablation.html",
    "pre-training": "pretraining.html",
    "self-supervision": "contrastive.html",
}

#: Chapter of the statements that are counted.
COUNTED = "model.html#what-can-be-counted"

#: The paper's own number of a reference, which is not the book's.
CITED = re.compile(r" \[\d+\]")

#: What a cell without a number is marked with; a card leaves it out.
EMPTY = ' class="empty"'

#: A hyphen that is a number's sign.
MINUS = re.compile(r"(?<![\w.])-(?=\d)")

#: Chapter that says why the first edition is superseded.
FAIR = "fair-test.html#the-first-edition"


def anchor(dataset: str, study: str, point: str) -> str:
    """Return the id of a point's runs in the list of all runs."""
    return re.sub(r"[^a-z0-9]+", "-", f"{dataset}-{study}-{point}".lower())


def runs(results: Path, dataset: str, name: str) -> str:
    """Return the address of an experiment's runs, or of how to run what has none."""
    for own in (name, *registry.same(name)):
        if any((Path(results) / dataset / own).glob("seed-*.json")):
            return f"runs/index.html#{anchor(dataset, *own.split('/', 1))}"
    return RERUN


def table(results: Path, name: str) -> HTML:
    """Return one of the paper's tables beside ours, as `TABLES` lists its columns.

    Args:
        results: folder of the records and tables.
        name: of the table, such as "table2".
    """
    listed = TABLES[name]
    path = Path(results) / "tables" / f"{name}.csv"
    rows = pd.read_csv(path, dtype=str, keep_default_na=False).to_dict("records")
    superseded = any(row["edition"] for row in rows)
    texts, addresses = {}, {}
    for column in listed.columns:
        if column.title:
            texts[column.title] = [column.text(row) or "-" for row in rows]
        if column.title and column.run:
            found = zip(map(column.run, rows), texts[column.title], strict=True)
            addresses[column.title] = [
                runs(results, *one)
                if one and (text == NOT_RUN or not superseded)
                else None
                for one, text in found
            ]
    names = [CITED.sub("", row[listed.names]) for row in rows]
    left = [title for title, column in texts.items() if _is_not_run(column)]
    shown = pd.DataFrame(texts, index=names).drop(columns=left)
    notes = [_note(f"Ours: {editions.SUPERSEDED}.", FAIR)] if superseded else []
    notes += [
        _note(f"Not run: {title.removesuffix(' (ours)')}.", RERUN) for title in left
    ]
    kept = {title: own for title, own in addresses.items() if title not in left}
    return linked(shown, kept, listed.caption, "".join(notes), "cards")


def size_and_cost(results: Path, number: int) -> HTML:
    """Return what one of Tables 3 to 5 prints of size and cost beside what is counted.

    Args:
        results: folder of the tables.
        number: of the table.
    """
    caption = f"Table {number}: size and cost, printed and counted"
    shown = peers.shown(results, number).rename(lambda name: CITED.sub("", name))
    return linked(shown, {}, caption)


def read_table(path: Path | str) -> pd.DataFrame:
    """Read any other table of results.

    The first column names the rows; large integers get thousands separators, everything
    else stays as it is written in the file, and what is missing is a dash.

    Args:
        path: a CSV file.
    """

    def cell(text):
        if text.isdecimal() and len(text) > 4:
            return f"{int(text):,}"
        return text or "-"

    table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=0)
    return table.rename_axis(None).map(cell)


def steps(results: Path, steps: Sequence[claims.Step]) -> HTML:
    """Return statements about accuracy, with the runs that decide them."""
    shown = _by_claim(claims.table(steps))
    empty = [name for name in ("p", "verdict") if set(shown[name]) <= {NOT_RUN, "-"}]
    shown = shown.drop(columns=empty)
    columns = {"ours": _after(results, steps)}
    return linked(shown, columns, "The paper's gains and ours", kind="cards")


def verdicts(results: Path, steps: Sequence[claims.Step], counts: pd.DataFrame) -> HTML:
    """Return all statements and verdicts in one table, with their chapters and runs.

    Args:
        results: folder of the records.
        steps: of `claims.steps`.
        counts: of `claims.counts`.
    """
    names = ["place", "kind", "paper", "ours", "verdict"]
    kinds = ["primary" if step.primary else claims.EXPLORATORY for step in steps]
    tried = _by_claim(claims.table(steps)).assign(kind=kinds)
    counted = _by_claim(counts).assign(kind="counted", paper="-", ours="counts")
    shown = pd.concat([tried[names], counted[names]])
    rest = [COUNTED] * len(counts)
    columns = {
        "place": [*(CHAPTERS[step.group] for step in steps), *rest],
        "ours": [*_after(results, steps), *rest],
    }
    caption = "What the paper says, and the verdict of our numbers"
    return linked(shown, columns, caption, kind="cards")


def linked(
    table: pd.DataFrame,
    addresses: Mapping[str, Iterable[str | None]],
    caption: str,
    above: str = "",
    kind: str = "",
) -> HTML:
    """Return a table as HTML, with cells that are links.

    Args:
        table: of text.
        addresses: by column, one a row; None for a cell that is none.
        caption: what the table is, for those who cannot see it.
        above: HTML above the table.
        kind: further class; "cards" makes a card of each row on a phone.

    Raises:
        ValueError: when there are not as many addresses as rows.
    """
    cells = table.map(lambda value: MINUS.sub("\N{MINUS SIGN}", escape(str(value))))
    for column, hrefs in addresses.items():
        cells[column] = [
            f'<a class="{"not-run" if text == NOT_RUN else "run"}"'
            f' href="{escape(href)}">{text}</a>'
            if href and text != "-"
            else text
            for href, text in zip(hrefs, cells[column], strict=True)
        ]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(
            f'<td data-title="{escape(title)}"{EMPTY * (cell == "-")}>{cell}</td>'
            for title, cell in zip(table.columns, row, strict=True)
        )
        + "</tr>"
        for name, row in zip(cells.index, cells.to_numpy(), strict=True)
    )
    return HTML(
        f'{above}<table class="dataframe {kind}"><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _note(text: str, href: str) -> str:
    return f'<p><a href="{href}">{escape(text)}</a></p>'


def _is_not_run(column: Sequence[str]) -> bool:
    """Return whether a column has nothing but what was not run."""
    return NOT_RUN in column and set(column) <= {NOT_RUN, "-"}


def _by_claim(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("claim").rename_axis(None)


def _after(results: Path, steps: Sequence[claims.Step]) -> list[str]:
    """Return the runs at the end of each step."""
    return [runs(results, step.pair.dataset, step.pair.after) for step in steps]
