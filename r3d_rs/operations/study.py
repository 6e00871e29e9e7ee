"""The plan of the study: what is decided before its first run, and what runs in turn.

`study.toml` was committed before the first run of Pantomime's second edition. Its
SHA-256 stands in the book, so that a change of it afterwards shows.
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

#: File of the results that says that the study has ended, and why.
ENDED = "ended.json"


@dataclass(frozen=True)
class Block:
    """Runs that are made together.

    Args:
        why: they are made.
        dataset: that all run on.
        experiments: names, in the order of their runs.
        seeds: how many runs of each, from seed 0.
        minutes: of one core that a run of each takes, by the runs for calibration.
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
        stopping: the rule of when seeds are added, and when the study ends.
        budget: core-hours that all runs may take.
        primary: dataset, experiment before and after of the statements that are
            decided; all others are exploratory.
        blocks: of runs, in their order.
        alike: groups of experiments whose accuracies are expected to spread alike over
            seeds.
        sha256: of the file.
    """

    stopping: str
    budget: float
    primary: tuple[tuple[str, str, str], ...]
    blocks: tuple[Block, ...]
    alike: tuple[tuple[str, ...], ...]
    sha256: str

    @functools.cached_property
    def seeds(self) -> dict[tuple[str, str], int]:
        """How many seeds each experiment has, by dataset and name."""
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
        """Return dataset, experiment and seed of all runs, in their order.

        In a block each seed of all experiments comes before the next: wherever the
        study stops, they have as many.
        """
        for block in self.blocks:
            for seed in range(block.seeds):
                for name in block.experiments:
                    yield block.dataset, name, seed


def ended(results: str | Path) -> dict[str, str] | None:
    """Return when and why the study ended, None as long as it goes on.

    By the plan's rule it ends when all runs are there or the budget is spent. The
    maintainers then write `ended.json`, with the fields `day` and `why`. Statements are
    decided from the runs that are there.
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
