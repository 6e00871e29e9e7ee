"""Memory and open files over some minutes: they do not grow from step to step.

Of the long version alone (`R3D_RS_FAULTS=long`); `R3D_RS_FAULTS_MINUTES` is how long
each part is watched. Writes `runs/faults/memory.csv`.
"""

import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from r3d_rs.data import datasets, pipeline
from r3d_rs.report import faults
from r3d_rs.training.checkpoints import Checkpoints
from tests.shared import kill, tiny_run
from tests.shared.tally import LONG, RESULTS, replace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LONG, reason="of the long version: R3D_RS_FAULTS=long"),
]

MINUTES = float(os.environ.get("R3D_RS_FAULTS_MINUTES", "10"))
#: Before that memory is not steady: buffers fill, and functions are traced.
WARM_UP = 60
PERIOD = 5
#: Steps of an epoch. Each epoch adds to the history, some kilobytes with its copies in
#: Keras and in the state; that of a study's run has a few hundred epochs.
STEPS = 40
#: What may be added over the time that is watched, as a share of what there is.
GROWTH = 0.02


def read_clips(data_dir, counter):
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


def resident_mb(process: int) -> float:
    """Return the resident memory of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def watch(what: str, function, *arguments) -> pd.DataFrame:
    """Run something without end, and look at its process again and again."""
    counter = kill.context().Value("q", 0)
    process, rows = kill.start(function, *arguments, counter), []
    try:
        while not counter.value:
            assert process.exitcode is None
            time.sleep(0.1)
        time.sleep(WARM_UP)
        begin = time.monotonic()
        while (seconds := time.monotonic() - begin) <= 60 * MINUTES:
            assert process.exitcode is None
            rows.append(
                {
                    "what": what,
                    "seconds": round(seconds, 1),
                    "steps": counter.value,
                    "resident_mb": round(resident_mb(process.pid), 2),
                    "open_files": tiny_run.open_files(process.pid),
                }
            )
            time.sleep(PERIOD)
    finally:
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    return pd.DataFrame(rows)


@pytest.mark.parametrize("what", ["the pipeline", "training"])
def test_memory_and_open_files_do_not_grow(tmp_path, what):
    videos = STEPS * tiny_run.RECIPE.batch_size
    data_dir = tiny_run.make_data(tmp_path / "data", videos)
    if what == "training":
        measured = watch(what, train, data_dir, tmp_path / "run")
    else:
        measured = watch(what, read_clips, data_dir)
    replace(faults.path(RESULTS, "memory"), measured, "what")
    slope, error = faults.slope(measured)
    hours = measured["seconds"].iloc[-1] / 3600
    grown = (slope - 2 * error) * hours
    assert grown < GROWTH * measured["resident_mb"].iloc[0], f"{slope} MB an hour"
    files = measured["open_files"]
    # A checkpoint may be open at one moment and not at another, and no more of them.
    assert files.max() - files.min() <= 4, files.value_counts()
    half = len(files) // 2
    assert files[half:].median() <= files[:half].median() + 1, files.tolist()
