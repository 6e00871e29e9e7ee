"""Tables as a reader wants them: true minus signs, no empty columns, cards on a phone.

Each table that a cell shows passes here, whatever made it. A column that says nothing
but "not run" becomes a line above the table. Each cell gets its column's title, which a
phone shows before the cell, as there a row is a card.
"""

import re

from bs4 import BeautifulSoup, Tag
from docutils import nodes

#: What a cell says that has not been run.
NOT_RUN = "not run"
#: What a cell without a number has in the files, and in the book.
HYPHEN, DASH = "-", "\N{EN DASH}"
#: What a column without a single number is made of.
EMPTY = {NOT_RUN, HYPHEN, DASH, ""}
#: Letters of a row that a phone shows, and cells of a table that is no cards: there are
#: too many to read one after the other.
LETTERS, CELLS = 48, 180
#: A hyphen that is a number's sign.
MINUS = re.compile(r"(?<![\w.])-(?=\d)")


#: An integer that wants separators.
LARGE = re.compile(r"[0-9]{5,}")


def neat(html: str) -> str:
    """Return HTML whose tables are as the book shows them."""
    page = BeautifulSoup(html, "html.parser")
    for table in page.select("table.dataframe"):
        if table.thead and table.tbody:
            _join_headings(table)
            _drop_empty(page, table)
            _write_signs(table)
            _title_cells(table)
    return str(page)


def _join_headings(table: Tag) -> None:
    """Move the name of the rows, for which pandas makes a row, to the first heading."""
    first, *others = table.thead.find_all("tr")
    for row in others:
        for name, cell in zip(row.find_all("th"), first.find_all("th"), strict=False):
            if name.get_text(strip=True):
                cell.string = name.get_text(strip=True)
        row.decompose()


def _drop_empty(page: BeautifulSoup, table: Tag) -> None:
    """Drop columns that say nothing, and name those that were not run above the table.

    Of a table without a single number one column stays, which says that.
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
    """Write dashes and minus signs for hyphens, and large integers in groups."""
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
    """Give cells their columns' titles, and the table the class of cards."""
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
    """Neaten the tables of a page."""
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
