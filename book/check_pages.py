"""Check every page of the built book in headless Chromium.

Run it with a Python that has playwright: `python book/check_pages.py`. It fails on:

- a page that does not load, or a failed or external request
- an error or a warning in the console
- a formula that is not rendered
- a page wider than its window
- a figure with letters that are too small
- a search that misses a page
- with `--axe`, a serious or critical violation of accessibility

Every page is opened wide and narrow, in light and in dark colors. `--few` opens only
the first run of each study, as the pages of runs are alike.
"""

import argparse
import functools
import http.server
import sys
import threading
from pathlib import Path

from playwright.sync_api import TimeoutError, sync_playwright

HTML = Path(__file__).parent / "_build" / "html"
WIDTHS = {"wide": 1280, "narrow": 390}

#: Axe's rules by color scheme, None for all. The second scheme changes only colors.
RULES = {"light": None, "dark": ["color-contrast"]}

#: A search, and a page that it must find.
SEARCH = ("stochastic depth", "recipe.html")

#: Makes a page change its colors at once.
STILL = "*, ::before, ::after { transition: none !important }"

#: Unfolds details, so that they are checked too.
UNFOLD = "for (const one of document.querySelectorAll('details')) one.open = true"

#: Pixels of a figure's letters, which are 10 points high in it, and the fewest allowed.
LETTERS = """[...document.querySelectorAll(".figure-marks svg, .drawn svg")].map(
  (svg) => 10 * svg.clientWidth / svg.viewBox.baseVal.width)"""
SMALLEST = 12

