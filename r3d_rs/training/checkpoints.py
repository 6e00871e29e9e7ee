"""Checkpoints: the state of a run after its last epochs, from which it resumes."""

import contextlib
import csv
import dataclasses
import itertools
import json
import re
import time
import warnings
from pathlib import Path
from typing import IO

import numpy as np

from r3d_rs.files import (
    read_arrays,
    read_json,
    remove_leftovers,
    try_lock,
    whole_file,
    write_json,
)
from r3d_rs.paths import local_path

#: Checkpoints to keep: the last one, and the one before in case the last is damaged.
KEPT = 2


class RunningError(RuntimeError):
    """Another process is using the run's folder."""


@dataclasses.dataclass(frozen=True)
class State:
    """State of a run after an epoch.

    Attributes:
        epoch: number of epochs done.
        history: one value per epoch, by the metric's name.
        arrays: values of all variables, in a fixed order.
        seconds: time that these epochs took, over all restarts of the run.
    """

    epoch: int
    history: dict[str, list[float]]
    arrays: list[np.ndarray]
    seconds: float = 0.0


class Checkpoints:
    """The folder of one run: `run.json`, `log.csv` and `epoch-<n>.npz`.

    Used as a context manager, it locks the folder against other runs.

    Args:
        folder: folder of this run only.
        run: description of the run as JSON values, stored in `run.json`.
        writes: whether this process writes. If several processes train one model, only
            one of them writes.

    Raises:
        ValueError: if the folder holds another run's checkpoints, naming the
            differences, or if its `run.json` is missing or damaged.
        RunningError: if another process is using the folder.
    """

    def __init__(self, folder: str | Path, run: dict, writes: bool = True):
        """Store the folder and the run's description."""
        self.folder = local_path("folder", folder)
        self._writes = writes
        self._run = json.loads(json.dumps(run))

    def __enter__(self):
        """Lock the folder, and check that it belongs to this run."""
        if not self._writes:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / ".lock").open("w")
        if not _lock_soon(self._lock):
            self._lock.close()
            raise RunningError(
                f"{self.folder}: another process is training this run; wait for it, or"
                " use another folder"
            )
        remove_leftovers(self.folder, ".*.tmp*")
        try:
            self._check_run()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_):
        """Unlock the folder."""
        if self._writes:
            self._lock.close()

    def _check_run(self) -> None:
        path = self.folder / "run.json"
        if not self._files():
            if not self._is_of(path):  # then the network is another run's, too
                (self.folder / "model.keras").unlink(missing_ok=True)
        elif not path.exists():
            raise ValueError(
                f"{self.folder} holds checkpoints, but no {path.name} that says which"
                " run they are from; remove the folder to start over"
            )
        elif different := _differences(read_json(path), self._run):
            raise ValueError(
                f"{self.folder} holds checkpoints of another run:"
                f" {'; '.join(different)}; remove the folder to start over"
            )
        write_json(path, self._run)

    def _is_of(self, path: Path) -> bool:
        """Return whether `run.json` exists, can be read and describes this run."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return read_json(path) == self._run
        return False

    def _files(self) -> dict[int, Path]:
        """Return the checkpoints by epoch, the last first."""
        found = {
            int(name[1]): path
            for path in self.folder.glob("epoch-*.npz")
            if (name := re.fullmatch(r"epoch-(\d+)\.npz", path.name))
        }
        return dict(sorted(found.items(), reverse=True))

    def last(self) -> State | None:
        """Return the last state that can be read, and warn of any that cannot."""
        files = list(self._files().values())
        for path, before in itertools.zip_longest(files, files[1:]):
            try:
                return _read(path)
            except ValueError as error:
                instead = f"{before.name} is used" if before else "the run starts over"
                warnings.warn(f"{path}: damaged, so {instead}: {error}", stacklevel=2)
        return None

    def save(self, state: State) -> None:
        """Write a state and the log, and remove all but the last two states.

        States of later epochs are also removed, because they could not be read.
        """
        if not self._writes:
            return
        arrays = {f"value_{i}": value for i, value in enumerate(state.arrays)}
        about = json.dumps(
            {
                "epoch": state.epoch,
                "history": state.history,
                "values": len(state.arrays),
                "seconds": state.seconds,
            }
        )
        target = self.folder / f"epoch-{state.epoch:04d}.npz"
        with whole_file(target) as part, part.open("wb") as file:
            np.savez(file, about=np.array(about), **arrays)
        self.write_log(state.history)
        files = self._files()
        kept = [epoch for epoch in files if epoch <= state.epoch][:KEPT]
        for epoch in files.keys() - kept:
            files[epoch].unlink()

    def write_log(self, history: dict[str, list[float]]) -> None:
        """Rewrite `log.csv` as a whole, so it never has more epochs than the state."""
        if self._writes:
            rows = zip(*history.values(), strict=True)
            with (
                whole_file(self.folder / "log.csv") as part,
                part.open("w", encoding="utf-8", newline="") as file,
            ):
                csv.writer(file, lineterminator="\n").writerows([history, *rows])


def _lock_soon(file: IO) -> bool:
    """Lock a file and return whether it worked; wait while `is_running` holds it."""
    for _ in range(20):
        if try_lock(file):
            return True
        time.sleep(0.01)
    return False


def is_running(folder: Path) -> bool:
    """Return whether a process is using the folder of a run."""
    with (Path(folder) / ".lock").open() as lock:
        return not try_lock(lock, shared=True)


def remove(folder: Path) -> None:
    """Remove a finished run's checkpoints; keep `run.json` and `log.csv`."""
    for path in Path(folder).glob("epoch-*.npz"):
        path.unlink()


def _read(path: Path) -> State:
    arrays = read_arrays(path)
    try:
        about = json.loads(str(arrays["about"]))
        # Damage to a ZIP file's directory can hide some of its parts.
        number = about.get("values", len(arrays) - 1)
        values = [arrays[f"value_{i}"] for i in range(number)]
        # Versions before 0.2 did not count the seconds.
        spent = about.get("seconds", 0.0)
        if not all(map(is_finite, values)):  # nor did they check the values
            raise ValueError(f"{path}: has values that are not finite")
        return State(about["epoch"], about["history"], values, spent)
    except KeyError as error:
        raise ValueError(f"{path}: damaged: {error} is missing") from error


def is_finite(value: np.ndarray) -> bool:
    """Return whether all numbers in an array are finite."""
    return value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _differences(old: dict, new: dict, prefix: str = "") -> list[str]:
    found = []
    for key in sorted({*old, *new}):
        one, other = old.get(key), new.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            found += _differences(one, other, f"{prefix}{key}.")
        elif one != other:
            found.append(f"{prefix}{key} was {one!r} and is {other!r}")
    return found
