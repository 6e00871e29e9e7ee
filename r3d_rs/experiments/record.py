"""Records of runs: one JSON file each, with the scores of every video beside it.

`record.schema.json` describes each field. A record is written last and atomically, so
an existing record means a finished run. It holds checksums of itself and of its scores:
a changed byte is an error, not another number.
"""

import functools
import glob
import hashlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from r3d_rs.evaluation import interval
from r3d_rs.files import (
    check_checksum,
    checksum_of,
    locked,
    parse_json,
    read_arrays,
    whole_file,
)

#: Entry of a table for a missing record.
NOT_RUN = "not run"

SCHEMA = Path(__file__).with_name("record.schema.json")

#: Folder of the study's published records, and folder of your own runs, which git
#: ignores. A run writes to the first only on request (`-p results results`).
PUBLISHED, OWN = "results", "runs"

#: Version of the schema.
VERSION = 2


@dataclass(frozen=True)
class Scores:
    """The scores of every evaluated video.

    Args:
        ids: `(video,)` names of the videos, each once.
        labels: `(video,)` classes as integers.
        probabilities: `(video, class)`, float16.
    """

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Summary:
    """Video top-1 of one point over its seeds, as shares from 0 to 1.

    Args:
        mean: mean over seeds.
        low: lower end of the 95 % interval.
        high: upper end.
        seeds: number of seeds.
        interval: kind of interval: "t over seeds" or "Wilson over videos".
    """

    mean: float
    low: float
    high: float
    seeds: int
    interval: str

    def described(self) -> str:
        """Format it in per cent, with the interval and the number of seeds."""
        mean, low, high = (100 * x for x in (self.mean, self.low, self.high))
        return interval.described(mean, low, high, self.seeds)


def place(folder: Path, dataset: str, study: str, point: str, seed: int) -> Path:
    """Return a run's place in the folder of the records or of the checkpoints."""
    return Path(folder) / dataset / study / point / f"seed-{seed}"


def name(experiment: dict) -> str:
    """Return the registry's name of a record's "experiment", such as scaling/RS-50."""
    return "{study}/{point}".format(**experiment)


def path(results: Path, dataset: str, study: str, point: str, seed: int) -> Path:
    """Return the path of a run's record."""
    return place(results, dataset, study, point, seed).with_suffix(".json")


def scores_path(record_path: Path) -> Path:
    """Return the path of the scores beside a record."""
    return Path(record_path).with_suffix(".scores.npz")


def write(record: dict, results: Path, scores: dict | None = None) -> Path:
    """Check a record, then write its scores and the record, with checksums.

    Args:
        record: the fields of `record.schema.json`, without `scores_sha256` and
            `sha256`.
        results: folder of the records.
        scores: ids, labels and probabilities of every video, as in `Scores`; None
            writes none.

    Returns:
        The file of the record.

    Raises:
        ValueError: naming the file and each field that does not fit; nothing is
            written.
    """
    _validate({**record, "sha256": checksum_of(record)}, "a new record")
    target = path(results, **record["experiment"])
    packed = None
    if scores is not None:
        checked = _checked_scores(target, **scores)
        expected = record["metrics"]["num_videos"]
        if len(checked.ids) != expected:
            raise ValueError(
                f"{target}: the scores have {len(checked.ids)} videos, "
                f"metrics.num_videos is {expected}"
            )
        packed = _packed(checked)
        record = {**record, "scores_sha256": hashlib.sha256(packed).hexdigest()}
    record = {**record, "sha256": checksum_of(record)}
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    target.parent.mkdir(parents=True, exist_ok=True)
    # If two runs end at once, one writes both of its files before the other starts.
    with locked(target.parent):
        # An old record must never stand beside new scores, but must stay until writing
        # them can no longer fail.
        if packed is None:
            target.unlink(missing_ok=True)
            scores_path(target).unlink(missing_ok=True)
        else:
            with whole_file(scores_path(target)) as part:
                part.write_bytes(packed)
                target.unlink(missing_ok=True)
        with whole_file(target) as part:
            part.write_text(text, encoding="utf-8")
    return target


def read(path: Path) -> dict:
    """Read a record and check it.

    Raises:
        ValueError: naming the file and each field that does not fit, or if the checksum
            does not match.
    """
    record = parse_json(path)
    _validate(record, path)
    check_checksum(path, record)
    return record


def find(
    results: Path,
    dataset: str | None = None,
    study: str | None = None,
    point: str | None = None,
) -> list[dict]:
    """Read the records of a dataset, a study or a point, sorted by folder and seed.

    Args:
        results: folder of the records.
        dataset: name of a dataset; None for all.
        study: name of a study; None for all.
        point: name of a point; None for all.

    Raises:
        ValueError: naming a file that does not fit the schema, or that is of another
            experiment than its folders name.
    """
    records = []
    wanted = (
        "*" if name is None else glob.escape(name) for name in (dataset, study, point)
    )
    files = Path(results).glob("/".join([*wanted, "seed-*.json"]))
    # A longer name has a larger seed.
    for file in sorted(files, key=lambda file: (file.parent, len(file.name), file)):
        try:
            record = read(file)
        except FileNotFoundError:  # a run is writing it again
            continue
        if path(results, **record["experiment"]) != file:
            raise ValueError(f"{file}: its experiment is {record['experiment']}")
        records.append(record)
    return records


