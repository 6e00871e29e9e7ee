"""Tables of the book, with links from our numbers to their runs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd
from extensions.notebooks import address
from IPython.display import HTML, Markdown

from r3d_rs import paper
from r3d_rs.experiments import record, registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.operations import exact, study
from r3d_rs.report import claims, editions, peers
from r3d_rs.report.tables import TABLES

#: Shown by a section without records.
NOTHING = Markdown(f"{NOT_RUN.capitalize()}.")

#: Where "not run" links to.
RERUN = "rerun.html#rerun-one-number"

#: Chapters, by group of the paper's statements.
CHAPTERS = {
    "scaling": "scaling.html",
    "ablation": "ablation.html",
    "pre-training": "pretraining.html",
    "self-supervision": "contrastive.html",
}

#: Section of the statements that are decided by counting.
COUNTED = "model.html#what-can-be-counted"

#: Counted networks that are not in the paper's tables.
NETWORKS = {
    exact.BASELINE_WITH_SE: "R3D-50 with squeeze-excitation",
    exact.GATING_EVERYWHERE: "R3D-RS-50 with self-gating in each block",
}

#: A reference's number in the paper, which the book does not use.
CITED = re.compile(r" \[\d+\]")

#: Section that explains why the first edition is superseded.
FAIR = "fair-test.html#the-first-edition"


def anchor(dataset: str, study: str, point: str) -> str:
    """Return the id of a point's runs in the list of all runs."""
    return re.sub(r"[^a-z0-9]+", "-", f"{dataset}-{study}-{point}".lower())


def runs(results: Path, dataset: str, name: str) -> str:
    """Return the address of an experiment's runs, or of `RERUN` if it has none."""
    for own in (name, *registry.aliases(name)):
        if any((Path(results) / dataset / own).glob("seed-*.json")):
            return f"runs/index.html#{anchor(dataset, *own.split('/', 1))}"
    return RERUN


def table(results: Path, name: str) -> HTML:
    """Return one of the paper's tables beside ours, with the columns of `TABLES`.

    Args:
        results: folder of the records and tables.
        name: name of the table, such as "table2".
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
    return linked(shown, kept, listed.caption, "".join(notes))


def size_and_cost(results: Path, number: int) -> HTML:
    """Return printed and counted size and cost of one of Tables 3 to 5.

    Args:
        results: folder of the tables.
        number: number of the table.
    """
    caption = f"Table {number}: size and cost, printed and counted"
    shown = peers.shown(results, number).rename(lambda name: CITED.sub("", name))
    return linked(shown, {}, caption)


def cost(results: Path) -> HTML:
    """Return the printed and counted cost of Table 3's networks, in short."""
    all_of_it = peers.shown(results, 3).rename(lambda name: CITED.sub("", name))
    printed = all_of_it["view, G (printed)"]
    shown = pd.DataFrame(
        {
            "top-1, % (paper)": paper.table(3)["top1"].map("{:.1f}".format).to_list(),
            "one view, G (paper)": printed.str.removeprefix(peers.MARK),
            "one view, G (ours)": all_of_it["view, G (counted)"],
            "one video, T (ours)": all_of_it["video, T (counted)"],
            "verdict": [
                "differs" if text.startswith(peers.MARK) else "agrees"
                for text in printed
            ],
        },
        index=all_of_it.index,
    )
    return linked(shown, {}, "Accuracy and multiply-adds of the networks of Table 3")


def read_table(path: Path | str) -> pd.DataFrame:
    """Read any other table of results.

    The first column names the rows. Large integers get thousands separators, and
    missing values a dash. Everything else stays as in the file.

    Args:
        path: a CSV file.
    """

    def cell(text):
        if text.isdecimal() and len(text) > 4:
            return f"{int(text):,}"
        return text or "-"

    table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=0)
    return table.rename_axis(None).map(cell)


