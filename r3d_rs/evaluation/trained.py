"""Loading trained networks, and classifying a single video."""

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

#: Most frames of a video: a week at 25 frames per second.
LONGEST = 2**24


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained classifier, with its recipe, classes and dataset.

    Attributes:
        model: the network.
        recipe: recipe that it was trained with; gives the views of evaluation.
        classes: class names, by label.
        dataset: name of the dataset that it was trained on.
        seed: seed of its run; None for an official checkpoint.
        short_side: shorter side of the dataset's frames, pixels; None for the videos'
            own.
        published: the published network; None for others.
    """

    model: keras.Model
    recipe: Recipe
    classes: tuple[str, ...]
    dataset: str
    seed: int | None = None
    short_side: int | None = None
    published: networks.Published | None = None

    def load_data(
        self, data_dir: str | None = None, name: str = ""
    ) -> datasets.Dataset:
        """Load a prepared dataset that has the network's classes.

        Args:
            data_dir: folder of the datasets; None for the default.
            name: name of the dataset; "" for the one that the network was trained on.

        Raises:
            FileNotFoundError: as `datasets.load` does.
            ValueError: as `datasets.load` does, or if the dataset has other classes.
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
    """Load a published classifier by its name, or a finished run's by its folder.

    Args:
        network: as in `networks.find`.

    Returns:
        The network with its classes and recipe, and the record if it is published.

    Raises:
        FileNotFoundError: naming the file that is missing.
        ValueError: naming a file that is damaged, or a run that trained no classifier.
    """
    one = networks.find(network)
    model, run, recipe = one.model(), one.run, networks.recipe_of(one)
    published = one if isinstance(one, networks.Published) else None
    try:
        classes, dataset = tuple(run["classes"]), run["dataset"]
        # Older runs do not record it.
        side = run.get("short_side") or DATASETS[dataset].short_side
        return Trained(model, recipe, classes, dataset, run["seed"], side, published)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{network}: no run of a classifier: {error}") from error


def load_official(
    prefix: str | Path, recipe: Recipe, dataset: datasets.Dataset
) -> Trained:
    """Load a checkpoint of the official implementation for a dataset's classes.

    Args:
        prefix: prefix of the checkpoint's files.
        recipe: recipe of the network.
        dataset: dataset that the checkpoint was trained on.

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
    """Classify a video.

    The video is decoded, resized and cut into views like the evaluated videos of the
    network's dataset. The softmax is averaged over the views.

    Args:
        video: any video file of up to `LONGEST` frames.
        network: the name of a published network, or the folder of a finished run; see
            `load`.
        top_k: most classes to return, 1 or more.

    Returns:
        The most probable classes with their probabilities, best first.

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
    # Hours of video do not fit in memory. Decode once to count the frames, and again to
    # keep only those that the views show.
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
