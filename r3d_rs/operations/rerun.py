"""Repeat published runs, and compare their records with the published ones."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs.evaluation import interval
from r3d_rs.experiments import executed, provenance, record, registry
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.files import locked, whole_file
from r3d_rs.operations import engine, plan

#: Columns that identify a rerun. The device is included, because another generation of
#: processors sums in another order.
KEYS = ["experiment", "dataset", "seed", "backend", "code", "device"]

#: Values of the column `code`.
SAME, OTHER = "the record's commit", "another commit"


def candidates(results: Path) -> list[dict]:
    """Return the records that can be rerun: the code still has their recipes."""
    known = registry.all_experiments()
    return [
        run
        for run in record.find(results)
        if (name := record.name(run["experiment"])) in known
        and _is_current(run, known[name])
    ]


def draw(runs: Sequence[dict], seed: int, count: int) -> list[dict]:
    """Draw some of the records.

    The records are ordered by a hash of the seed and their path, so a seed draws the
    same records on every machine.

    Raises:
        ValueError: if there is no record, or `count` is not between 1 and their number.
    """
    if not runs:
        raise ValueError("there is no record of a recipe that the code has now")
    if not 1 <= count <= len(runs):
        raise ValueError(
            f"count: received {count}, allowed are 1 to {len(runs)}, the number of"
            " records of recipes that the code has now"
        )

    def order(run):
        place = record.path(Path(), **run["experiment"]).as_posix()
        return hashlib.sha256(f"{seed} {place}".encode()).digest()

    return sorted(runs, key=order)[:count]


def run_again(
    results: Path, run: dict, folder: Path, parameters: Mapping[str, str] | None = None
) -> dict:
    """Repeat a run, and compare its record with the first.

    The rerun takes its extra parameters from the point's notebook of seed 0, if that
    was kept. Pre-training is repeated too. An existing rerun with the same recipe and
    commit is used instead of repeating it.

    Args:
        results: folder of the first record.
        run: the first record.
        folder: folder for the reruns' records and networks, with one subfolder per
            backend.
        parameters: extra parameters of the notebook; they override the kept ones.

    Returns:
        A row of the table, as returned by `compare`.

    Raises:
        ChildProcessError: as in `engine.run`.
    """
    import keras

    folder = Path(folder) / keras.backend.backend()
    place = run["experiment"]
    name = record.name(place)
    kept = record.path(results, **{**place, "seed": 0}).with_suffix(".ipynb")
    further = dict(parameters or {})
    if kept.exists():
        received = engine.extra_parameters(executed.read(kept)["metadata"]["papermill"])
        further = received | further
    folders = (folder / "results", folder / "checkpoints")
    scale = further.get("scale", "")
    job = plan.job(registry.get(name), place["dataset"], place["seed"], scale)
    for own in filter(None, (job.before, job)):
        asked = (own.experiment.name, own.dataset, own.seed)
        request = engine.Request(*asked, *folders, further)
        if not _is_fresh(request.target, own):
            engine.run(request)
    return compare(results, run, request.results, record.read(request.target))


def compare(results: Path, run: dict, others: Path, rerun: dict) -> dict:
    """Compare the records of two runs of one experiment and seed.

    Args:
        results: folder of the first record and its scores.
        run: the first record.
        others: folder of the second record and its scores.
        rerun: the second record.

    Returns:
        A row of the table, with these columns among others.

        - `code`: whether the rerun and the record have the same commit.
        - `identical`: whether the accuracies, the scores of every video and the
          training history are equal bit for bit. If recorded, the hash of the starting
          weights must be equal too.
        - `top1`, `rerun_top1`: accuracies in per cent.
        - `difference`: their difference in points, with its 95 % interval over videos.
        - `changed_classes`: number of videos with another most probable class.
        - `largest`: largest difference of a probability.
        - `epochs_alike`: number of epochs, from the first, with the same history.
        - `weights`: whether the starting weights are the same; "" if a hash is missing.
        - `changed`: changes of commit, backend, device and versions.

    Raises:
        ValueError: if their recipes differ, or they were evaluated on different videos.
    """
    if record.recipe_hashes(run) != record.recipe_hashes(rerun):
        raise ValueError(f"the rerun of {run['experiment']} has another recipe")
    one, two = record.scores_of(results, run), record.scores_of(others, rerun)
    if one.ids.tolist() != two.ids.tolist() or (one.labels != two.labels).any():
        raise ValueError(
            f"the rerun of {run['experiment']} was evaluated on other videos"
        )
    classes = [scores.probabilities.argmax(1) for scores in (one, two)]
    before, after = ((own == one.labels).astype(float) for own in classes)
    difference = 100 * (after - before)
    mean, half = float(difference.mean()), interval.half_width(difference)
    largest = np.abs(one.probabilities - two.probabilities.astype(np.float32)).max()
    alike = _epochs_alike(run["history"], rerun["history"])
    hashes = [r.get("parent", {}).get("weights_sha256") for r in (run, rerun)]
    weights = "" if None in hashes else _alike(hashes[0] == hashes[1])
    identical = (
        run["metrics"] == rerun["metrics"]
        and largest == 0
        and run["history"] == rerun["history"]
        and hashes[0] == hashes[1]
    )
    return {
        "experiment": record.name(run["experiment"]),
        "dataset": run["experiment"]["dataset"],
        "seed": run["experiment"]["seed"],
        "backend": rerun["backend"],
        "code": SAME if _is_of_one_code(run, rerun["commit"]) else OTHER,
        "device": rerun["device"],
        "identical": _alike(identical),
        "top1": round(100 * run["metrics"]["video_top1"], 2),
        "rerun_top1": round(100 * rerun["metrics"]["video_top1"], 2),
        "difference": interval.described(mean, mean - half, mean + half, 1, "+"),
        "videos": len(difference),
        "changed_classes": int((classes[0] != classes[1]).sum()),
        "largest": f"{largest:.4f}",
        "epochs": len(run["history"]["epoch"]),
        "epochs_alike": alike,
        "weights": weights,
        "changed": "; ".join(_changes(run, rerun)),
        "minutes": round(rerun["wall_seconds"]["total"] / 60, 1),
        "record": run["sha256"],
    }


def add_row(folder: Path, row: dict) -> Path:
    """Write a rerun's row into `<folder>/reruns.csv`, replacing its older row."""
    path = Path(folder) / "reruns.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame([row]).astype(str)
    # Another backend's rerun may write too. An engine may hold the folder's own lock.
    with locked(path.with_name(".reruns.lock")):
        if path.exists():
            before = pd.read_csv(path, dtype=str, keep_default_na=False)
            rows = pd.concat([before, rows]).drop_duplicates(KEYS, keep="last")
        with whole_file(path) as part:
            rows.sort_values(KEYS).to_csv(part, index=False, lineterminator="\n")
    return path


