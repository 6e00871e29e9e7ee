"""Open every page of the built book in headless Chromium and look for trouble.

Run it with a Python that has playwright, and Chromium's path if it is not
/usr/bin/chromium: `python book/check_pages.py [--chromium PATH] [--pictures FOLDER]`.
It fails on a page that does not load, a failed or external request, an error or warning
in the console, a formula that was not rendered, or a page wider than its window.
"""

import argparse
import functools
import http.server
import sys
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

HTML = Path(__file__).parent / "_build" / "html"
WIDTHS = {"wide": 1280, "narrow": 390}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line on the screen for each."""

    def log_message(self, *arguments):
        """Say nothing."""


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    """Serve a folder on a free local port, in the background."""
    handler = functools.partial(QuietHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def check_page(context, address: str, path: str, picture: Path | None) -> list[str]:
    """Open one page and return what is wrong with it."""
    page, wrong = context.new_page(), []

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
    page.goto(address + path, wait_until="networkidle")
    formulas = page.locator(".formula").count()
    if page.locator(".formula math").count() != formulas:
        wrong.append(f"not all of {formulas} formulas are rendered")
    overhang = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    if overhang > 0:
        wrong.append(f"the page is {overhang} pixels wider than its window")
    if picture is not None:
        page.screenshot(path=picture, full_page=True)
    page.close()
    return wrong


def main() -> None:
    """Check every page at a wide and a narrow window."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--html", type=Path, default=HTML)
    parser.add_argument("--pictures", type=Path, help="folder for screenshots")
    arguments = parser.parse_args()
    pages = sorted(
        p.relative_to(arguments.html) for p in arguments.html.rglob("*.html")
    )
    pages = [page for page in pages if "_static" not in page.parts]
    if not pages:
        sys.exit(f"no pages in {arguments.html}: run `make book` first")
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
    server, wrong = serve(arguments.html), []
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, width in WIDTHS.items():
            context = browser.new_context(viewport={"width": width, "height": 900})
            for page in pages:
                picture = arguments.pictures and (
                    arguments.pictures
                    / f"{name}-{'-'.join(page.with_suffix('').parts)}.png"
                )
                found = check_page(context, address, page.as_posix(), picture)
                wrong += [f"{page} ({name}): {text}" for text in found]
            context.close()
        browser.close()
    server.shutdown()
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(pages)} pages, each at {len(WIDTHS)} widths: nothing wrong")


if __name__ == "__main__":
    main()