def complexity(results: Path) -> pd.DataFrame:
    """Return printed and counted size and cost of the paper's networks.

    Parameters are in millions. Multiply-adds and FLOPs are in billions for one view.
    """
    printed = {}
    for number, classes in ((2, 400), (3, 400), (4, 600)):
        for row in paper.table(number).dropna(subset="model").to_dict("records"):
            name = row["model"] + "+se" * (
                row["model"] == "r3d-50" and row.get("SE", 0)
            )
            place = (name, row["frames_span"] // 2, 256, classes)
            found = printed.setdefault(place, {})
            for column in ("params_m", "flops_b"):
                if pd.notna(row.get(column)):
                    found.setdefault(column, row[column])
    rows = []
    for place, own in exact.read(results).iterrows():
        said = printed.get(place, {})
        rows.append(
            {
                "": NETWORKS.get(place[0]) or place[0].upper(),
                "view": f"{place[1]}×{place[2]}²",
                "classes": str(place[3]),
                "parameters, M (paper)": _number(said.get("params_m")),
                "parameters, M (ours)": _number(own["params"] / 1e6),
                "FLOPs, G (paper)": _number(said.get("flops_b"), 0),
                "FLOPs, G (ours)": _number(own["profiler_gflops"]),
                "multiply-adds, G": _number(own["gmacs"]),
            }
        )
    return pd.DataFrame(rows).set_index("").rename_axis(None)


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def statements(results: Path, statements: Sequence[claims.Statement]) -> HTML:
    """Return statements about accuracy, with links to their runs and notebooks."""
    shown = _by_claim(claims.table(statements)).drop(columns=["place", "p"])
    shown["verdict"] = shown["verdict"].replace(NOT_RUN, "-")  # "ours" has it
    after = [(statement.pair.dataset, statement.pair.after) for statement in statements]
    found = [address(*own, results) for own in after]
    shown = shown.assign(rerun=["Colab" if href else "-" for href in found])
    columns = {"ours": _after(results, statements), "rerun": found}
    notes = {statement.text: statement.place for statement in statements}
    return linked(shown, columns, "The paper's gains and ours", "", notes)


def run_it(results: Path, name: str, dataset: str = "pantomime-20") -> Markdown:
    """Describe how long a run takes, and which accuracy to expect.

    Args:
        results: folder of the records.
        name: name of the experiment.
        dataset: name of its dataset.
    """
    plan, planned = study.read(), (dataset, registry.SAME.get(name, name))
    own = registry.records(results, dataset, name)
    href = address(dataset, name, results)
    colab = f" [Open it in Colab]({href})." if href else ""
    took, expected = "", "no run is published yet"
    for where, top1 in registry.get(name).paper.items():
        if where == "kinetics-400":
            expected += f"; the paper has {top1:.1f} % on Kinetics-400"
    if own:
        minutes = [run["wall_seconds"]["total"] / 60 for run in own]
        ends = sorted({f"{min(minutes):.0f}", f"{max(minutes):.0f}"}, key=float)
        took = f"; published runs took {' to '.join(ends)}"
        expected = "top-1 " + record.described(own).replace(" (", " % (", 1)
    return Markdown(
        f"`{name}` takes about {plan.minutes[planned]:g} minutes on one core with"
        f" AVX-512{took}. Older processors take longer. Expected: {expected}. A verdict"
        f" takes {plan.seeds[planned]} seeds.{colab}"
    )


def verdicts(
    results: Path, statements: Sequence[claims.Statement], counts: pd.DataFrame
) -> HTML:
    """Return all statements and verdicts in one table, with their chapters and runs.

    Args:
        results: folder of the records.
        statements: result of `claims.statements`.
        counts: result of `claims.counts`.
    """
    names = ["kind", "paper", "ours", "95 % interval", "seeds", "p", "verdict"]
    kinds = [
        "primary" if statement.primary else claims.EXPLORATORY
        for statement in statements
    ]
    tried = _by_claim(claims.table(statements)).assign(kind=kinds)
    counted = _by_claim(counts).assign(kind="counted", ours="counts")
    shown = pd.concat([tried, counted])[names].fillna("-")
    shown["verdict"] = shown["verdict"].replace(NOT_RUN, "-")
    rest = [COUNTED] * len(counts)
    columns = {"ours": [*_after(results, statements), *rest]}
    places = [statement.place for statement in statements] + counted["place"].to_list()
    caption = "What the paper says, and the verdict of our numbers"
    return linked(
        shown,
        columns,
        caption,
        notes=dict(zip(shown.index, places, strict=True)),
        chapters=[*(CHAPTERS[statement.group] for statement in statements), *rest],
    )


def linked(
    table: pd.DataFrame,
    addresses: Mapping[str, Iterable[str | None]],
    caption: str,
    above: str = "",
    notes: Mapping[str, str] | None = None,
    chapters: Sequence[str] | None = None,
) -> HTML:
    """Return a table as HTML, with links in its cells.

    The build adds signs, dashes and a layout for phones (`extensions/tables.py`).

    Args:
        table: cells as text.
        addresses: by column, one a row; None for a cell without a link.
        caption: caption of the table.
        above: HTML above the table.
        notes: small text after a row's name, by name.
        chapters: addresses for the rows' names, one a row, or None for no links.

    Raises:
        ValueError: if the number of addresses is not the number of rows.
    """
    cells = table.map(lambda value: escape(str(value)))
    for column, hrefs in addresses.items():
        cells[column] = [
            f'<a class="{"not-run" if text == NOT_RUN else "run"}"'
            f' href="{escape(href)}">{text}</a>'
            if href and text != "-"
            else text
            for href, text in zip(hrefs, cells[column], strict=True)
        ]
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    names = [escape(str(name)) for name in table.index]
    if chapters:
        names = [
            f'<a href="{escape(href)}">{name}</a>'
            for name, href in zip(names, chapters, strict=True)
        ]
    for i, name in enumerate(table.index):
        if notes and notes.get(name):
            names[i] += f' <small class="place">{escape(notes[name])}</small>'
    body = "".join(
        f'<tr><th scope="row">{name}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for name, row in zip(names, cells.to_numpy(), strict=True)
    )
    return HTML(
        f'{above}<table class="dataframe"><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _note(text: str, href: str) -> str:
    return f'<p><a href="{href}">{escape(text)}</a></p>'


def _is_not_run(column: Sequence[str]) -> bool:
    """Return whether a column has only "not run" and dashes."""
    return NOT_RUN in column and set(column) <= {NOT_RUN, "-"}


def _by_claim(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("claim").rename_axis(None)


def _after(results: Path, statements: Sequence[claims.Statement]) -> list[str]:
    """Return the address of the runs at the end of each statement."""
    return [
        runs(results, statement.pair.dataset, statement.pair.after)
        for statement in statements
    ]
