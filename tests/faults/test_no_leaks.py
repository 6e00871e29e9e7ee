"""Memory and open files do not grow from step to step."""

import os
import signal
import time
from pathlib import Path
from statistics import median

import pytest

from r3d_rs.data import datasets, pipeline
from r3d_rs.training.checkpoints import Checkpoints
from tests.shared import kill, tiny_run
from tests.shared.tiny import write_videos

#: Memory is not steady before: buffers fill, and functions are traced.
WARM_UP = 15
SECONDS = 30
#: Steps of an epoch. Each epoch adds some kilobytes of history.
STEPS = 40
#: What may be added, as a share of what there is: some ten megabytes.
GROWTH = 0.02


def read_clips(data_dir, folder, counter):
    """Draw batches of training clips without end."""
    dataset = datasets.load(tiny_run.NAME, data_dir)
    for _ in pipeline.training_clips(dataset, tiny_run.RECIPE, seed=0):
        counter.value += 1


def train(data_dir, folder, counter):
    """Train epoch after epoch, each of `STEPS` and a checkpoint."""
    save = Checkpoints.save

    def counted(self, state):
        save(self, state)
        counter.value = STEPS * state.epoch

    Checkpoints.save = counted
    tiny_run.do(data_dir, folder, epochs=10**6)


def resident(process: int) -> int:
    """Return the resident memory of a process, bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.parametrize("function", [read_clips, train])
def test_memory_and_open_files_do_not_grow(tmp_path, function):
    videos = STEPS * tiny_run.RECIPE.batch_size
    write_videos(tmp_path / "videos", {"train": videos, "validate": 4})
    tiny_run.prepare(tmp_path / "videos", tmp_path / "data")
    counter, memory, files = kill.context().Value("q", 0), [], []
    process = kill.start(function, tmp_path / "data", tmp_path / "run", counter)
    try:
        while not counter.value:
            assert process.exitcode is None
            time.sleep(0.1)
        time.sleep(WARM_UP)
        first = counter.value
        for _ in range(SECONDS):
            time.sleep(1)
            memory.append(resident(process.pid))
            files.append(tiny_run.open_files(process.pid))
        assert process.exitcode is None and counter.value >= first + STEPS
    finally:
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    third = SECONDS // 3
    assert min(memory[-third:]) < (1 + GROWTH) * min(memory[:third]), memory
    # A checkpoint may be open at one moment and not at another.
    assert median(files[-third:]) <= median(files[:third]) + 1, files
