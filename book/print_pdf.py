"""Print the chapters of the built book to one PDF with headless Chromium.

`make pdf` runs this after `make book`. It prints all chapters of the table of contents
except the pages of runs and the API reference. The file is `book.pdf` in the built
book.
"""

import argparse
import re
import sys
from pathlib import Path

from check_pages import HTML, UNFOLD, serve
from playwright.sync_api import sync_playwright

CONTENTS = Path(__file__).parent / "_toc.yml"
LEFT_OUT = ("runs", "api")


#: Hides everything around a page's text, and avoids page breaks in tables.
STYLE = """
.bd-header, .bd-sidebar-primary, .bd-sidebar-secondary, .bd-footer, .bd-header-article,
.prev-next-footer, .skip-link, #pst-skip-link, .pst-scroll-pixel-helper,
#pst-back-to-top, .headerlink, footer { display: none !important; }
article.chapter { break-before: page; }
article.chapter:first-child { break-before: auto; }
:is(h1, h2, h3, summary) { break-after: avoid; }
details > summary { list-style: none; }
tr, img, svg, pre, .clips figure { break-inside: avoid; }
thead, dt, p:has(+ table) { break-after: avoid; }
tbody tr:nth-child(-n + 3), tbody tr:nth-last-child(-n + 2) { break-before: avoid; }
article table { font-size: 7.5pt !important; }
article td, article th { white-space: normal !important; padding: 1pt 3pt !important; }
article img { max-width: 100%; max-height: 22cm; }
article pre { white-space: pre-wrap; }
article div { overflow: visible !important; }
"""

#: Replaces a page by the articles of all chapters, as rendered on their own pages.
JOIN = """
(chapters) => {
  const all = document.createElement("main");
  for (const html of chapters) {
    const one = document.createElement("article");
    one.className = "chapter bd-article bd-content";
    one.innerHTML = html;
    all.append(one);
  }
  document.body.replaceChildren(all);
}
"""


def chapters() -> list[str]:
    """Return the chapters in the table of contents, the front page first."""
    text = CONTENTS.read_text(encoding="utf-8")
    named = re.findall(r"^ *(?:root: |- file: )(\S+)$", text, re.M)
    return [name for name in named if name.partition("/")[0] not in LEFT_OUT]


def print_book(html: Path, chromium: str) -> Path:
    """Print the book, and return the file."""
    server = serve(html)
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_context(color_scheme="light").new_page()
        articles = []
        for name in chapters():
            page.goto(f"{address}{name}.html", wait_until="networkidle")
            page.evaluate(UNFOLD)
            articles.append(page.locator("article.bd-article").inner_html())
        page.goto(f"{address}index.html", wait_until="networkidle")
        page.evaluate(JOIN, articles)
        page.add_style_tag(content=STYLE)
        page.wait_for_load_state("networkidle")
        path = html / "book.pdf"
        page.pdf(
            path=path,
            format="A4",
            margin=dict.fromkeys(("top", "bottom", "left", "right"), "16mm"),
            display_header_footer=True,
            header_template="<span></span>",
            footer_template='<div style="font-size:8px;width:100%;text-align:center">'
            '<span class="pageNumber"></span></div>',
        )
        browser.close()
    server.shutdown()
    return path


def main() -> None:
    """Print the book."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--html", type=Path, default=HTML)
    arguments = parser.parse_args()
    if not (arguments.html / "index.html").exists():
        sys.exit(f"no pages in {arguments.html}: run `make book` first")
    print(print_book(arguments.html, arguments.chromium))


if __name__ == "__main__":
    main()
