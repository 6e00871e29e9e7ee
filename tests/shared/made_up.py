"""Records of runs that never were, and what is asked of the files of several tests."""

import fcntl
import hashlib
import json
import os

import numpy as np

from r3d_rs.experiments import record
from r3d_rs.operations import study


def made_up(point="RS-50", seed=0, top1=0.5, **recipe):
    """Return a record of a run that never was."""
    recipe = {"model": "r3d-rs-50", "epochs": 2} | recipe
    return {
        "schema": record.VERSION,
        "experiment": {
            "dataset": "pantomime-20",
            "study": "scaling",
            "point": point,
            "seed": seed,
        },
        "recipe": recipe,
        "recipe_hash": hashlib.sha256(json.dumps(recipe).encode()).hexdigest(),
        "parameters": 1000,
        "gmacs": 0.25,
        "metrics": {
            "video_top1": top1,
            "video_top5": 0.9,
            "clip_top1": 0.4,
            "num_videos": 40,
            "video_top1_interval": [0.3, 0.7],
        },
        "history": {
            "epoch": [1, 2],
            "loss": [2.5, 1.5],
            "accuracy": [0.2, 0.4],
            "learning_rate": [0.1, 0.0],
        },
        "wall_seconds": {"total": 3.0, "training": 2.0, "evaluation": 1.0},
        "device": "a processor, 2 cores",
        "backend": "tensorflow",
        "versions": {"python": "3.11.7"},
        "commit": "unknown",
        "evaluated_ids_sha256": "0" * 64,
        "started": "2021-09-03T12:00:00+00:00",
    }


def made_up_scores(videos=40):
    """Return scores that such a run would have."""
    random = np.random.default_rng(0)
    return {
        "ids": [f"video-{i}" for i in range(videos)],
        "labels": np.arange(videos) % 5,
        "probabilities": random.dirichlet(np.ones(5), videos),
    }


def write(
    results,
    point,
    accuracies,
    study="scaling",
    ids=None,
    first_seed=0,
    dataset="pantomime-20",
):
    """Write records of runs whose first videos are right, and return them."""
    labels = np.arange(40) % 5
    for seed, accuracy in enumerate(accuracies, start=first_seed):
        right = np.arange(40) < round(40 * accuracy)
        found = np.where(right, labels, (labels + 1) % 5)
        run = made_up(point, seed=seed, top1=accuracy)
        run["experiment"] |= {"study": study, "dataset": dataset}
        scores = {
            "ids": ids or [f"video-{i}" for i in range(40)],
            "labels": labels,
            "probabilities": np.eye(5)[found],
        }
        record.write(run, results, scores)
    return record.find(results, dataset, study, point)


def let_plan(monkeypatch, blocks=(), **changes):
    """Let a small plan be the study's.

    Args:
        monkeypatch: of the test.
        blocks: dataset, experiments and seeds of each.
        changes: of other fields of `study.Study`.
    """
    made = [
        study.Block("a reason", dataset, names, seeds, (30.0,) * len(names))
        for dataset, names, seeds in blocks
    ]
    fields = {"stopping": "when all is done", "budget": 9.0, "primary": (), "alike": ()}
    plan = study.Study(blocks=tuple(made), sha256="0" * 64, **fields | changes)
    monkeypatch.setattr(study, "read", lambda: plan)
    return plan


def is_locked(folder):
    """Return whether a process has locked a file or a folder."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False
