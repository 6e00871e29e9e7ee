"""The engine, on a study of one tiny run."""

import os
import subprocess
import sys
import time
from pathlib import Path

from r3d_rs.operations import plan
from r3d_rs.recipes.recipe import as_dict
from tests.shared import kill, tiny_run
from tests.shared.tiny import BLOCKS

#: Every process of the study has a recipe that takes seconds in the place of RS-50's,
#: and those that train have a shallow network.
SITE = """
import sys

if any(name in " ".join(sys.orig_argv) for name in ("snakemake", "r3d_rs", "ipyk")):
    from r3d_rs.recipes import recipe, scales

    def of_point(point, dataset):
        return recipe.from_dict({recipe!r})

    scales.of_point = of_point
if "ipyk" in " ".join(sys.orig_argv):
    from r3d_rs.models import resnet3d

    resnet3d.DEPTHS[50] = {blocks!r}
"""


def write_site(folder: Path, data_dir: Path) -> dict[str, str]:
    """Write what makes a run tiny; return the environment of its processes."""
    site = SITE.format(recipe=as_dict(tiny_run.RECIPE), blocks=BLOCKS)
    (folder / "sitecustomize.py").write_text(site)
    return os.environ | {
        "PYTHONPATH": f"{folder}:{kill.ROOT}",
        "R3D_RS_DATA": str(data_dir),
        "CUDA_VISIBLE_DEVICES": "-1",
    }


class Engine:
    """A study of one tiny run, in a folder of its own.

    Its plan is made here too: call it under `scales.of_point` of the tiny recipe.
    """

    def __init__(self, folder: Path, videos: Path):
        """Write what makes the run tiny, and link the videos."""
        self.folder = folder
        data = folder / "data"
        data.mkdir(parents=True)
        (data / tiny_run.NAME).symlink_to(videos / tiny_run.NAME)
        self.environment = write_site(folder, data)

    def plan(self):
        """Return the engine's plan."""
        return plan.make(
            only="scaling/RS-50",
            datasets=tiny_run.NAME,
            seeds=1,
            results=self.folder / "results",
            checkpoints=self.folder / "build" / "checkpoints",
        )

    def start(self) -> subprocess.Popen:
        """Start Snakemake for the run's marker; the book is not made."""
        [marker] = (job.marker for job in self.plan().wanted)
        command = [sys.executable, "-m", "snakemake", marker]
        options = [
            *("--snakefile", kill.ROOT / "Snakefile", "--directory", self.folder),
            *("--profile", kill.ROOT / "profiles" / "local"),
            *("--config", "only=scaling/RS-50", f"datasets={tiny_run.NAME}"),
            *("seeds=1", f"results={self.folder / 'results'}"),
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
