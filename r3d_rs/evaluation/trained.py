"""A trained network, and what a single video shows to it."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from r3d_rs.data import datasets, pipeline
from r3d_rs.data.names import DATASETS
from r3d_rs.evaluation import networks
from r3d_rs.evaluation.multiview import for_evaluation, predict_clips
from r3d_rs.models import load_model_garden_checkpoint
from r3d_rs.paths import local_path
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training.fit import build_model
from r3d_rs.videos import clip

#: A video may have as many frames: a week at 25 a second.
LONGEST = 2**24


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained network and what it was trained for.

    Attributes:
        model: its weights.
        recipe: that it was trained by; gives the views of evaluation.
        classes: names, by label.
        dataset: name of the dataset.
        seed: of the run; None for an official checkpoint.
        short_side: of the dataset's frames, pixels; None for the videos' own.
        published: what else is known of a published network.
    """

    model: keras.Model
    recipe: Recipe
    classes: tuple[str, ...]
    dataset: str
    seed: int | None = None
    short_side: int | None = None
    published: networks.Published | None = None

    @property
    def record(self) -> dict | None:
        """The record of a published network's run; None for others."""
        return self.published and self.published.record

    def load_data(
        self, data_dir: str | None = None, name: str = ""
    ) -> datasets.Dataset:
        """Load a prepared dataset of the network's classes.

        Args:
            data_dir: folder of the datasets; None for the default.
            name: of the dataset; "" for the one that the network was trained on.

        Raises:
            FileNotFoundError, ValueError: as `datasets.load` does; or when the classes
                are others, so that labels would not be the network's.
        """
        data = datasets.load(name or self.dataset, data_dir)
        if data.classes != self.classes:
            raise ValueError(
                f"dataset: received {data.name!r}, whose {len(data.classes)} classes"
                f" are not the {len(self.classes)} of the network, which was trained"
                f" on {self.dataset}"
            )
        return data


def load(network: str | Path) -> Trained:
    """Load a classifier: a published one by its name, or the one that a run has left.

    Args:
        network: of `networks.find`.

    Returns:
        The network with its classes and recipe, and the record of a published one.

    Raises:
        FileNotFoundError: naming the file that is missing.
        ValueError: naming a file that is damaged, or a run of no classifier.
    """
    one = networks.find(network)
    model, run, recipe = one.model(), one.run, networks.recipe_of(one)
    published = one if isinstance(one, networks.Published) else None
    try:
        classes, dataset = tuple(run["classes"]), run["dataset"]
        # Runs of before do not say.
        side = run.get("short_side") or DATASETS[dataset].short_side
        return Trained(model, recipe, classes, dataset, run["seed"], side, published)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{network}: no run of a classifier: {error}") from error


def load_official(
    prefix: str | Path, recipe: Recipe, dataset: datasets.Dataset
) -> Trained:
    """Load a checkpoint of the official implementation for a dataset's classes.

    Raises:
        FileNotFoundError, OSError, CheckpointMismatch: as
            `models.load_model_garden_checkpoint` does.
    """
    model = build_model(recipe, len(dataset.classes), size=recipe.eval_size)
    load_model_garden_checkpoint(model, prefix)
    side = dataset.kind.short_side
    return Trained(model, recipe, dataset.classes, dataset.name, short_side=side)


def predict(
    video: str | Path, *, network: str | Path, top_k: int = 5
) -> list[tuple[str, float]]:
    """Name what a video shows.

    The video is decoded, resized and cut into views as those of the network's dataset
    are for evaluation, and the softmax is averaged over the views.

    Args:
        video: any video file of up to `LONGEST` frames.
        network: the name of a published network, or the folder of a finished run; see
            `load`.
        top_k: how many classes to return at most, 1 or more.

    Returns:
        The most probable classes and their probabilities, the best first.

    Raises:
        ValueError: naming a video that cannot be read, or what `load` raises.
        FileNotFoundError: naming a file that is missing.
    """
    video = local_path("video", video)
    if top_k < 1:
        raise ValueError(f"parameter top_k: received {top_k!r}, allowed is 1 or more")
    if not video.is_file():
        raise FileNotFoundError(f"{video}: there is no such file")
    trained = load(network)
    # A video of hours has more frames than fit in memory: only those of the views are
    # kept, when they are known.
    frames = clip.decode(video, wanted=(), longest=LONGEST).steady

    def read(numbers) -> list[bytes]:
        shown = frames.pictures(np.asarray(numbers)).tolist()
        kept = clip.decode(
            video, trained.short_side, clip.encode_jpeg, set(shown), LONGEST
        ).pictures
        return [kept[number] for number in shown]

    views = pipeline.cut(read, frames.count, trained.recipe)
    model = for_evaluation(trained.model, trained.recipe)
    probabilities = predict_clips(model, np.asarray(views)).mean(0)
    best = np.argsort(-probabilities, kind="stable")[:top_k]
    return [(trained.classes[i], float(probabilities[i])) for i in best]
