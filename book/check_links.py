"""Check the built book's internal links: file and fragment must exist.

It also finds figures that are shown as text instead of a picture. `make book` runs this
last. It needs only Python.
"""

import argparse
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

HTML = Path(__file__).parent / "_build" / "html"

#: Attributes that hold an address, by element.
ADDRESSES = {"a": "href", "link": "href", "img": "src", "script": "src"}


class Page(HTMLParser):
    """The links and ids of a page, and the figures that are shown as text."""

    def __init__(self):
        """Start without any."""
        super().__init__()
        self.links, self.ids, self.figures = set(), set(), set()

    def handle_starttag(self, tag, attrs):
        """Record an element's id and address."""
        attributes = dict(attrs)
        self.ids.update(
            attributes[name] for name in ("id", "name") if attributes.get(name)
        )
        address = attributes.get(ADDRESSES.get(tag, ""))
        if address:
            self.links.add(address)

    def handle_data(self, data):
        """Record Matplotlib figures that are shown as text."""
        self.figures.update(re.findall(r"<Figure size [^>]*>", data))


def read(path: Path) -> Page:
    """Read a page."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken(folder: Path) -> list[str]:
    """Return a line for each broken link, and for each figure that is text."""
    folder = folder.resolve()
    pages = {
        path: read(path)
        for path in sorted(folder.rglob("*.html"))
        if "_static" not in path.relative_to(folder).parts
    }
    found = []
    for path, page in pages.items():
        name = path.relative_to(folder)
        found += [f"{name}: {figure}: no picture" for figure in sorted(page.figures)]
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve()
            target = path if not parts.path else target
            target = target / "index.html" if target.is_dir() else target
            fragment = unquote(parts.fragment)
            if not target.is_file():
                found.append(f"{name}: {link}: no such file")
            elif fragment and target in pages and fragment not in pages[target].ids:
                found.append(f"{name}: {link}: no such place")
    return found


def main() -> None:
    """Check the book."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=Path, default=HTML)
    folder = parser.parse_args().html
    if not (folder / "index.html").exists():
        sys.exit(f"no pages in {folder}: run `make book` first")
    if found := broken(folder):
        sys.exit("\n".join(found))
    print("every link within the book leads somewhere")


if __name__ == "__main__":
    main()
