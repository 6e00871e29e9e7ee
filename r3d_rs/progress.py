"""Progress bars with the remaining time, on a terminal and in a log."""

import sys

from tqdm import tqdm

#: Seconds between two lines where a bar cannot be drawn over.
LOG_SECONDS = 15


class _Lines:
    """Writes every state of a bar as a line of its own."""

    def write(self, text: str) -> None:
        if text := text.strip("\r\n "):
            sys.stderr.write(f"{text}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def bar(*args, **options) -> tqdm:
    """Return tqdm's bar; in a log it is a line now and then.

    Args:
        *args: of `tqdm`.
        **options: of `tqdm`.
    """
    if not sys.stderr.isatty():
        options = {
            "file": _Lines(),
            "mininterval": LOG_SECONDS,
            "maxinterval": LOG_SECONDS,
            **options,
        }
    return tqdm(*args, **options)
