"""The state of a run after its last epochs, from which it can go on."""

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

#: Checkpoints that are kept: the last one, and the one before it in case it is damaged.
KEPT = 2


class RunningError(RuntimeError):
    """Another process has the run's folder."""


@dataclasses.dataclass(frozen=True)
class State:
    """Where a run was after an epoch.

    Attributes:
        epoch: epochs that are done.
        history: of each of them, by the metric's name.
        arrays: values of all variables, in a fixed order.
        seconds: that these epochs took, however often the run was stopped.
    """

    epoch: int
    history: dict[str, list[float]]
    arrays: list[np.ndarray]
    seconds: float = 0.0


class Checkpoints:
    """The folder of one run: `run.json`, `log.csv` and `epoch-<n>.npz`.

    Used as a context, it keeps other runs out of the folder.

    Args:
        folder: of this run alone.
        run: what the run is, as JSON values; kept in `run.json`.
        writes: whether this process writes; of several that train one model, one does.

    Raises:
        ValueError: when the folder holds another run's checkpoints, naming the
            differences, or when it has no `run.json` to compare, or a damaged one.
        RunningError: when another process is at it.
    """

    def __init__(self, folder: str | Path, run: dict, writes: bool = True):
        """Keep the folder and what the run is."""
        self.folder = local_path("folder", folder)
        self._writes = writes
        self._run = json.loads(json.dumps(run))

    def __enter__(self):
        """Take the folder, and check that it is this run's."""
        if not self._writes:
            return self
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / ".lock").open("w")
        if not _lock_soon(self._lock):
            self._lock.close()
            raise RunningError(
                f"{self.folder}: another process is training this run; wait for it, or"
                " give this one another folder"
            )
        remove_leftovers(self.folder, ".*.tmp*")
        try:
            self._check_run()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_):
        """Let others have the folder."""
        if self._writes:
            self._lock.close()

    def _check_run(self) -> None:
        path = self.folder / "run.json"
        if not self._files():
            if not self._is_of(path):  # nor is the network, if there is one
                (self.folder / "model.keras").unlink(missing_ok=True)
        elif not path.exists():
            raise ValueError(
                f"{self.folder} holds checkpoints, but no {path.name} that says of"
                " which run; remove the folder to start anew"
            )
        elif different := _differences(read_json(path), self._run):
            raise ValueError(
                f"{self.folder} holds checkpoints of another run:"
                f" {'; '.join(different)}; remove the folder to start anew"
            )
        write_json(path, self._run)

    def _is_of(self, path: Path) -> bool:
        """Return whether `run.json`, if it is there and sound, is of this run."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            return read_json(path) == self._run
        return False

    def _files(self) -> dict[int, Path]:
        """Return the checkpoints by their epochs, the last first."""
        found = {
            int(name[1]): path
            for path in self.folder.glob("epoch-*.npz")
            if (name := re.fullmatch(r"epoch-(\d+)\.npz", path.name))
        }
        return dict(sorted(found.items(), reverse=True))

    def last(self) -> State | None:
        """Return the last state that can be read, and warn of one that cannot."""
        files = list(self._files().values())
        for path, before in itertools.zip_longest(files, files[1:]):
            try:
                return _read(path)
            except ValueError as error:
                instead = f"{before.name} is used" if before else "the run starts anew"
                warnings.warn(f"{path}: damaged, so {instead}: {error}", stacklevel=2)
        return None

    def save(self, state: State) -> None:
        """Write a state and the log, and remove the states before the last two.

        Those of later epochs go, too: they could not be read.
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
        """Write `log.csv` whole, so that it never has more epochs than the state."""
        if self._writes:
            rows = zip(*history.values(), strict=True)
            with (
                whole_file(self.folder / "log.csv") as part,
                part.open("w", encoding="utf-8", newline="") as file,
            ):
                csv.writer(file, lineterminator="\n").writerows([history, *rows])


def _lock_soon(file: IO) -> bool:
    """Lock a file, and say whether no run has it: `is_running` has it for a moment."""
    for _ in range(20):
        if try_lock(file):
            return True
        time.sleep(0.01)
    return False


def is_running(folder: Path) -> bool:
    """Return whether a process has the folder of a run."""
    with (Path(folder) / ".lock").open() as lock:
        return not try_lock(lock, shared=True)


def remove(folder: Path) -> None:
    """Remove a finished run's states; `run.json` and `log.csv` stay."""
    for path in Path(folder).glob("epoch-*.npz"):
        path.unlink()


def _read(path: Path) -> State:
    arrays = read_arrays(path)
    try:
        about = json.loads(str(arrays["about"]))
        # Damage to the list of a ZIP file's parts can hide some of them.
        number = about.get("values", len(arrays) - 1)
        values = [arrays[f"value_{i}"] for i in range(number)]
        # Versions before 0.2 did not count the seconds.
        spent = about.get("seconds", 0.0)
        if not all(map(is_finite, values)):  # nor did they look at what they kept
            raise ValueError(f"{path}: has values that are not finite")
        return State(about["epoch"], about["history"], values, spent)
    except KeyError as error:
        raise ValueError(f"{path}: damaged: {error} is missing") from error


def is_finite(value: np.ndarray) -> bool:
    """Return whether an array has finite numbers alone."""
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
