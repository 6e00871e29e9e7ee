"""Names, paths and options that commands of several rooms take.

It imports click alone, so that help is quick.
"""

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import click

from r3d_rs.data.names import ALIASES, DATASETS, OWN_NAME, own_names
from r3d_rs.paths import local_path, study_path


class Name(click.ParamType):
    """A name that the study knows; a wrong one is answered by close ones and by all."""

    def __init__(self, kind: str, known: Callable[[], Iterable[str]]):
        """Take what is named, such as "dataset", and a function that returns names."""
        self.name = kind
        self.known = known

    def convert(self, value: str, param, ctx) -> str:
        """Return the name that was received."""
        known = list(dict.fromkeys(self.known()))
        return value if value in known else self.refuse(value, known, param, ctx)

    def refuse(self, value: str, known: list[str], param, ctx) -> NoReturn:
        """End with a message that has close names and all of them."""
        close = ", ".join(difflib.get_close_matches(value, known))
        meant = f"; did you mean {close}?" if close else "."
        self.fail(f"received {value!r}{meant} Allowed: {', '.join(known)}.", param, ctx)


class DatasetName(Name):
    """The name of a dataset of the study, or of one of your own that is there.

    Where videos are given, it may be new. The options that say where are read before.
    """

    def convert(self, value: str, param, ctx) -> str:
        """Return the name that was received."""
        given = ctx.params if ctx else {}
        where, videos = given.get("data_dir"), given.get("videos")
        if isinstance(given.get("parameters"), dict):
            where = given["parameters"].get("data_dir")
        # What was not given may be an object of click's own.
        known = [
            *self.known(),
            *own_names(where if isinstance(where, str | Path) else None),
        ]
        new = isinstance(videos, Path) and OWN_NAME.fullmatch(value)
        return value if new or value in known else self.refuse(value, known, param, ctx)


class Local(click.Path):
    """A file or folder of this machine; an address such as gs://bucket is refused.

    Args:
        of_study: a relative one is below the checkout, as `paths.study_path` says.
        **options: of click's own type.
    """

    def __init__(self, of_study: bool = False, **options):
        """Keep whose rule it follows."""
        super().__init__(**options)
        self.of_study = of_study

    def convert(self, value: str, param, ctx) -> Path:
        """Return the path, `~` expanded."""
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
