"""A run of a tiny network, finished, of which tests read; and runs that are killed."""

import dataclasses
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np

from r3d_rs.evaluation.multiview import Evaluation
from r3d_rs.experiments import run
from r3d_rs.files import locked
from tests.shared import tiny

#: What its recipe has otherwise than the row; averages and steps are of four epochs.
CHANGES = tiny.SMALL | {
    "learning_rate": 0.01,
    "epochs": 4,
    "warmup_epochs": 1,
    "ema_decay": 0.9,
}


@dataclasses.dataclass(frozen=True)
class Finished:
    """The run, what its evaluation gave, and the place of its record."""

    run: run.Run
    evaluation: Evaluation
    record: Path

    @property
    def folder(self) -> Path:
        """Of its network and of what describes it."""
        return self.run.folder

    #: Within it, networks are built as deep as this one.
    shallow = staticmethod(tiny.shallow)


def finished(data_dir: Path, folder: Path) -> Finished:
    """Train in one of the processes that ask for it; the others read what it left."""
    this = run.ablation(
        row="SE",
        dataset="kinetics-400",
        seed=1,
        results=str(folder / "results"),
        checkpoints=str(folder / "checkpoints"),
        data_dir=str(data_dir),
        tensorboard=str(folder / "logs"),
    )
    this.recipe = dataclasses.replace(this.recipe, **CHANGES)
    kept = folder / "evaluation.npz"
    with locked(folder / ".lock"), tiny.shallow():
        if not kept.exists():
            data = this.load_data()
            this.train(data)
            evaluation = this.evaluate(data)
            path = this.write_record(evaluation)
            np.savez(kept, record=str(path), **dataclasses.asdict(evaluation))
    arrays = dict(np.load(kept))
    path = Path(str(arrays.pop("record")))
    arrays["clip_top1"] = float(arrays["clip_top1"])
    return Finished(this, Evaluation(**arrays), path)


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
