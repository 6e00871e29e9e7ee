"""Format the book's tables: minus signs, no empty columns, cards on a phone.

This applies to every table that a code cell shows. A column with only "not run" becomes
a line above the table. Each cell gets its column's title, which a phone shows before
the cell, because each row is a card there.
"""

import re

from bs4 import BeautifulSoup, Tag
from docutils import nodes

#: Text of a cell that has not been run.
NOT_RUN = "not run"
#: Text of a cell without a number, in the files and in the book.
HYPHEN, DASH = "-", "\N{EN DASH}"
#: Texts of an empty cell.
EMPTY = {NOT_RUN, HYPHEN, DASH, ""}
#: A table becomes cards if a row has more letters than a phone shows, unless the table
#: has more cells than a reader can scroll through.
LETTERS, CELLS = 48, 180
#: A hyphen that is a number's sign.
MINUS = re.compile(r"(?<![\w.])-(?=\d)")


#: An integer that needs thousands separators.
LARGE = re.compile(r"[0-9]{5,}")


def neat(html: str) -> str:
    """Return HTML with its tables formatted for the book."""
    page = BeautifulSoup(html, "html.parser")
    for table in page.select("table.dataframe"):
        if table.thead and table.tbody:
            _join_headings(table)
            _drop_empty(page, table)
            _write_signs(table)
            _title_cells(table)
    return str(page)


def _join_headings(table: Tag) -> None:
    """Move the index's name, for which pandas adds a header row, to the first row."""
    first, *others = table.thead.find_all("tr")
    for row in others:
        for name, cell in zip(row.find_all("th"), first.find_all("th"), strict=False):
            if name.get_text(strip=True):
                cell.string = name.get_text(strip=True)
        row.decompose()


def _drop_empty(page: BeautifulSoup, table: Tag) -> None:
    """Drop empty columns, and name those that were not run above the table.

    If several columns are all empty, one that was not run stays, titled "so far".
    """
    rows = [row.find_all("td") for row in table.tbody.find_all("tr")]
    heads = table.thead.find_all(["td", "th"])
    heads = heads[len(heads) - len(rows[0]) :] if rows else []
    columns = list(zip(heads, *rows, strict=True))
    said = [{cell.get_text(strip=True) for cell in own[1:]} for own in columns]
    left = [i for i, own in enumerate(said) if own <= EMPTY]
    not_run = [i for i in left if NOT_RUN in said[i]]
    if len(left) == len(columns) > 1 and not_run:
        heads[not_run[0]].string = "so far"
        left.remove(not_run[0])
        not_run = []
    elif len(left) == len(columns):
        return
    if not_run:
        titles = ", ".join(heads[i].get_text(" ", strip=True) for i in not_run)
        line = page.new_tag("p")
        line.string = f"Not run yet: {titles}."
        table.insert_before(line)
    for cell in (cell for i in left for cell in columns[i]):
        cell.decompose()


def _write_signs(table: Tag) -> None:
    """Replace hyphens by dashes and minus signs, and group digits of large integers."""
    for cell in table.tbody.find_all("td"):
        if cell.get_text(strip=True) in (HYPHEN, DASH, ""):
            cell.string = DASH
            cell["class"] = [*cell.get("class", ()), "empty"]
            continue
        for text in list(cell.find_all(string=True)):
            if LARGE.fullmatch(text.strip()):
                text.replace_with(f"{int(text):,}")
            elif MINUS.search(text):
                text.replace_with(MINUS.sub("\N{MINUS SIGN}", text))


def _title_cells(table: Tag) -> None:
    """Give cells their columns' titles, and wide tables the class "cards"."""
    titles = [
        cell.get_text(" ", strip=True) for cell in table.thead.find_all(["td", "th"])
    ]
    for row in table.tbody.find_all("tr"):
        cells = row.find_all("td")
        own = titles[len(titles) - len(cells) :]
        for title, cell in zip(own, cells, strict=True):
            cell["data-title"] = title
    rows = [row.find_all(["td", "th"]) for row in table.find_all("tr")]
    widths = [
        max(len(cell.get_text(strip=True)) for cell in column)
        for column in zip(*rows, strict=True)
    ]
    if sum(widths) > LETTERS and len(rows) * len(titles) <= CELLS and len(titles) > 2:
        table["class"] = [*table["class"], "cards"]


def neaten(app, doctree, docname):
    """Format the tables of a page."""
    if app.builder.format != "html":
        return
    for node in doctree.findall(nodes.raw):
        text = node.astext()
        if node.get("format") == "html" and "dataframe" in text:
            node.children = [nodes.Text(neat(text))]
            node.rawsource = ""


def setup(app):
    """Register with Sphinx."""
    app.connect("doctree-resolved", neaten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
