"""Published networks: trained, in half precision, and found by their names.

Each lies beside the record of its run as `seed-<n>.network.npz`, with its recipe and
its classes in the same file.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from r3d_rs import files, paths
from r3d_rs.recipes.recipe import Recipe, from_dict

#: Ending of their files, after the record's name.
ENDING = ".network.npz"
#: The array that has the description, as UTF-8.
ABOUT = "about"
#: Most bytes of a file, and of all.
LARGEST, ALL = 8_000_000, 40_000_000


@dataclasses.dataclass(frozen=True)
class Published:
    """A published network that has not been read yet.

    Attributes:
        name: such as "pantomime-20/RS-50".
        file: of its weights.
        about: `run`, what the run was (see `trained.read`); `record`, the file of its
            record below the records' folder; `metrics` of the network as it is
            published, on the split `split`.
    """

    name: str
    file: Path
    about: Mapping

    @property
    def recipe(self) -> Recipe:
        """By which it was trained."""
        return from_dict(self.about["run"]["recipe"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, by label."""
        return tuple(self.about["run"]["classes"])

    @property
    def record(self) -> dict:
        """The record of its run."""
        return files.read_json(self.file.with_name(f"{self._stem}.json"))

    @property
    def card(self) -> Path:
        """File of its model card."""
        return self.file.with_name(f"{self._stem}.network.md")

    @property
    def _stem(self) -> str:
        return self.file.name.removesuffix(ENDING)

    def weights(self) -> dict[str, np.ndarray]:
        """Read its weights, in half precision, by the variable's path.

        Raises:
            ValueError: naming the file, when it is damaged.
        """
        arrays = files.read_arrays(self.file)
        return {path: value for path, value in arrays.items() if path != ABOUT}

    def model(self):
        """Return the network in single precision.

        Raises:
            ValueError: naming the file, when it is damaged.
        """
        from r3d_rs.training.fit import build_model

        recipe, values = self.recipe, self.weights()
        model = build_model(recipe, len(self.classes), size=recipe.eval_size)
        own = {weight.path: weight for weight in model.weights}
        if set(own) != set(values):
            raise ValueError(f"{self.file}: has other weights than {recipe.model}")
        for path, weight in own.items():
            weight.assign(values[path].astype(np.float32))
        return model


def folder() -> Path:
    """Return the folder of the published records, in this checkout."""
    return paths.study_path("results", "results")


def published(results: Path | None = None) -> dict[str, Published]:
    """Return the published networks by name, in alphabetical order.

    Args:
        results: folder of the records; None for the checkout's.
    """
    found = []
    for file in sorted((results or folder()).glob(f"**/*{ENDING}")):
        with np.load(file, allow_pickle=False) as arrays:
            about = json.loads(bytes(arrays[ABOUT]).decode())
        found.append(Published(about["name"], file, about))
    return {network.name: network for network in sorted(found, key=lambda n: n.name)}


def find(name: str) -> Published:
    """Return a published network.

    Raises:
        ValueError: naming it and those there are.
    """
    found = published()
    if name not in found:
        there = ", ".join(found) or f"none, as {folder()} has no network"
        raise ValueError(f"network: received {name!r}, allowed are {there}")
    return found[name]


def run_of(network: str | Path) -> dict:
    """Return what the run was that a network is of.

    Args:
        network: name of a published one, or the folder of a finished run.

    Raises:
        FileNotFoundError: when there is neither, naming the published ones.
        ValueError: naming a file that is damaged.
    """
    if one := published().get(str(network)):
        return dict(one.about["run"])
    about = paths.study_path("network", network)
    about = about.with_name("run.json") if about.is_file() else about / "run.json"
    if not about.is_file():
        names = ", ".join(published()) or "there are none yet"
        raise FileNotFoundError(
            f"{about} is not there; expected is the folder of a finished run, which"
            f" has model.keras and run.json, or a published network: {names}"
        )
    return files.read_json(about)


def list_networks() -> pd.DataFrame:
    """Return the published networks: what they were trained on, accuracy, size."""
    rows = {
        name: {
            "network": one.recipe.model,
            "trained on": one.about["run"]["dataset"],
            "classes": len(one.classes),
            "top-1, %": f"{100 * one.about['metrics']['video_top1']:.2f}",
            "MB": f"{one.file.stat().st_size / 1e6:.1f}",
        }
        for name, one in published().items()
    }
    columns = ["network", "trained on", "classes", "top-1, %", "MB"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def publish_run(run: Path, results: Path, data_dir: Path | None = None) -> Published:
    """Publish the network that a run has left, beside the run's record.

    Args:
        run: its folder, `<checkpoints>/<dataset>/<study>/<point>/seed-<n>`.
        results: folder of the records.
        data_dir: folder of the datasets.

    Raises:
        FileNotFoundError: naming the record, the run or the dataset that is missing.
        ValueError: as `trained.read` does, or when the network is too large.
    """
    from r3d_rs.data import datasets
    from r3d_rs.evaluation import multiview, trained

    model, about = trained.read(run)
    dataset, study, point, seed = run.absolute().parts[-4:]
    record = results / dataset / study / point / f"{seed}.json"
    if not record.is_file():
        raise FileNotFoundError(f"{record}: the network's run has no record there")
    for weight in model.weights:
        weight.assign(np.asarray(weight).astype(np.float16).astype(np.float32))
    data, recipe = datasets.load(dataset, data_dir), from_dict(about["recipe"])
    found = multiview.evaluate(model, data, recipe)
    described = {
        "run": about,
        "metrics": found.metrics(),
        "split": data.evaluated,
    }
    return publish(f"{dataset}/{point}", model, described, record)


def publish(name: str, model, about: Mapping, record: Path) -> Published:
    """Write a network beside its record.

    Args:
        name: that it gets.
        model: its weights.
        about: `run`, `metrics` and `split` of `Published.about`.
        record: file of the record.

    Raises:
        ValueError: when the file is larger than `LARGEST`, or all are than `ALL`.
    """
    from r3d_rs.training.transfer import weights_of

    file = record.with_name(f"{record.stem}{ENDING}")
    about = {"name": name, **about}
    text = np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)
    halves = {
        path: value.astype(np.float16)
        for path, value in vars(weights_of(model, name))["values"].items()
    }
    with files.whole_file(file, ".npz") as part:
        np.savez_compressed(part, **halves, **{ABOUT: text})
        others = [f.stat().st_size for f in folder().glob(f"**/*{ENDING}") if f != file]
        size = part.stat().st_size
        if size > LARGEST or size + sum(others) > ALL:
            raise ValueError(
                f"network {name}: takes {size:,} bytes and the others {sum(others):,};"
                f" allowed are {LARGEST:,} and {ALL:,} in all"
            )
    return Published(name, file, about)
