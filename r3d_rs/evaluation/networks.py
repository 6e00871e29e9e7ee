"""Trained networks, found by name or by folder.

A published network is `seed-<n>.network.npz` beside the record of its run. The file
holds the weights in half precision, the recipe and the classes. The network of a
finished run is `model.keras` in the run's folder, with `run.json` beside it.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from r3d_rs import REPOSITORY, files, paths
from r3d_rs.recipes.recipe import Recipe, from_dict

if TYPE_CHECKING:
    import pandas as pd

#: Ending of a published network's file, after the record's name.
ENDING = ".network.npz"
#: Array that holds the description, as UTF-8.
ABOUT = "about"
#: Most bytes of one file, and of all files.
LARGEST, ALL = 8_000_000, 40_000_000


@dataclasses.dataclass(frozen=True)
class Published:
    """A published network; its file is read on first use.

    Attributes:
        name: dataset and point, such as "pantomime-20/RS-50".
        file: file of its weights.
    """

    name: str
    file: Path

    @functools.cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = files.read_arrays(self.file)
        if ABOUT not in arrays:
            raise ValueError(f"{self.file}: damaged: {ABOUT} is missing")
        return arrays

    @functools.cached_property
    def about(self) -> Mapping:
        """Description: `run`, and the published weights' `metrics` on `split`.

        Raises:
            ValueError: naming the file, if it is damaged.
        """
        return json.loads(bytes(self._arrays[ABOUT]).decode())

    @property
    def run(self) -> dict:
        """Description of its run, as in a run's `run.json`."""
        return dict(self.about["run"])

    @property
    def recipe(self) -> Recipe:
        """Recipe that it was trained with."""
        return recipe_of(self)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, by label."""
        return tuple(self.run["classes"])

    @property
    def record(self) -> dict:
        """Record of its run."""
        return files.read_json(self.file.with_name(f"{self._stem}.json"))

    @property
    def card(self) -> Path:
        """File of its model card."""
        return self.file.with_name(f"{self._stem}.network.md")

    @property
    def _stem(self) -> str:
        return self.file.name.removesuffix(ENDING)

    def model(self):
        """Return the network in single precision.

        Raises:
            ValueError: naming the file, if it is damaged.
        """
        from r3d_rs.training.fit import build_model

        recipe = self.recipe
        model = build_model(recipe, len(self.classes), size=recipe.eval_size)
        own = {weight.path: weight for weight in model.weights}
        if set(own) != set(self._arrays) - {ABOUT}:
            raise ValueError(f"{self.file}: has other weights than {recipe.model}")
        for path, weight in own.items():
            weight.assign(self._arrays[path].astype(np.float32))
        return model


@dataclasses.dataclass(frozen=True)
class Finished:
    """The network of a finished run.

    Attributes:
        file: `model.keras` in the run's folder.
    """

    file: Path

    @property
    def name(self) -> str:
        """Full name of the run: dataset, study, point and seed."""
        return "/".join(self.file.parent.resolve().parts[-4:])

    @property
    def run_file(self) -> Path:
        """File that describes the run."""
        return self.file.with_name("run.json")

    @property
    def run(self) -> dict:
        """Description of the run.

        Raises:
            ValueError: naming the file, if it is damaged.
        """
        return files.read_json(self.run_file)

    def model(self):
        """Return the network.

        Raises:
            FileNotFoundError: if the run has none.
            ValueError: naming the file, if it is damaged.
        """
        import keras

        if not self.file.is_file():
            raise FileNotFoundError(
                f"{self.file} is not there; expected is the folder of a finished run,"
                " which has model.keras and run.json"
            )
        try:
            # Keras reads large weights in place, without comparing checksums.
            files.check_zip(self.file)
            return keras.saving.load_model(self.file, compile=False, safe_mode=True)
        except (TypeError, OSError, *files.ZIP_DAMAGE) as error:
            raise ValueError(f"{self.file}: no checkpoint of a run: {error}") from error


def folder() -> Path:
    """Return the folder of the published records: the first that has networks.

    Candidates are `results` in the checkout around the current folder, in the installed
    package, and in the checkout that the package is imported from. If none has
    networks, return the first.
    """
    package = Path(__file__).parents[1]
    places = [paths.study_path("results", "results")]
    places += [package / "results", package.parent / "results"]
    return next(filter(_files, places), places[0])


def _files(results: Path) -> list[Path]:
    return sorted(results.glob(f"*/*/*/*{ENDING}"))


def published() -> dict[str, Published]:
    """Return the published networks by name, in alphabetical order; read no file."""
    found = {}
    for file in _files(folder()):
        dataset, _, point = file.parts[-4:-1]
        found[f"{dataset}/{point}"] = Published(f"{dataset}/{point}", file)
    return dict(sorted(found.items()))


def in_folder(run: str | Path) -> Finished:
    """Return the network of a run, which need not exist yet.

    Args:
        run: the run's folder, or the file `model.keras` in it.
    """
    file = paths.study_path("network", run)
    return Finished(file if file.is_file() else file / "model.keras")


def find(network: str | Path) -> Published | Finished:
    """Return the network of a finished run, or a published network.

    Args:
        network: the folder of a finished run, or the file `model.keras` in it, with
            `run.json` beside it; or the name of a published network, such as
            "pantomime-20/RS-50".

    Raises:
        FileNotFoundError: if there is neither, naming the published networks.
    """
    own = in_folder(network)
    if own.run_file.is_file():
        return own
    there = published()
    if str(network) not in there:
        raise FileNotFoundError(
            f"{own.run_file} is not there; expected is the folder of a"
            " finished run, which has model.keras and run.json, or a published network:"
            f" {', '.join(there) or none_published()}"
        )
    return there[str(network)]


def none_published() -> str:
    """Return a message that no network is published here, and where to get some."""
    return f"none, as {folder()} has no network: git clone {REPOSITORY}"


def recipe_of(network: Published | Finished) -> Recipe:
    """Return the recipe that a classifier was trained with.

    Raises:
        ValueError: naming the network, if it is damaged or no classifier.
    """
    try:
        return from_dict(network.run["recipe"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"parameter network: received {network.name!r}, which is no classifier's"
            " run; allowed are runs that were trained on labels, and published networks"
        ) from error


def list_networks() -> pd.DataFrame:
    """Return a table of the published networks: dataset, classes, accuracy and size.

    Raises:
        ValueError: naming a file that is damaged.
    """
    import pandas as pd  # late: naming an experiment does not need it

    rows = {
        name: {
            "network": one.recipe.model,
            "trained on": one.run["dataset"],
            "classes": len(one.classes),
            "top-1, %": f"{100 * one.about['metrics']['video_top1']:.2f}",
            "MB": f"{one.file.stat().st_size / 1e6:.1f}",
        }
        for name, one in published().items()
    }
    columns = ["network", "trained on", "classes", "top-1, %", "MB"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def publish(run: Path, results: Path, data_dir: Path | None = None) -> Published:
    """Publish the network of a finished run, beside the run's record.

    The weights are rounded to half precision, and the accuracy is measured with them.

    Args:
        run: the run's folder, `<checkpoints>/<dataset>/<study>/<point>/seed-<n>`.
        results: folder of the records.
        data_dir: folder of the datasets; None for the default.

    Raises:
        FileNotFoundError: naming the record, the run or the dataset that is missing.
        ValueError: naming what is damaged; or if the file is larger than `LARGEST`, or
            all published files together are larger than `ALL`.
    """
    from r3d_rs.data import datasets
    from r3d_rs.evaluation import multiview

    own = find(run)
    model, recipe = own.model(), recipe_of(own)
    dataset, study, point, seed = Path(os.path.abspath(run)).parts[-4:]
    place = results / dataset / study / point
    if not (place / f"{seed}.json").is_file():
        raise FileNotFoundError(
            f"{place / seed}.json: the network's run has no record there"
        )
    halves = {w.path: np.asarray(w).astype(np.float16) for w in model.weights}
    for weight in model.weights:
        weight.assign(halves[weight.path].astype(np.float32))
    data = datasets.load(dataset, data_dir)
    metrics = multiview.evaluate(model, data, recipe).metrics()
    about = {"run": own.run, "metrics": metrics, "split": data.evaluated}
    text = np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8)
    one = Published(f"{dataset}/{point}", place / f"{seed}{ENDING}")
    with files.whole_file(one.file, ".npz") as part:
        np.savez_compressed(part, **halves, **{ABOUT: text})
        size = part.stat().st_size
        others = sum(f.stat().st_size for f in _files(results) if f != one.file)
        if size > LARGEST or size + others > ALL:
            raise ValueError(
                f"network {one.name}: takes {size:,} bytes and the others {others:,};"
                f" allowed are {LARGEST:,} and {ALL:,} in all"
            )
    return one
