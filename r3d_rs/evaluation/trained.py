"""A trained network, and what a single video shows to it."""

import dataclasses
from pathlib import Path

import keras
import numpy as np

from r3d_rs import files
from r3d_rs.data import datasets, pipeline
from r3d_rs.evaluation.multiview import for_evaluation, predict_clips
from r3d_rs.models import load_model_garden_checkpoint
from r3d_rs.paths import local_path, study_path
from r3d_rs.recipes.recipe import Recipe, from_dict
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
    """

    model: keras.Model
    recipe: Recipe
    classes: tuple[str, ...]
    dataset: str
    seed: int | None = None

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


def read(checkpoint: str | Path) -> tuple[keras.Model, dict]:
    """Read the network that a run has left, and what the run was.

    Args:
        checkpoint: the run's folder, or the file `model.keras` in it, with `run.json`
            beside it.

    Raises:
        FileNotFoundError: naming the file that is missing.
        ValueError: naming a file that is damaged.
    """
    path = study_path("checkpoint", checkpoint)
    path = path / "model.keras" if path.is_dir() else path
    about = path.with_name("run.json")
    for file in (path, about):
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is not there; expected is the folder of a finished run, which"
                " has model.keras and run.json"
            )
    run = files.read_json(about)
    try:
        # Keras reads large weights where they lie, and compares no checksums then.
        files.check_zip(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True), run
    except (TypeError, OSError, *files.ZIP_DAMAGE) as error:
        raise ValueError(f"{path}: no checkpoint of a run: {error}") from error


def load(checkpoint: str | Path) -> Trained:
    """Load the classifier that a run has left.

    Args:
        checkpoint: of `read`.

    Raises:
        FileNotFoundError, ValueError: as `read` does.
    """
    model, run = read(checkpoint)
    try:
        recipe = from_dict(run["recipe"])
        classes = tuple(run["classes"])
        return Trained(model, recipe, classes, run["dataset"], run["seed"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{checkpoint}: no run of a classifier: {error}") from error


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
    return Trained(model, recipe, dataset.classes, dataset.name)


def predict(
    video: str | Path, *, checkpoint: str | Path, top_k: int = 5
) -> list[tuple[str, float]]:
    """Say what a video shows.

    The video is decoded, resized and cut into views as those of the network's dataset
    are for evaluation, where it was prepared with the short side that it has by itself,
    and the softmax is averaged over the views.

    Args:
        video: any video file of up to `LONGEST` frames.
        checkpoint: of a run; see `load`.
        top_k: how many classes to return.

    Returns:
        The most probable classes and their probabilities, the best first.

    Raises:
        ValueError: naming a video that cannot be read, or what `load` raises.
        FileNotFoundError: naming a file that is missing.
    """
    video = local_path("video", video)
    trained = load(checkpoint)
    if not 1 <= top_k <= len(trained.classes):
        raise ValueError(
            f"parameter top_k: received {top_k!r}, allowed is 1 to"
            f" {len(trained.classes)}"
        )
    if not video.is_file():
        raise FileNotFoundError(f"{video}: there is no such file")
    side = datasets.DATASETS[trained.dataset].short_side
    # A video of hours has more frames than fit in memory: only those of the views are
    # kept, when they are known.
    frames = clip.decode(video, wanted=(), longest=LONGEST).steady

    def read(numbers) -> list[bytes]:
        shown = frames.pictures(np.asarray(numbers)).tolist()
        kept = clip.decode(video, side, clip.encode_jpeg, set(shown), LONGEST).pictures
        return [kept[number] for number in shown]

    views = pipeline.cut(read, frames.count, trained.recipe)
    network = for_evaluation(trained.model, trained.recipe)
    probabilities = predict_clips(network, np.asarray(views)).mean(0)
    best = np.argsort(-probabilities, kind="stable")[:top_k]
    return [(trained.classes[i], float(probabilities[i])) for i in best]
