"""Build the book. Chapters are executed in parallel, and warnings are errors.

Sphinx reads the pages in one process a usable core. The process that reads a page
starts the kernel that executes it. `make book` runs this.
"""

import argparse
import io
import multiprocessing
import os
import shutil
import sys
import time
import traceback
from pathlib import Path

from jupyter_book.config import get_final_config
from sphinx import builders
from sphinx.application import Sphinx
from sphinx.errors import SphinxParallelError
from sphinx.util.console import nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils

from r3d_rs.cores import usable_cores

BOOK = Path(__file__).parent

#: Chapters that use TensorFlow. They start first, as its import takes seconds.
WITH_TENSORFLOW = ("model", "data")
#: Pages in a part that is not executed.
BATCH = 10
#: Seconds between two lines of progress, on a terminal and elsewhere.
EVERY = 1, 15


def parts(book: Path, pages: list[str], workers: int) -> list[list[str]]:
    """Divide pages into parts that one process reads or writes, the longest part first.

    Each executed chapter is a part. So is the API reference, which imports the library.
    """
    api = [page for page in pages if page.startswith("api/")]
    chapters = [page for page in pages if is_executed(book, page)]
    chapters.sort(key=lambda page: page not in WITH_TENSORFLOW)
    rest = [page for page in pages if page not in {*api, *chapters}]
    found = [api] if api else []
    found += [[page] for page in chapters]
    found += [rest[i : i + BATCH] for i in range(0, len(rest), BATCH)]
    # Sphinx starts the first parts at once, and takes the others from the end.
    return found[:workers] + found[workers:][::-1]


def is_executed(book: Path, page: str) -> bool:
    """Return whether the build executes a page's cells."""
    path = book / f"{page}.md"
    return path.exists() and "```{code-cell}" in path.read_text(encoding="utf-8")


class Progress:
    """A line of progress that all processes of a build update."""

    def __init__(self, app: Sphinx, book: Path, shown: io.TextIOBase):
        """Follow a build.

        Args:
            app: the Sphinx application.
            book: folder of the sources.
            shown: stream for the line.
        """
        self.book, self.shown, self.start = book, shown, time.monotonic()
        self.done = multiprocessing.Array(
            "d", 3
        )  # weight, pages, time of the last line
        self.pages = self.weight = 0
        app.connect("env-before-read-docs", self.begin)
        app.connect("doctree-read", lambda app, _: self.tick("read", app.env.docname))
        app.connect("html-page-context", self.written)

    def begin(self, app, env, pages: list[str]) -> None:
        """Count the pages and their weight."""
        self.pages = len(pages)
        self.weight = sum(map(self.of, pages)) + len(pages)

    def of(self, page: str) -> float:
        """Return how many times longer a page takes to read than to write."""
        return 12 if is_executed(self.book, page) else 1

    def written(self, app, page, template, context, doctree) -> None:
        """Count a written page. The index and the search do not count."""
        if doctree is not None:
            self.tick("written", page)

    def tick(self, what: str, page: str) -> None:
        """Count a page, and show progress and the time left every `EVERY` seconds."""
        terminal, passed = self.shown.isatty(), time.monotonic() - self.start
        with self.done.get_lock():
            self.done[0] += self.of(page) if what == "read" else 1
            self.done[1] = self.done[1] % self.pages + 1
            if passed < self.done[2] + EVERY[not terminal]:
                return
            self.done[2] = passed
            share = self.done[0] / self.weight
            line = f"book: {self.done[1]:.0f} of {self.pages} pages {what}"
            if share > 0.1:  # too early to estimate the rest
                line += f", about {passed / share - passed:.0f} s left"
            self.shown.write(f"\r{line:<60}" if terminal else f"{line}\n")
            self.shown.flush()


def build(book: Path, jobs: int, shown: io.TextIOBase) -> str:
    """Build a book into `_build/html`, from scratch.

    Args:
        book: folder of the sources.
        jobs: number of pages that are read at a time.
        shown: stream for the progress.

    Returns:
        All warnings and the error that ended the build, or "" if there are none.
    """
    output = book / "_build"
    shutil.rmtree(output / "html", ignore_errors=True)  # removes stale pages
    own = {
        "external_toc_path": str(book / "_toc.yml"),
        "latex_individualpages": False,
        "nitpicky": True,
    }
    builders.make_chunks = lambda pages, workers: parts(book, pages, workers)
    said = io.StringIO()
    try:
        config, _ = get_final_config(
            user_yaml=book / "_config.yml", cli_config=own, sourcedir=book
        )
        with patch_docutils(), docutils_namespace():
            app = Sphinx(
                srcdir=book,
                confdir=None,
                outdir=output / "html",
                doctreedir=output / ".doctrees",
                buildername="html",
                confoverrides=config,
                status=None,
                warning=said,
                freshenv=True,
                warningiserror=True,
                keep_going=True,
                parallel=jobs,
            )
            # It numbers pages after all are read, but does not declare this.
            app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
            Progress(app, book, shown)
            if jobs > 1:  # one more, as Sphinx writes in one process fewer
                app.connect(
                    "write-started", lambda *_: setattr(app, "parallel", jobs + 1)
                )
            app.build()
        failed = app.statuscode != 0
    except SphinxParallelError as error:
        return f"{said.getvalue()}\n{error.traceback}"
    except Exception:
        return f"{said.getvalue()}\n{traceback.format_exc()}"
    return said.getvalue() or "the build failed" if failed else ""


def main() -> None:
    """Build the book, or another one with the same settings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("book", type=Path, nargs="?", default=BOOK)
    parser.add_argument("--jobs", type=int, default=usable_cores())
    arguments = parser.parse_args()
    book, start = arguments.book.resolve(), time.monotonic()
    (book / "_build").mkdir(exist_ok=True)
    # Kernels and TensorFlow log to a file, not to the terminal.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    shown, notes = os.fdopen(os.dup(2), "w"), book / "_build" / "notes.txt"
    with notes.open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), 2)
    if not shown.isatty():
        nocolor()
    found = build(book, arguments.jobs, shown)
    shown.write("\r" + " " * 60 + "\r" if shown.isatty() else "")
    if found:
        shown.write(f"{found.strip()}\nbook: the build failed, see above\n")
        shown.close()
        sys.exit(1)
    page, passed = book / "_build" / "html" / "index.html", time.monotonic() - start
    print(f"book: {os.path.relpath(page)} built in {passed:.0f} s")


if __name__ == "__main__":
    main()
