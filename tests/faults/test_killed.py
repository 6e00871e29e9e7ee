"""Killed at a random moment: the same again ends as if nothing had been.

What is killed are preparation, runs (training, evaluation and record), the writing of
records, the tables, and the engine; each by SIGKILL, after a time that is drawn
uniformly over what it takes unkilled.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from r3d_rs.data import datasets, preparation
from r3d_rs.experiments import record
from r3d_rs.operations import exact, plan
from r3d_rs.recipes import scales
from r3d_rs.report import figures, tables
from r3d_rs.training.checkpoints import Checkpoints
from tests.shared import kill, tiny_run
from tests.shared.made_up import made_up, made_up_scores
from tests.shared.tally import random, tallied, times
from tests.shared.tiny import write_videos

pytestmark = pytest.mark.slow

PART = "killed"


def tree(folder):
    """Return the bytes of every file of a tree, without locks, which stay."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


# Preparation.


def prepare(videos, data_dir):
    preparation.prepare(tiny_run.NAME, data_dir, progress=False, videos=videos)


def test_preparation(tmp_path):
    videos = tmp_path / "videos"
    write_videos(videos, {"train": 100, "validate": 5})
    whole = tmp_path / "whole"
    length = kill.seconds(prepare, videos, whole)
    expected, generator = tree(whole), random("preparation")
    fault = "preparation of a dataset, killed"
    with tallied(PART, fault, "test_preparation") as tally:
        for number in range(times(3, 12)):
            folder = tmp_path / f"killed-{number}"
            delay = generator.uniform(0, length)
            kill.after(delay, prepare, videos, folder)
            how = f"killed after {delay:.2f} of {length:.2f} s"
            before = kill.files(folder)
            done = {
                before[f"tfds/{tiny_run.NAME}/partial/{Path(name).stem}.tfrecord"]
                for name in before
                if "/partial/" in name and name.endswith(".json")
            }
            if datasets.is_prepared(tiny_run.NAME, folder):
                datasets.load(tiny_run.NAME, folder)
                done = {
                    before[name] for name in before if ".tfrecord-" in Path(name).name
                }
            prepare(videos, folder)
            found = tree(folder)
            different = [
                name
                for name in {*expected, *found}
                if expected.get(name) != found.get(name)
            ]
            tally.count(not different, f"{how}: other files: {different}")
            again = done - set(kill.files(folder).values())
            tally.count(not again, f"{how}: {len(again)} shards were written again")


# A run: training, evaluation and record.

EPOCHS = 12


def do(data_dir, folder):
    tiny_run.do(data_dir, folder, epochs=EPOCHS)


def outcome(folder):
    """Return what a run has found out, without what tells when and how long."""
    [found] = record.find(folder / "results")
    scores = record.scores_of(folder / "results", found)
    names = ("metrics", "history", "recipe_hash", "evaluated_ids_sha256")
    return {name: found[name] for name in names} | {
        name: array.tobytes() for name, array in vars(scores).items()
    }


def test_a_run(tmp_path, monkeypatch):
    data_dir = tiny_run.make_data(tmp_path / "data")
    whole = tmp_path / "whole"
    length = kill.seconds(do, data_dir, whole)
    expected, generator = outcome(whole), random("run")
    trained, save = [], Checkpoints.save

    def saved(self, state):
        trained.append(state.epoch)
        save(self, state)

    monkeypatch.setattr(Checkpoints, "save", saved)
    with tallied(PART, "a run, killed", "test_a_run") as tally:
        for number in range(times(2, 12)):
            folder = tmp_path / f"killed-{number}"
            delay = generator.uniform(0, length)
            kill.after(delay, do, data_dir, folder)
            how = f"killed after {delay:.2f} of {length:.2f} s"
            state = folder.joinpath("checkpoints", tiny_run.NAME, *tiny_run.POINT)
            epochs = [int(path.stem[6:]) for path in state.glob("epoch-*.npz")]
            if not record.find(folder / "results"):
                trained.clear()
                do(data_dir, folder)
                first = max(epochs, default=0) + 1
                tally.count(
                    trained == list(range(first, EPOCHS + 1)),
                    f"{how}: {epochs} were there, {trained} were trained",
                )
            tally.count(outcome(folder) == expected, f"{how}: another outcome")
            left = [
                name for name in tree(folder) if name.endswith((".tmp", ".tmp.keras"))
            ]
            tally.count(not left, f"{how}: {left} are left")


# Records and tables.


def two_records():
    """Return two records of one run with scores that tell them apart."""
    scores = [made_up_scores(), made_up_scores()]
    scores[1]["probabilities"] = scores[1]["probabilities"][::-1]
    return [
        (made_up(top1=top1), s) for top1, s in zip((0.25, 0.75), scores, strict=True)
    ]


def write_again_and_again(results, number):
    for i in range(number):
        record.write(two_records()[i % 2][0], results, two_records()[i % 2][1])


def test_records(tmp_path):
    number = 200
    length = kill.seconds(write_again_and_again, tmp_path / "whole", number)
    generator = random("records")
    with tallied(PART, "writing of a record, killed", "test_records") as tally:
        for i in range(times(8, 50)):
            folder = tmp_path / f"killed-{i}"
            kill.after(
                generator.uniform(0, length), write_again_and_again, folder, number
            )
            found = record.find(folder)
            if found:
                scores = record.scores_of(folder, found[0])
                same = [
                    (made | {"x": 0})["metrics"] == found[0]["metrics"]
                    and np.array_equal(
                        np.float16(own["probabilities"]), scores.probabilities
                    )
                    for made, own in two_records()
                ]
                tally.count(any(same), f"{i}: a record beside scores of another")
            made, own = two_records()[0]
            record.write(made, folder, own)
            names = sorted(path.name for path in folder.rglob("*") if path.is_file())
            tally.count(
                names == ["seed-0.json", "seed-0.scores.npz"], f"{i}: {names} are there"
            )


