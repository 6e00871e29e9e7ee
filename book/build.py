"""Build the book: its chapters are executed side by side, and warnings are errors.

Sphinx reads the pages in processes, as many as there are usable cores; a page's process
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

#: Chapters that compute with TensorFlow. Its import takes seconds: they start first.
WITH_TENSORFLOW = ("model", "data")
#: Pages that one process reads, where they need no process each.
BATCH = 10
#: Seconds between two lines of progress, on a terminal and elsewhere.
EVERY = 1, 15


def parts(book: Path, pages: list[str], workers: int) -> list[list[str]]:
    """Divide pages into what one process reads or writes, the longest part first.

    Each executed chapter is a part. The reference is one, as it imports the library.
    """
    api = [page for page in pages if page.startswith("api/")]
    chapters = [page for page in pages if is_executed(book, page)]
    chapters.sort(key=lambda page: page not in WITH_TENSORFLOW)
    rest = [page for page in pages if page not in {*api, *chapters}]
    found = [api] if api else []
    found += [[page] for page in chapters]
    found += [rest[i : i + BATCH] for i in range(0, len(rest), BATCH)]
    # Sphinx starts the first ones at once, and takes the others from the end.
    return found[:workers] + found[workers:][::-1]


def is_executed(book: Path, page: str) -> bool:
    """Return whether the build executes a page's cells."""
    path = book / f"{page}.md"
    return path.exists() and "```{code-cell}" in path.read_text(encoding="utf-8")


class Progress:
    """One line of progress, which the processes of a build write together."""

    def __init__(self, app: Sphinx, book: Path, shown: io.TextIOBase):
        """Follow a build.

        Args:
            app: of the build.
            book: its sources.
            shown: where the line goes.
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
        """Note what there is to do."""
        self.pages = len(pages)
        self.weight = sum(map(self.of, pages)) + len(pages)

    def of(self, page: str) -> float:
        """Return the time of reading a page, as a multiple of that of writing it."""
        return 12 if is_executed(self.book, page) else 1

    def written(self, app, page, template, context, doctree) -> None:
        """Count a page that is written; the index and the search are none."""
        if doctree is not None:
            self.tick("written", page)

    def tick(self, what: str, page: str) -> None:
        """Count a page, and now and then say how many and how long it will take."""
        terminal, passed = self.shown.isatty(), time.monotonic() - self.start
        with self.done.get_lock():
            self.done[0] += self.of(page) if what == "read" else 1
            self.done[1] = self.done[1] % self.pages + 1
            if passed < self.done[2] + EVERY[not terminal]:
                return
            self.done[2] = passed
            share = self.done[0] / self.weight
            line = f"book: {self.done[1]:.0f} of {self.pages} pages {what}"
            if share > 0.1:  # less says nothing about the rest
                line += f", about {passed / share - passed:.0f} s left"
            self.shown.write(f"\r{line:<60}" if terminal else f"{line}\n")
            self.shown.flush()


def build(book: Path, jobs: int, shown: io.TextIOBase) -> str:
    """Build a book into `_build/html`, everything from its sources.

    Args:
        book: folder of the sources.
        jobs: pages that are read at a time.
        shown: where progress goes.

    Returns:
        All warnings and the error that ended the build; empty when there are none.
    """
    output = book / "_build"
    shutil.rmtree(output / "html", ignore_errors=True)  # pages that are gone
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
            # It numbers pages once all are read, but does not declare so.
            app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
            Progress(app, book, shown)
            if jobs > 1:  # one more, as Sphinx writes in one process less
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
    """Build the book, or another that has its settings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("book", type=Path, nargs="?", default=BOOK)
    parser.add_argument("--jobs", type=int, default=usable_cores())
    arguments = parser.parse_args()
    book, start = arguments.book.resolve(), time.monotonic()
    (book / "_build").mkdir(exist_ok=True)
    # What kernels and TensorFlow note about themselves is no part of the output.
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
    print(f"book: {os.path.relpath(page)} is there after {passed:.0f} s")


if __name__ == "__main__":
    main()
