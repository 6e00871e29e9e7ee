"""What `pyproject.toml` cannot say: a wheel carries the published networks.

They lie in `results/`, outside of the package, beside the records of their runs.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

#: A published network, its model card, and the record of its run.
ENDINGS = (".network.npz", ".network.md", ".json")

NETWORKS = [
    network.with_name(network.name.removesuffix(ENDINGS[0]) + ending)
    for network in sorted(Path("results").glob(f"*/*/*/*{ENDINGS[0]}"))
    for ending in ENDINGS
]


class BuildWithNetworks(build_py):
    """Copies the networks into the package, as `r3d_rs/results`."""

    def run(self) -> None:
        """Copy the package, and the networks where it is not used in place."""
        super().run()
        for source in [] if self.editable_mode else NETWORKS:
            target = Path(self.build_lib, "r3d_rs", source)
            self.mkpath(str(target.parent))
            self.copy_file(str(source), str(target))

    def get_source_files(self) -> list[str]:
        """Return what an archive of the source has."""
        return [*super().get_source_files(), *map(str, NETWORKS)]


setup(cmdclass={"build_py": BuildWithNetworks})