def write_counts(results):
    rows = []
    for i, (name, frames, size, classes) in enumerate(exact.networks(), start=1):
        sizes = {"params": i * 10**6, "trainable_params": i * 10**6}
        network = {"name": name, "frames": frames, "size": size}
        rows.append(
            {**network, "num_classes": classes, **sizes}
            | {"macs": i * 10**9, "elementwise": 10**9}
        )
    path = results / "exact" / "complexity.csv"
    path.parent.mkdir(parents=True)
    pd.DataFrame(rows).to_csv(path, index=False)


def build(results):
    tables.build(results)
    figures.build(results)


def test_tables(tmp_path):
    whole = tmp_path / "whole"
    write_counts(whole)
    for seed in range(2):
        record.write(made_up(seed=seed), whole, made_up_scores())
    before = tree(whole)
    length = kill.seconds(build, whole)
    expected, generator = tree(whole), random("tables")
    with tallied(PART, "making of tables and figures, killed", "test_tables") as tally:
        for i in range(times(4, 20)):
            folder = tmp_path / f"killed-{i}"
            for name, content in before.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
            kill.after(generator.uniform(0, length), build, folder)
            half = [
                name
                for name, content in tree(folder).items()
                if not name.endswith(".tmp") and content != expected[name]
            ]
            tally.count(not half, f"{i}: {half} are there in part")
            build(folder)
            tally.count(tree(folder) == expected, f"{i}: other files at last")


# The engine.

#: Every process of the engine has a recipe that takes seconds in the place of RS-50's.
SITE = """
import sys

if any(name in " ".join(sys.orig_argv) for name in ("snakemake", "r3d_rs", "ipyk")):
    from r3d_rs.recipes import recipe, scales

    def of_point(point, dataset):
        return recipe.from_dict({recipe!r})

    scales.of_point = of_point
"""


class Engine:
    """A study of one tiny run, in a folder of its own."""

    def __init__(self, folder: Path, videos: Path):
        """Write what makes the run tiny, and link the videos."""
        self.folder = folder
        data = folder / "data"
        data.mkdir(parents=True)
        (data / tiny_run.NAME).symlink_to(videos / tiny_run.NAME)
        from r3d_rs.recipes.recipe import as_dict

        site = SITE.replace("{recipe!r}", repr(as_dict(tiny_run.RECIPE)))
        (folder / "sitecustomize.py").write_text(site)
        self.environment = os.environ | {
            "PYTHONPATH": f"{folder}:{kill.ROOT}",
            "R3D_RS_DATA": str(data),
            "CUDA_VISIBLE_DEVICES": "-1",
        }

    def plan(self):
        """Return the engine's plan."""
        return plan.make(
            only="scaling/RS-50",
            datasets=tiny_run.NAME,
            seeds=1,
            results=self.folder / "results",
            checkpoints=self.folder / "build" / "checkpoints",
        )

    def start(self):
        """Start Snakemake for the run's marker; the book is not made."""
        [marker] = (job.marker for job in self.plan().wanted)
        command = [sys.executable, "-m", "snakemake", marker]
        options = [
            *("--snakefile", kill.ROOT / "Snakefile", "--directory", self.folder),
            *("--profile", kill.ROOT / "profiles" / "local"),
            *("--config", "only=scaling/RS-50", f"datasets={tiny_run.NAME}"),
            *("seeds=1", f"results={self.folder / 'results'}"),
        ]
        return subprocess.Popen(
            [*map(str, command), *map(str, options)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self):
        """Run it to its end, and return how long that took."""
        begin, process = time.monotonic(), self.start()
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said[-3000:]
        return time.monotonic() - begin


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engine")
    write_videos(folder / tiny_run.NAME, {"train": 8, "validate": 4})
    return folder


@pytest.fixture
def tiny_recipe(monkeypatch):
    monkeypatch.setattr(scales, "of_point", lambda point, dataset: tiny_run.RECIPE)


def test_the_engine(videos, tmp_path, tiny_recipe, monkeypatch):
    """Everything of it is killed at once, as when a machine loses its power."""
    whole = Engine(tmp_path / "whole", videos)
    monkeypatch.chdir(whole.folder)
    length = whole.run()
    expected, generator = outcome(whole.folder), random("engine")
    with tallied(
        PART, "the engine, killed with all it runs", "test_the_engine"
    ) as tally:
        for number in range(times(1, 6)):
            engine = Engine(tmp_path / f"killed-{number}", videos)
            monkeypatch.chdir(engine.folder)
            delay = generator.uniform(0, length)
            process = engine.start()
            time.sleep(delay)
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            how = f"killed after {delay:.1f} of {length:.1f} s"
            before = kill.files(engine.folder)
            was_done = not engine.plan().stale
            engine.run()
            tally.count(outcome(engine.folder) == expected, f"{how}: another outcome")
            tally.count(not engine.plan().stale, f"{how}: the run is not done")
            kept = list(engine.folder.glob("results/*/*/*/seed-0.ipynb"))
            tally.count(len(kept) == 1, f"{how}: {kept} is the notebook")
            if was_done:
                after = kill.files(engine.folder)
                same = [
                    before[name] == after[name]
                    for name in before
                    if name.startswith("results/") and name.endswith(".json")
                ]
                tally.count(all(same), f"{how}: a finished run was run again")
