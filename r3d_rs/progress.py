"""Progress bars with the remaining time, on a terminal and in a log."""

import sys

from tqdm import tqdm

#: Seconds between two lines in a log, where a bar cannot be redrawn.
LOG_SECONDS = 15


class _Lines:
    """A file for tqdm that writes each state of a bar on its own line."""

    def write(self, text: str) -> None:
        if text := text.strip("\r\n "):
            sys.stderr.write(f"{text}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def bar(*args, **options) -> tqdm:
    """Return a tqdm bar; in a log it writes a line every `LOG_SECONDS`.

    Args:
        *args: arguments of `tqdm`.
        **options: options of `tqdm`; they take precedence.
    """
    if not sys.stderr.isatty():
        options = {
            "file": _Lines(),
            "mininterval": LOG_SECONDS,
            "maxinterval": LOG_SECONDS,
            **options,
        }
    return tqdm(*args, **options)