def scores_of(results: Path, record: dict) -> Scores:
    """Read the scores of every video of a record.

    Raises:
        FileNotFoundError: naming the file that is missing.
        ValueError: as `load_scores` does, or if the record has been written again since
            it was read.
    """
    own = path(results, **record["experiment"])
    try:
        return load_scores(
            scores_path(own), record.get("scores_sha256", "that there are none")
        )
    except (FileNotFoundError, ValueError):
        if _is_rewritten(own, record):
            raise ValueError(
                f"{own}: has been written again since it was read: read it again"
            ) from None
        raise


def _is_rewritten(file: Path, record: dict) -> bool:
    """Return whether another record has replaced the one read, or is being written."""
    try:
        return read(file)["sha256"] != record.get("sha256", "")
    except FileNotFoundError:
        return "sha256" in record
    except ValueError:  # it is damaged
        return False


def load_scores(path: Path, sha256: str | None = None) -> Scores:
    """Read the scores of every video.

    Args:
        path: file of the scores.
        sha256: checksum that the file must have; None for any.

    Raises:
        ValueError: naming the file, if it holds no scores or its checksum does not
            match.
    """
    packed = Path(path).read_bytes()
    found = hashlib.sha256(packed).hexdigest()
    if sha256 not in (None, found):
        raise ValueError(
            f"{path}: damaged: its checksum is {found}, but its record says {sha256}"
        )
    found = read_arrays(path, io.BytesIO(packed))
    names = ("ids", "labels", "probabilities")
    if missing := set(names) - set(found):
        raise ValueError(f"{path}: {', '.join(sorted(missing))} missing")
    return _checked_scores(path, *(found[name] for name in names))


def summarize(records: Sequence[dict]) -> Summary | None:
    """Average the video top-1 of one point over its seeds.

    With two or more seeds, the interval is Student's t over seeds, cut at 0 and 1. One
    seed says nothing about other seeds, so its interval is Wilson's over videos.

    Args:
        records: records of one point, one per seed.

    Returns:
        The summary, or None if there is no record.

    Raises:
        ValueError: naming the fields in which the recipes differ, or if the evaluated
            videos differ.
    """
    if not records:
        return None
    for other in records[1:]:
        _check_same_recipe(records[0], other)
    top1 = [record["metrics"]["video_top1"] for record in records]
    return summary(top1, records[0]["metrics"]["num_videos"])


def summary(top1: Sequence[float], num_videos: int) -> Summary:
    """Average top-1 over seeds, as `summarize` does.

    Args:
        top1: top-1 of each seed, as shares from 0 to 1; one or more.
        num_videos: number of videos that each was measured on.
    """
    if len(top1) == 1:
        low, high = interval.wilson_interval(round(top1[0] * num_videos), num_videos)
        return Summary(top1[0], low, high, 1, "Wilson over videos")
    mean = float(np.mean(top1))
    half = interval.half_width(top1)
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    return Summary(mean, low, high, len(top1), "t over seeds")


def described(records: Sequence[dict]) -> str:
    """Format the video top-1 of one point in per cent; "" if there is no record.

    Raises:
        ValueError: as `summarize` does.
    """
    summary = summarize(records)
    return summary.described() if summary else ""


def recipe_hashes(record: dict) -> tuple[str, str]:
    """Return the hashes of a run's recipe and of its parent's, "" without a parent."""
    return record["recipe_hash"], record.get("parent", {}).get("recipe_hash", "")


def _check_same_recipe(a: dict, b: dict) -> None:
    if a["evaluated_ids_sha256"] != b["evaluated_ids_sha256"]:
        raise ValueError(
            f"{a['experiment']} and {b['experiment']} cannot be averaged: they were"
            " evaluated on other videos"
        )
    if recipe_hashes(a) == recipe_hashes(b):
        return
    one, other = (
        {**run["recipe"], "parent": recipe_hashes(run)[1] or "none"} for run in (a, b)
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


@functools.cache
def _validator():
    import jsonschema  # late: a list of published runs does not need it

    def is_number(checker, value):
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and abs(value) <= sys.float_info.max  # False for NaN
        )

    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine("number", is_number)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return jsonschema.validators.extend(base, type_checker=types)(schema)


def _validate(record: dict, file) -> None:
    if found := _misfits(json.dumps(record)):
        raise ValueError(f"{file}: {found}")


@functools.lru_cache(maxsize=1024)  # a page of the book reads each record many times
def _misfits(text: str) -> str:
    """Describe each field of a record that does not fit the schema; "" if all fit."""
    errors = _validator().iter_errors(json.loads(text))
    return "; ".join(
        f"{error.json_path.removeprefix('$').removeprefix('.') or 'record'}: "
        f"{error.message}"
        for error in sorted(errors, key=lambda error: error.json_path)
    )


def _packed(scores: Scores) -> bytes:
    """Return the bytes of a file of scores; equal scores give equal bytes."""
    file = io.BytesIO()
    np.savez_compressed(file, **vars(scores))
    return file.getvalue()


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
