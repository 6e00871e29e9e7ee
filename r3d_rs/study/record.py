"""The record of a run: one JSON file, and the scores of every video beside it.

`record.schema.json` describes each field. A record is written last and in one piece, so
one that exists is a finished run.
"""

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np
from jsonschema.protocols import Validator
from scipy import stats

from r3d_rs.evaluation.interval import wilson_interval
from r3d_rs.whole import whole_file

SCHEMA = Path(__file__).with_name("record.schema.json")


@dataclass(frozen=True)
class Scores:
    """The scores of every evaluated video.

    Args:
        ids: `(video,)` names of the videos, each once.
        labels: `(video,)` their classes as integers.
        probabilities: `(video, class)`, float16.
    """

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Summary:
    """Video top-1 of one point over its seeds, as shares from 0 to 1.

    Args:
        mean: over seeds.
        low: lower end of the 95 % interval.
        high: upper end.
        seeds: how many there are.
        interval: which interval: "t over seeds" or "Wilson over videos".
    """

    mean: float
    low: float
    high: float
    seeds: int
    interval: str


def path(results: Path, dataset: str, study: str, point: str, seed: int) -> Path:
    """Return where the record of a run is."""
    return Path(results) / dataset / study / point / f"seed-{seed}.json"


def scores_path(record_path: Path) -> Path:
    """Return where the scores beside a record are."""
    return Path(record_path).with_suffix(".scores.npz")


def write(record: dict, results: Path, scores: dict | None = None) -> Path:
    """Check a record and write it, its scores first.

    Args:
        record: the fields of `record.schema.json`.
        results: folder of the records.
        scores: ids, labels and probabilities of every video, as in `Scores`.

    Returns:
        The file of the record.

    Raises:
        ValueError: naming the file and each field that does not fit; nothing is
            written then.
    """
    _validate(record, "a new record")
    target = path(results, **record["experiment"])
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    checked = None if scores is None else _checked_scores(target, **scores)
    expected = record["metrics"]["num_videos"]
    if checked is not None and len(checked.ids) != expected:
        raise ValueError(
            f"{target}: the scores have {len(checked.ids)} videos, "
            f"metrics.num_videos is {expected}"
        )
    # An old record must never stand beside new scores, so it goes first.
    target.unlink(missing_ok=True)
    if checked is None:
        scores_path(target).unlink(missing_ok=True)
    else:
        save_scores(scores_path(target), **vars(checked))
    with whole_file(target) as part:
        part.write_text(text, encoding="utf-8")
    return target


