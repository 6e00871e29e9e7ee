"""Mutated input for all that parses what others wrote.

It is read as what it is, or refused by one `ValueError` or `OSError`.
"""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from r3d_rs import files
from r3d_rs.data import listing
from r3d_rs.experiments import executed, record
from r3d_rs.recipes import recipe
from tests.shared.kill import ROOT
from tests.shared.made_up import made_up, made_up_scores
from tests.shared.tiny import HEADER

#: Pieces that mean something to one of the parsers.
WORDS = [
    *(b'"', b"'", b",", b"\n", b"\r\n", b"\0", b"../", b"null", b"{}", b"[", b"]"),
    *(b"1e999", b"-1", b"NaN", b"\xff\xfe", b"\xed\xa0\x80", b"label", b"train"),
    *(b"9" * 400, b"[" * 2000, b"True", b"__class__", b"epochs", b"sha256"),
]


def mutated(content: bytes, generator: np.random.Generator) -> bytes:
    """Change bytes, take some out, repeat some or put words in, a few times."""
    changed = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        place, other = generator.integers(len(changed) + 1, size=2)
        word = WORDS[generator.integers(len(WORDS))]
        match generator.integers(5):
            case 0:
                changed[place : place + 1] = generator.bytes(1)
            case 1:
                changed[place:place] = word
            case 2:
                del changed[place : place + generator.integers(1, 20)]
            case 3:
                changed[place:place] = changed[other : other + 50]
            case _:
                changed[place : place + len(word)] = word
    return bytes(changed)


def read_run(path: Path):
    """Read the recipe beside a trained network."""
    fields = files.read_json(path)
    with contextlib.suppress(KeyError, TypeError):  # as `trained.load` has it
        recipe.recipe_hash(recipe.from_dict(fields["recipe"]))


def write_run(path: Path):
    fields = {"dataset": "kinetics-400", "classes": ["a"], "seed": 0}
    files.write_json(path, fields | {"recipe": recipe.as_dict(recipe.Recipe())})
    # Without its checksum more of it can be changed.
    path.write_bytes(path.read_bytes().replace(b'"sha256"', b'"other"'))


def write_csv(path: Path):
    path.write_text(HEADER + 'sit down,a,3,13,train\n"turn, left",b,0,10,train\n')


def write_record(path: Path):
    record.write(made_up(), path.parent / "results")
    path.write_bytes(next(path.parent.rglob("seed-0.json")).read_bytes())


NOTEBOOK = (ROOT / "notebooks" / "scaling.ipynb").read_text(encoding="utf-8")

#: What is parsed: the name of a file, what writes a sound one, and what reads it.
PARSERS = {
    "annotations": ("train.csv", write_csv, listing.read),
    "a record": ("seed-0.json", write_record, record.read),
    "a run": ("run.json", write_run, read_run),
    "scores": (
        "seed-0.scores.npz",
        lambda path: record.save_scores(path, **made_up_scores()),
        record.load_scores,
    ),
    "a notebook": (
        "seed-0.ipynb",
        lambda path: path.write_text(NOTEBOOK),
        executed.read,
    ),
}


@pytest.mark.parametrize(("name", "write", "read"), PARSERS.values(), ids=PARSERS)
def test_any_bytes_are_read_or_refused(tmp_path, name, write, read):
    path, generator = tmp_path / name, np.random.default_rng(0)
    write(path)
    read(path)
    content = path.read_bytes()
    for _ in range(200):
        path.write_bytes(mutated(content, generator))
        with contextlib.suppress(ValueError, OSError):
            read(path)