#: Axe's impacts that fail a page.
IMPACTS = ("serious", "critical")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without logging requests."""

    def log_message(self, *arguments):
        """Log nothing."""


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    """Serve a folder on a free local port, in the background."""
    handler = functools.partial(QuietHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def listen(page, address: str) -> list[str]:
    """Return a list that gets a line for everything that goes wrong on a page."""
    wrong = []

    def request(sent):
        if not sent.url.startswith((address, "data:", "blob:")):
            wrong.append(f"external request: {sent.url}")

    def response(received):
        if received.status >= 400:
            wrong.append(f"status {received.status}: {received.url}")

    def console(message):
        if message.type in ("error", "warning"):
            wrong.append(f"console {message.type}: {message.text}")

    page.on("request", request)
    page.on("response", response)
    page.on("console", console)
    page.on("requestfailed", lambda failed: wrong.append(f"failed: {failed.url}"))
    page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
    return wrong


def check_page(
    context, address: str, path: str, pictures: str | None, axe: str | None
) -> list[str]:
    """Open one page and return what is wrong with it.

    Args:
        context: the browser's context.
        address: address of the book.
        path: path of the page in the book.
        pictures: start of the screenshots' names, or None for no screenshots.
        axe: the script of axe-core, or None to skip it.
    """
    page = context.new_page()
    wrong = listen(page, address)
    page.goto(address + path, wait_until="networkidle")
    formulas = page.locator(".formula").count()
    if page.locator(".formula math").count() != formulas:
        wrong.append(f"not all of {formulas} formulas are rendered")
    page.add_style_tag(content=STILL)
    page.evaluate(UNFOLD)
    if axe is not None:
        page.evaluate(axe)
    for scheme, rules in RULES.items():
        page.emulate_media(color_scheme=scheme)
        themed = "scheme => document.documentElement.dataset.theme === scheme"
        late = []
        try:  # the page changes a moment later
            page.wait_for_function(themed, arg=scheme, timeout=5000)
        except TimeoutError:
            late = ["the page does not follow the system's color scheme"]
        found = check_shown(page) + late
        if axe is not None:
            found += violations(page, rules)
        wrong += [f"{scheme}: {text}" for text in found]
        if pictures is not None:
            page.screenshot(path=f"{pictures}-{scheme}.png", full_page=True)
    page.close()
    return wrong


def check_shown(page) -> list[str]:
    """Return what is wrong with an open page in its current colors."""
    wrong = []
    overhang = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    if overhang > 0:
        wrong.append(f"the page is {overhang} pixels wider than its window")
    letters = page.evaluate(LETTERS)
    if letters and min(letters) < SMALLEST:
        wrong.append(f"a figure's letters have {min(letters):.1f} pixels")
    for figure in page.locator(".figure-marks").all():
        wrong += check_figure(page, figure)
    return wrong


def check_figure(page, figure) -> list[str]:
    """Check that every point of a figure shows its numbers, and that ours are links.

    A figure of superseded records must have no link.
    """
    wrong, tip = [], page.locator(".figure-tip:not([hidden])")
    for dot in figure.locator(".dot").all():
        expected = dot.get_attribute("data-tip")
        dot.focus()
        if tip.count() != 1 or tip.inner_text() != expected:
            wrong.append(f"the figure's point {expected!r} does not show its tooltip")
        dot.blur()
    if tip.count():
        wrong.append("the figure's tooltip stays after its point loses focus")
    superseded = "superseded" in figure.get_attribute("class").split()
    if superseded == bool(figure.locator("a.dot[href*='runs/']").count()):
        wrong.append("points of a superseded figure lead to runs, or no point does")
    return wrong


def violations(page, rules: list[str] | None) -> list[str]:
    """Return axe's serious and critical findings about an open page.

    Args:
        page: an open page with axe-core in it.
        rules: names of the rules to try, or None for all.
    """
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate("options => axe.run(options)", options)
    return [
        f"{one['impact']}: {one['id']}: {one['help']}: {len(one['nodes'])} times, as in"
        f" {one['nodes'][0]['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in IMPACTS
    ]


def check_search(context, address: str) -> list[str]:
    """Search the book like a reader, and return what is wrong."""
    words, expected = SEARCH
    page = context.new_page()
    wrong = listen(page, address)
    page.goto(f"{address}search.html?q={words.replace(' ', '+')}")
    links = page.locator("#search-results ul.search li a")
    try:  # results arrive one by one
        links.and_(page.locator(f"[href*='{expected}']")).first.wait_for(timeout=60_000)
    except TimeoutError:
        found = [link.get_attribute("href") for link in links.all()]
        wrong.append(f"{words!r} is not found in {expected}, only in {found}")
    page.close()
    return wrong


def main() -> None:
    """Check every page at every width and in both color schemes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--html", type=Path, default=HTML)
    parser.add_argument("--pictures", type=Path, help="folder for screenshots")
    parser.add_argument("--axe", type=Path, help="file axe.min.js of axe-core")
    parser.add_argument("--few", action="store_true", help="one run of each study")
    parser.add_argument("pages", nargs="*", help="starts of their paths; default: all")
    arguments = parser.parse_args()
    pages = sorted(
        p.relative_to(arguments.html) for p in arguments.html.rglob("*.html")
    )
    pages = [
        page
        for page in pages
        if "_static" not in page.parts
        and page.as_posix().startswith(tuple(arguments.pages or [""]))
    ]
    if arguments.few:
        kinds = {}
        for page in pages:
            kinds.setdefault(page.parent if page.parts[0] == "runs" else page, page)
        pages = list(kinds.values())
    if not pages:
        sys.exit(f"no pages in {arguments.html}: run `make book` first")
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    axe = arguments.axe and arguments.axe.read_text(encoding="utf-8")
    server, wrong = serve(arguments.html), 0

    def report(found):
        nonlocal wrong
        wrong += len(found)
        print(*found, sep="\n", end="\n" if found else "", flush=True)

    address = f"http://127.0.0.1:{server.server_address[1]}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, width in WIDTHS.items():
            context = browser.new_context(viewport={"width": width, "height": 900})
            for page in pages:
                stem = "-".join(page.with_suffix("").parts)
                pictures = arguments.pictures and str(
                    arguments.pictures / f"{stem}-{name}"
                )
                found = check_page(context, address, page.as_posix(), pictures, axe)
                report([f"{page} ({name}): {text}" for text in found])
            if name == "wide" and not arguments.pages:
                found = check_search(context, address)
                report([f"search: {text}" for text in found])
            context.close()
        browser.close()
    server.shutdown()
    if wrong:
        sys.exit(f"{wrong} things are wrong")
    print(
        f"{len(pages)} pages, each at {len(WIDTHS)} widths in {len(RULES)} color"
        " schemes: nothing wrong"
    )


if __name__ == "__main__":
    main()
