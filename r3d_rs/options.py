"""Command-line options and parameter types shared by several rooms.

This module imports only click and light modules of the library, to keep help fast.
"""

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import click

from r3d_rs.data.names import ALIASES, DATASETS, OWN_NAME, own_names
from r3d_rs.paths import local_path, study_path


class Name(click.ParamType):
    """A known name; the message for a wrong one lists close names and all names."""

    def __init__(self, kind: str, known: Callable[[], Iterable[str]]):
        """Keep the kind of name, such as "dataset", and a function for known names."""
        self.name = kind
        self.known = known

    def convert(self, value: str, param, ctx) -> str:
        """Return a known name, or refuse it."""
        known = list(dict.fromkeys(self.known()))
        return value if value in known else self.refuse(value, known, param, ctx)

    def refuse(self, value: str, known: list[str], param, ctx) -> NoReturn:
        """Fail with a message that lists close names and all names."""
        close = ", ".join(difflib.get_close_matches(value, known))
        meant = f"; did you mean {close}?" if close else "."
        self.fail(f"received {value!r}{meant} Allowed: {', '.join(known)}.", param, ctx)


class DatasetName(Name):
    """The name of a dataset of the study, or of a prepared one of your own.

    With `--videos` the name may be new. The options that it depends on are eager: click
    reads them first.
    """

    def convert(self, value: str, param, ctx) -> str:
        """Return a known or new name, or refuse it."""
        given = ctx.params if ctx else {}
        where, videos = given.get("data_dir"), given.get("videos")
        if isinstance(given.get("parameters"), dict):
            where = given["parameters"].get("data_dir")
        # A missing value may be an internal object of click.
        known = [
            *self.known(),
            *own_names(where if isinstance(where, str | Path) else None),
        ]
        new = isinstance(videos, Path) and OWN_NAME.fullmatch(value)
        return value if new or value in known else self.refuse(value, known, param, ctx)


class Local(click.Path):
    """A local file or folder; an address such as gs://bucket is refused.

    Args:
        of_study: whether a relative path is resolved by `paths.study_path`.
        **options: options of `click.Path`.
    """

    def __init__(self, of_study: bool = False, **options):
        """Keep how relative paths are resolved."""
        super().__init__(**options)
        self.of_study = of_study

    def convert(self, value: str, param, ctx) -> Path:
        """Return the path, with `~` expanded."""
        try:
            path = (study_path if self.of_study else local_path)(param.name, value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return Path(super().convert(path, param, ctx))


DATASET = DatasetName("dataset", lambda: [*ALIASES, *DATASETS])
FOLDER = Local(of_study=True, file_okay=False)
INPUT = Local(file_okay=False)
FILE = Local(dir_okay=False)

dataset_option = click.option(
    "--dataset", type=DATASET, default="pantomime-20", help="Name of the dataset."
)
data_dir_option = click.option(
    "--data-dir",
    type=FOLDER,
    is_eager=True,
    show_default="R3D_RS_DATA, or else ~/.cache/r3d_rs",
    help="Folder of the datasets.",
)
