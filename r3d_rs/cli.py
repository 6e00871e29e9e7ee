"""Command line: one program with the commands of all rooms.

Each room defines its commands in `commands.py`, which imports only click to keep help
fast. An expected failure prints one message and exits with code 1. A wrong command or
option exits with code 2.
"""

import importlib.abc
import importlib.util
import logging
import os
import sys
import warnings
from importlib.machinery import ModuleSpec

import click

import r3d_rs
from r3d_rs.evaluation.commands import export, predict, publish
from r3d_rs.operations.commands import cost, overview, rerun, run, tpu
from r3d_rs.preparation.commands import data
from r3d_rs.report.commands import report

#: Failures shown as a message, without a traceback. A thread that finds no memory
#: raises RuntimeError.
EXPECTED = (ValueError, OSError, ModuleNotFoundError, MemoryError, RuntimeError)

#: Subclasses of these that click handles itself: --help, Ctrl-C, `r3d-rs list | head`.
ENDED = (click.exceptions.Exit, click.Abort, BrokenPipeError)


class Program(click.Group):
    """A click group that reports expected failures as messages."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the requested command."""
        try:
            return super().invoke(ctx)
        except ENDED:
            raise
        except EXPECTED as error:
            raise click.ClickException(described(error)) from error


def described(error: Exception) -> str:
    """Return the message for an expected failure, without the exception's class."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"the Python package {error.name!r} is not installed: in a checkout of"
            f" {r3d_rs.REPOSITORY}, `pip install -e '.[data,study]'` brings it"
        )
    if isinstance(error, OSError) and error.strerror:
        file = "" if error.filename is None else f"{error.filename}: "
        return f"{file}{error.strerror}"
    return str(error) or "out of memory"


def _show_warning(message, category, *_, **__) -> None:
    """Print a user warning without the source line that raised it."""
    if issubclass(category, UserWarning):
        click.echo(f"Warning: {message}", err=True)


class _QuietTensorFlow(importlib.abc.MetaPathFinder):
    """Imports TensorFlow silently: it logs before its own settings take effect."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        """Return a silent import spec for TensorFlow, None for any other module."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: _silently(execute, module)
        return spec


def _silently(function, *arguments) -> None:
    """Call a function while discarding everything written to stderr."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        function(*arguments)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@click.group(
    cls=Program,
    name="r3d-rs",
    commands=[data, run, predict, export, overview, report, tpu, cost, rerun, publish],
    epilog=f"The study: {r3d_rs.REPOSITORY}",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(r3d_rs.__version__, message=f"r3d-rs {r3d_rs.__version__}")
def main() -> None:
    """Prepare datasets, run experiments, and compare their results."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # hide TensorFlow's notes
    if not any(isinstance(one, _QuietTensorFlow) for one in sys.meta_path):
        sys.meta_path.insert(0, _QuietTensorFlow())
    warnings.showwarning = _show_warning
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
