"""Killed at a random moment: the same command again ends with the same bytes.

Each process is killed by SIGKILL, after a time drawn uniformly over what it takes.
"""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from r3d_rs.data import datasets
from r3d_rs.experiments import record
from r3d_rs.training.checkpoints import Checkpoints
from tests.shared import kill, tiny_run
from tests.shared.engine import Engine
from tests.shared.tiny import write_videos
from tests.shared.tiny_run import outcome

pytestmark = pytest.mark.slow


def test_preparation(tmp_path):
    """Shards that are finished are not written again."""
    videos, whole = tmp_path / "videos", tmp_path / "whole"
    write_videos(videos, {"train": 100, "validate": 5})
    length = kill.seconds(tiny_run.prepare, videos, whole)
    for delay in np.random.default_rng(1).uniform(0, length, 2):
        folder = tmp_path / f"killed-{delay}"
        kill.after(delay, tiny_run.prepare, videos, folder)
        before = kill.files(folder)
        done = {
            before[f"tfds/{tiny_run.NAME}/partial/{Path(name).stem}.tfrecord"]
            for name in before
            if "/partial/" in name and name.endswith(".json")
        }
        if datasets.is_prepared(tiny_run.NAME, folder):
            done = {before[name] for name in before if ".tfrecord-" in name}
        tiny_run.prepare(videos, folder)
        assert kill.tree(folder) == kill.tree(whole)
        assert done <= set(kill.files(folder).values())


def test_a_run(data_dir, tmp_path, monkeypatch):
    """Training goes on after the last epoch whose state was kept."""
    epochs = 12
    do = functools.partial(tiny_run.do, epochs=epochs)
    length = kill.seconds(do, data_dir, tmp_path / "whole")
    trained, save = [], Checkpoints.save

    def saved(self, state):
        trained.append(state.epoch)
        save(self, state)

    monkeypatch.setattr(Checkpoints, "save", saved)
    for delay in np.random.default_rng(0).uniform(0, length, 2):
        folder = tmp_path / f"killed-{delay}"
        kill.after(delay, do, data_dir, folder)
        kept = [int(p.stem[6:]) for p in tiny_run.state(folder).glob("epoch-*.npz")]
        if not record.find(folder / "results"):
            trained.clear()
            do(data_dir, folder)
            assert trained == list(range(max(kept, default=0) + 1, epochs + 1))
        assert outcome(folder) == outcome(tmp_path / "whole")
        left = [name for name in kill.tree(folder) if ".tmp" in name]
        assert not left


def test_the_engine(tmp_path, monkeypatch):
    """A second engine is refused; the first is killed, and goes on when run again.

    All its processes are killed at once, as when a machine loses its power.
    """
    write_videos(tmp_path / tiny_run.NAME, {"train": 8, "validate": 4})
    whole = Engine(tmp_path / "whole", tmp_path)
    monkeypatch.chdir(whole.folder)
    length = whole.run()
    engine = Engine(tmp_path / "killed", tmp_path)
    monkeypatch.chdir(engine.folder)
    begin, first = time.monotonic(), engine.start()
    while not list(engine.folder.glob(".snakemake/log/*")):
        assert time.monotonic() < begin + 120 and first.poll() is None
        time.sleep(0.1)
    time.sleep(2)  # jobs start after the lock is taken
    second = engine.start()
    said, _ = second.communicate(timeout=300)
    assert first.poll() is None
    assert second.returncode and "another engine is running" in said
    left = max(0, begin + length - time.monotonic())
    time.sleep(np.random.default_rng(0).uniform(0, left))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    engine.run()
    assert outcome(engine.folder) == outcome(whole.folder)
    assert not engine.plan().stale
    assert len(list(engine.folder.glob("results/*/*/*/seed-0.ipynb"))) == 1


def test_a_run_that_is_told_to_end_ends_its_notebook_too():
    """As `kill`, a scheduler or a machine that shuts down tells it."""
    code = (
        "import sys; from r3d_rs.operations import engine;"
        "engine._shown([sys.executable, '-c',"
        " 'import os, time; print(os.getpid(), flush=True); time.sleep(300)'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=kill.ROOT, stdout=subprocess.PIPE, text=True
    ) as run:
        notebook = int(run.stdout.readline())
        run.terminate()
        assert run.wait(60) == 128 + signal.SIGTERM
    assert not Path(f"/proc/{notebook}").exists()
