"""The study's plan: the statements it decides, and the runs it makes.

The statements, runs, seeds and order in `study.toml` were committed before the first
run of Pantomime's second edition. The book gives the file's SHA-256, which reveals a
later change.
"""

import collections
import functools
import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from r3d_rs.files import parse_json

_FILE = Path(__file__).with_name("study.toml")

#: File in the folder of the records that says when and why the study ended.
ENDED = "ended.json"


@dataclass(frozen=True)
class Block:
    """Runs that are made together.

    Args:
        why: why they are made.
        dataset: dataset of all runs.
        experiments: names of the experiments, in the order of their runs.
        seeds: number of seeds of each experiment, from seed 0.
        minutes: minutes of one core for a run of each experiment, estimated from the
            calibration runs and the speed of a step.
    """

    why: str
    dataset: str
    experiments: tuple[str, ...]
    seeds: int
    minutes: tuple[float, ...]

    @property
    def core_hours(self) -> float:
        """Core-hours of all runs."""
        return self.seeds * sum(self.minutes) / 60


@dataclass(frozen=True)
class Study:
    """The plan.

    Args:
        stopping: rule for adding seeds and ending the study.
        budget: core-hours that all runs may take.
        primary: dataset, experiment before and experiment after, for each statement
            that is decided. All other statements are exploratory.
        blocks: blocks of runs, in their order.
        alike: groups of experiments that should have an equal spread over seeds.
        sha256: SHA-256 of the file.
    """

    stopping: str
    budget: float
    primary: tuple[tuple[str, str, str], ...]
    blocks: tuple[Block, ...]
    alike: tuple[tuple[str, ...], ...]
    sha256: str

    @functools.cached_property
    def seeds(self) -> dict[tuple[str, str], int]:
        """Number of seeds of each experiment, by dataset and experiment."""
        return dict(collections.Counter(run[:2] for run in self.runs()))

    @functools.cached_property
    def minutes(self) -> dict[tuple[str, str], float]:
        """Minutes of one core that a run takes, by dataset and experiment."""
        return {
            (block.dataset, name): minutes
            for block in self.blocks
            for name, minutes in zip(block.experiments, block.minutes, strict=True)
        }

    def runs(self) -> Iterator[tuple[str, str, int]]:
        """Yield dataset, experiment and seed of all runs, in their order.

        In a block, all experiments run one seed before the next. Wherever the study
        stops, the numbers of seeds within a block differ by at most one.
        """
        for block in self.blocks:
            for seed in range(block.seeds):
                for name in block.experiments:
                    yield block.dataset, name, seed


def ended(results: str | Path) -> dict[str, str] | None:
    """Return when and why the study ended, or None while it goes on.

    By the plan's rule it ends when all runs are done or the budget is spent. The
    maintainers then write `ended.json`, with the fields `day` and `why`. Statements are
    decided from the runs that exist then.
    """
    path = Path(results) / ENDED
    return parse_json(path) if path.exists() else None


@functools.cache
def read() -> Study:
    """Read the plan."""
    text = _FILE.read_bytes()
    plan = tomllib.loads(text.decode())
    return Study(
        " ".join(plan["stopping"].split()),
        plan["budget"],
        tuple(tuple(ends) for ends in plan["primary"]),
        tuple(
            Block(
                block["why"],
                block["dataset"],
                tuple(block["minutes"]),
                block["seeds"],
                tuple(block["minutes"].values()),
            )
            for block in plan["block"]
        ),
        tuple(map(tuple, plan["alike"])),
        hashlib.sha256(text).hexdigest(),
    )