def read(path: Path) -> dict:
    """Read a record and check it.

    Raises:
        ValueError: naming the file and each field that does not fit.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    _validate(record, path)
    return record


def find(
    results: Path,
    dataset: str | None = None,
    study: str | None = None,
    point: str | None = None,
) -> list[dict]:
    """Read the records of a dataset, a study or a point, in the order of their files.

    Raises:
        ValueError: naming a file that does not fit the schema, or whose experiment is
            not the one its folders name.
    """
    records = []
    files = Path(results).glob("*/*/*/seed-*.json")
    for file in sorted(files, key=lambda file: (file.parent, _seed(file))):
        names = file.parts[-4:-1]
        wanted = zip((dataset, study, point), names, strict=True)
        if any(want not in (None, name) for want, name in wanted):
            continue
        record = read(file)
        if path(results, **record["experiment"]) != file:
            raise ValueError(f"{file}: its experiment is {record['experiment']}")
        records.append(record)
    return records


def save_scores(path: Path, ids, labels, probabilities) -> None:
    """Write the scores of every video in one piece, probabilities as float16.

    Raises:
        ValueError: naming the file, when the shapes do not agree, an id is there twice
            or a probability is not in [0, 1].
    """
    scores = _checked_scores(path, ids, labels, probabilities)
    # By name NumPy would add an ending of its own.
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **vars(scores))


def load_scores(path: Path) -> Scores:
    """Read the scores of every video.

    Raises:
        ValueError: naming the file, when it does not hold scores.
    """
    with np.load(path, allow_pickle=False) as arrays:
        missing = {"ids", "labels", "probabilities"} - set(arrays.files)
        if missing:
            raise ValueError(f"{path}: {', '.join(sorted(missing))} missing")
        return _checked_scores(
            path, arrays["ids"], arrays["labels"], arrays["probabilities"]
        )


def summarize(records: Sequence[dict]) -> Summary | None:
    """Average the video top-1 of one point over its seeds.

    With two seeds or more the interval is Student's t over seeds, cut at 0 and 1. One
    seed says nothing about seeds, so its interval is Wilson's over videos.

    Args:
        records: of one point, one a seed.

    Returns:
        None where there is no record.

    Raises:
        ValueError: when the recipes differ, naming the fields that do.
    """
    if not records:
        return None
    for other in records[1:]:
        _check_same_recipe(records[0], other)
    top1 = [record["metrics"]["video_top1"] for record in records]
    if len(top1) == 1:
        total = records[0]["metrics"]["num_videos"]
        low, high = wilson_interval(round(top1[0] * total), total)
        return Summary(top1[0], low, high, 1, "Wilson over videos")
    mean = float(np.mean(top1))
    half = float(stats.t.ppf(0.975, len(top1) - 1) * stats.sem(top1))
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    return Summary(mean, low, high, len(top1), "t over seeds")


def described(records: Sequence[dict]) -> str:
    """Describe the video top-1 of one point in per cent, "" where there is no record.

    Raises:
        ValueError: as `summarize` does.
    """
    summary = summarize(records)
    if summary is None:
        return ""
    mean, low, high = (100 * x for x in (summary.mean, summary.low, summary.high))
    plural = "" if summary.seeds == 1 else "s"
    return f"{mean:.1f} ({low:.1f} to {high:.1f}, {summary.seeds} seed{plural})"


def _check_same_recipe(a: dict, b: dict) -> None:
    parents = [record.get("parent", {}).get("recipe_hash", "none") for record in (a, b)]
    if a["recipe_hash"] == b["recipe_hash"] and parents[0] == parents[1]:
        return
    one, other = a["recipe"], b["recipe"]
    one, other = (
        {**r, "parent": p} for r, p in zip((one, other), parents, strict=True)
    )
    differences = [
        f"{name} is {one.get(name)!r} and {other.get(name)!r}"
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name)
    ]
    raise ValueError(
        f"{a['experiment']} and {b['experiment']} cannot be averaged, their recipes "
        f"differ: {'; '.join(differences) or 'in the hash alone'}"
    )


def _seed(file: Path) -> tuple[int, str]:
    number = file.stem.removeprefix("seed-")
    return (int(number) if number.isdecimal() else -1, number)


@functools.cache
def _validator() -> Validator:
    def is_number(checker, value):
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and math.isfinite(value)
        )

    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine("number", is_number)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return jsonschema.validators.extend(base, type_checker=types)(schema)


def _validate(record: dict, file) -> None:
    errors = sorted(_validator().iter_errors(record), key=lambda e: e.json_path)
    if errors:
        found = "; ".join(
            f"{error.json_path.removeprefix('$').removeprefix('.') or 'record'}: "
            f"{error.message}"
            for error in errors
        )
        raise ValueError(f"{file}: {found}")


def _checked_scores(file, ids, labels, probabilities) -> Scores:
    ids, labels = np.asarray(ids, dtype=str), np.asarray(labels)
    probabilities = np.asarray(probabilities).astype(np.float16)
    shapes = f"ids {ids.shape}, labels {labels.shape}, {probabilities.shape}"
    if (
        ids.ndim != 1
        or labels.shape != ids.shape
        or probabilities.ndim != 2
        or len(probabilities) != len(ids)
    ):
        raise ValueError(f"{file}: the shapes of the scores do not agree: {shapes}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{file}: labels are {labels.dtype}, expected integers")
    if len(set(ids.tolist())) != len(ids):
        raise ValueError(f"{file}: an id is there twice")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError(f"{file}: probabilities are not all in [0, 1]")
    return Scores(ids, labels, probabilities)
