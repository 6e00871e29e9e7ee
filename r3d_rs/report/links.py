"""Tables of the book whose cells of ours lead to the runs that they come from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from r3d_rs.experiments import registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import claims, display
from r3d_rs.report.tables import DATASETS, DATASETS_4

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


def anchor(dataset: str, study: str, point: str) -> str:
    """Return the id of a point's runs in the list of all runs."""
    return re.sub(r"[^a-z0-9]+", "-", f"{dataset}-{study}-{point}".lower())


def runs(results: Path, dataset: str, name: str) -> str:
    """Return the address of an experiment's runs, or of how to run what has none."""
    for own in (name, *registry.same(name)):
        if any((Path(results) / dataset / own).glob("seed-*.json")):
            return f"runs/index.html#{anchor(dataset, *own.split('/', 1))}"
    return RERUN


def chart(results: Path, number: int, title: str) -> HTML:
    """Return Figure 1 or 2, whose points of ours lead to their executed notebooks.

    Args:
        results: folder of the records.
        number: 1 or 2.
        title: what the figure shows, for those who cannot see it.
    """
    from r3d_rs.report import interactive  # Matplotlib, which no table needs

    def address(experiment):
        dataset, study, point = (
            experiment[name] for name in ("dataset", "study", "point")
        )
        if (Path(results) / dataset / study / point / "seed-0.ipynb").exists():
            return f"runs/{study}/{dataset}-{point}-seed-0.html"
        return runs(results, dataset, f"{study}/{point}")

    return HTML(interactive.svg(number, results, address, title=title))


def linked(
    table: pd.DataFrame, addresses: Mapping[str, Iterable[str | None]], caption: str
) -> HTML:
    """Return a table as HTML, with cells that are links.

    Args:
        table: of text.
        addresses: by column, one a row; None for a cell that is none.
        caption: what the table is, for those who cannot see it.

    Raises:
        ValueError: when there are not as many addresses as rows.
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
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row)
        + "</tr>"
        for name, row in zip(cells.index, cells.to_numpy(), strict=True)
    )
    return HTML(
        f'<table class="dataframe"><caption>{escape(caption)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def table2(results: Path) -> HTML:
    """Return Table 2 with its runs."""
    path, columns = Path(results) / "tables" / "table2.csv", {}
    shown = display.table2(path)
    for title, dataset in _titles(shown).items():
        columns[title] = [
            runs(results, dataset, f"ablation/{row}") for row in shown.index
        ]
    columns["step (ours)"] = columns["Pantomime top-1, % (ours)"]
    return linked(shown, columns, "Table 2, the paper's columns beside ours")


def from_scratch(results: Path, number: int) -> HTML:
    """Return Table 3 or 4 with its runs."""
    path = Path(results) / "tables" / f"table{number}.csv"
    shown = display.from_scratch(path)
    points = _column(path, "point")
    columns = {
        title: [p and runs(results, dataset, registry.of_point(p)) for p in points]
        for title, dataset in _titles(shown).items()
    }
    return linked(shown, columns, f"Table {number}, the paper's columns beside ours")


def table6(results: Path) -> HTML:
    """Return Table 6 with its runs."""
    path = Path(results) / "tables" / "table6.csv"
    shown, points = display.table6(path), _column(path, "point")
    columns = {
        title: [runs(results, dataset, f"contrastive/{p}") for p in points]
        for title, dataset in _titles(shown).items()
    }
    columns["untrained (ours)"] = [
        runs(results, DATASETS["pantomime"], registry.untrained(p)) for p in points
    ]
    return linked(shown, columns, "Table 6, the paper's column beside ours")


def pretraining(results: Path) -> HTML:
    """Return the comparison of pre-training on Pantomime with its runs."""
    path = Path(results) / "tables" / "pretraining.csv"
    shown = display.read_table(path)
    studies = {
        "pre-trained and fine-tuned": "fine-tuning",
        "from scratch, as long": "from-scratch",
        "from scratch, in full": "scaling",
    }
    columns = {
        title: [
            runs(results, dataset, f"{study}/{point}")
            for point, dataset in zip(shown.index, shown["dataset"], strict=True)
        ]
        for title, study in studies.items()
        if title in shown
    }
    return linked(shown, columns, "Fine-tuning and training from scratch on Pantomime")


def steps(results: Path, steps: Sequence[claims.Step]) -> HTML:
    """Return statements about accuracy, with the runs that decide them."""
    shown = _by_claim(claims.table(steps))
    return linked(shown, {"ours": _after(results, steps)}, "The paper's steps and ours")


def verdicts(results: Path, steps: Sequence[claims.Step], counts: pd.DataFrame) -> HTML:
    """Return all statements and verdicts in one table, with their chapters and runs.

    Args:
        results: folder of the records.
        steps: of `claims.steps`.
        counts: of `claims.counts`.
    """
    names = ["place", "paper", "ours", "verdict"]
    counted = _by_claim(counts).assign(paper="-", ours="counted")
    shown = pd.concat([_by_claim(claims.table(steps))[names], counted[names]])
    rest = [COUNTED] * len(counts)
    columns = {
        "place": [*(CHAPTERS[step.group] for step in steps), *rest],
        "ours": [*_after(results, steps), *rest],
    }
    return linked(shown, columns, "What the paper says, and the verdict of our numbers")


def _by_claim(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("claim").rename_axis(None)


def _after(results: Path, steps: Sequence[claims.Step]) -> list[str]:
    """Return the runs at the end of each step."""
    return [runs(results, step.dataset, step.after) for step in steps]


def _titles(shown: pd.DataFrame) -> dict[str, str]:
    """Return the dataset by the title of the column with its accuracies of ours."""
    second = any(title.startswith("Pantomime-30") for title in shown)
    datasets = DATASETS_4 if second else DATASETS
    return {
        title: dataset
        for title in shown
        for prefix, dataset in datasets.items()
        if title.lower().startswith(prefix) and title.endswith("top-1, % (ours)")
    }


def _column(path: Path, name: str) -> list[str]:
    return pd.read_csv(path, dtype=str, keep_default_na=False)[name].tolist()
