"""The engine, on a study of one tiny run."""

import os
import subprocess
import sys
import time
from pathlib import Path

from r3d_rs.operations import plan
from tests.shared import kill, tiny_run


def environment(data_dir: Path) -> dict[str, str]:
    """Return the environment of processes that run the study on a data directory."""
    return os.environ | {
        "PYTHONPATH": str(kill.ROOT),
        "R3D_RS_DATA": str(data_dir),
        "CUDA_VISIBLE_DEVICES": "-1",
    }


class Engine:
    """A study of one run at the tiny scale, in a folder of its own."""

    def __init__(self, folder: Path, videos: Path):
        """Link the videos."""
        self.folder = folder
        data = folder / "data"
        data.mkdir(parents=True)
        (data / tiny_run.NAME).symlink_to(videos / tiny_run.NAME)
        self.environment = environment(data)

    def plan(self):
        """Return the engine's plan."""
        return plan.make(
            only="scaling/RS-50",
            datasets=tiny_run.NAME,
            seeds=1,
            results=self.folder / "results",
            checkpoints=self.folder / "build" / "checkpoints",
            scale="tiny",
        )

    def start(self) -> subprocess.Popen:
        """Start Snakemake for the run's marker; the book is not made."""
        [marker] = (job.marker for job in self.plan().wanted)
        command = [sys.executable, "-m", "snakemake", marker]
        options = [
            *("--snakefile", kill.ROOT / "Snakefile", "--directory", self.folder),
            *("--profile", kill.ROOT / "profiles" / "local"),
            *("--config", "only=scaling/RS-50", f"datasets={tiny_run.NAME}"),
            *("seeds=1", "scale=tiny", f"results={self.folder / 'results'}"),
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

    def run(self) -> float:
        """Run it to its end, and return the seconds it took."""
        begin, process = time.monotonic(), self.start()
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said[-3000:]
        return time.monotonic() - begin
