"""A run at the tiny scale, finished, of which tests read; and runs that are killed."""

import dataclasses
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np

from r3d_rs.evaluation.multiview import Evaluation
from r3d_rs.experiments.run import Run
from r3d_rs.files import locked
from tests.shared.steps import ask, finish

#: What its recipe has otherwise than the row; averages and steps are of four epochs.
CHANGES = {"learning_rate": 0.01, "epochs": 4, "warmup_epochs": 1, "ema_decay": 0.9}


@dataclasses.dataclass(frozen=True)
class Finished:
    """The run, what its evaluation gave, and the place of its record."""

    run: Run
    evaluation: Evaluation
    record: Path

    @property
    def folder(self) -> Path:
        """Of its network and of what describes it."""
        return self.run.folder


def finished(data_dir: Path, folder: Path) -> Finished:
    """Train in one of the processes that ask for it; the others read what it left."""
    logs = {"tensorboard": str(folder / "logs")}
    run = ask("ablation", folder, data_dir, row="SE", seed=1, **logs)
    run = dataclasses.replace(run, recipe=dataclasses.replace(run.recipe, **CHANGES))
    kept = folder / "evaluation.npz"
    with locked(folder / ".lock"):
        if not kept.exists():
            done = finish(run)
            arrays = dataclasses.asdict(done.evaluation)
            np.savez(kept, record=str(done.path), **arrays)
    arrays = dict(np.load(kept))
    path = Path(str(arrays.pop("record")))
    for name in ("clip_top1", "seconds"):
        arrays[name] = float(arrays[name])
    return Finished(run, Evaluation(**arrays), path)


def killed_at(path: Path, function, *arguments) -> None:
    """Call a function in a process, and kill that when there is a file."""
    spawning = multiprocessing.get_context("spawn")
    child = spawning.Process(target=function, args=arguments)
    child.start()
    while not path.exists() and child.is_alive():
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL, "it was not killed in time"