def read(results: Path, folder: Path | None = None) -> pd.DataFrame:
    """Return the reruns of records that have not changed since.

    The table is in `folder`, which defaults to the folder of the first records.
    """
    path = Path(folder or results) / "reruns.csv"
    if not path.exists():
        return pd.DataFrame(columns=[*KEYS, "record"])
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    now = {run["sha256"] for run in record.find(results)}
    return rows[rows["record"].isin(now)].reset_index(drop=True)


def table(results: Path) -> pd.DataFrame:
    """Return the reruns as a table for display."""
    rows = read(results)
    if rows.empty:
        return pd.DataFrame({"rerun": {"any run": NOT_RUN}})
    columns = {
        "dataset": rows["dataset"],
        "seed": rows["seed"],
        "backend": rows["backend"],
        "code of": rows["code"],
        "identical": rows["identical"],
        "top-1, %": rows["top1"],
        "rerun": rows["rerun_top1"],
        "all seeds": [_range(results, row) for row in rows.to_dict("records")],
        "other class": rows["changed_classes"] + " of " + rows["videos"],
        "largest difference": rows["largest"],
        "epochs alike": rows["epochs_alike"] + " of " + rows["epochs"],
        "starting weights": rows["weights"].replace("", "-"),
        "what else changed": rows["changed"].replace("", "nothing"),
        "drawn by": rows["draw"],
    }
    return pd.DataFrame(columns).set_axis(rows["experiment"]).rename_axis(None)


def _range(results: Path, row: dict) -> str:
    """Return the lowest and highest top-1 over all seeds of a rerun's experiment."""
    runs = registry.records(results, row["dataset"], row["experiment"])
    top1 = [100 * run["metrics"]["video_top1"] for run in runs]
    return f"{min(top1):.1f} to {max(top1):.1f}"


def described(results: Path, folder: Path | None = None) -> str:
    """Describe how many reruns are identical, and why others differ, by backend.

    The arguments are the same as for `read`. Reruns with the record's commit and with
    another commit are counted separately.
    """
    rows, texts = read(results, folder), []
    for (backend, code), own in rows.groupby(["backend", "code"]):
        same = own["identical"] == _alike(True)
        text = (
            f"On {backend}, with the code of {code}, {same.sum()} of {len(own)} are"
            " identical to the last bit"
        )
        for row in own[~same].to_dict("records"):
            why = row["changed"] or "their records show no other change"
            place = f"{row['experiment']} on {row['dataset']}, seed {row['seed']}"
            text += f"; {place}, differs by {row['difference']} points of top-1 ({why})"
        texts.append(f"{text}.")
    return " ".join(texts) or "No run has been made again."


def _is_current(run: dict, experiment: registry.Experiment) -> bool:
    """Return whether the code still has a record's recipes, at some scale."""
    place = run["experiment"]
    if place["dataset"] not in experiment.datasets:
        return False
    own = (experiment, place["dataset"], place["seed"])
    return any(plan.job(*own, scale).made(run) for scale in ("", *experiment.scales))


def _is_fresh(path: Path, job: plan.Job) -> bool:
    """Return whether a record of a job was made by the current code."""
    if not path.exists():
        return False
    found = record.read(path)
    return job.made(found) and _is_of_one_code(found, provenance.commit())


def _is_of_one_code(run: dict, commit: str) -> bool:
    """Return whether a record has this commit, without uncommitted changes."""
    exact = commit != "unknown" and not commit.endswith("+changes")
    return exact and run["commit"] == commit


def _epochs_alike(one: dict, other: dict) -> int:
    """Return how many epochs, from the first, have the same history."""
    epochs = [list(zip(*history.values(), strict=True)) for history in (one, other)]
    alike = 0
    for a, b in zip(*epochs, strict=False):
        if a != b:
            break
        alike += 1
    return alike


def _alike(same: bool) -> str:
    return "yes" if same else "no"


def _changes(run: dict, rerun: dict) -> list[str]:
    """List the changes of commit, backend, device and versions between two records."""
    sides = [
        {
            "commit": r["commit"][:10],
            "backend": r["backend"],
            "device": r["device"],
            **r["versions"],
        }
        for r in (run, rerun)
    ]
    return [
        f"{name} {sides[0].get(name, 'none')} to {sides[1].get(name, 'none')}"
        for name in dict.fromkeys([*sides[0], *sides[1]])
        if sides[0].get(name) != sides[1].get(name)
    ]
