"""Multi-view evaluation: the softmax averaged over the views of a video (§4.1)."""

import dataclasses
import itertools
import math
import time
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from r3d_rs.data import pipeline
from r3d_rs.data.datasets import Dataset, ids_sha256
from r3d_rs.evaluation.interval import wilson_interval
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.training import devices, memory
from r3d_rs.training.averaging import network_of
from r3d_rs.training.devices import accelerators
from r3d_rs.training.fit import build_model
from r3d_rs.training.loop import duration, jit_compile

#: Most pixels that a CPU predicts at once, over all frames: 4 clips of 16 frames of
#: 256×256. All 30 views of a video at once take many times the memory and save no time.
PIXELS_AT_ONCE = 2**22


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Predictions for a split, one row per video.

    Attributes:
        ids: `(video,)` names of the videos.
        labels: `(video,)` classes as integers.
        probabilities: `(video, class)` softmax averaged over the views.
        clip_top1: share of single views that are classified correctly.
        seconds: time that the predictions took.
    """

    ids: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    clip_top1: float
    seconds: float = 0.0

    def correct(self, k: int = 1) -> np.ndarray:
        """Return for each video whether its class is among the `k` most probable.

        If classes are equally probable, the smaller label comes first, as in `argmax`.
        """
        ranked = np.argsort(-self.probabilities, axis=1, kind="stable")
        return (ranked[:, :k] == self.labels[:, None]).any(1)

    def metrics(self) -> dict:
        """Return the accuracies, in [0, 1], with the 95 % Wilson interval of top-1."""
        right = self.correct()
        interval = wilson_interval(int(right.sum()), len(right))
        return {
            "video_top1": float(right.mean()),
            "video_top1_interval": list(interval),
            "video_top5": float(self.correct(5).mean()),
            "clip_top1": self.clip_top1,
            "num_videos": len(self.labels),
        }

    def ids_sha256(self) -> str:
        """Return the SHA-256 of the sorted ids, one per line."""
        return ids_sha256(self.ids.tolist())


def for_evaluation(model: keras.Model, recipe: Recipe) -> keras.Model:
    """Return a trained network for clips of the recipe's evaluation size.

    On JAX the clips are divided among all devices.
    """
    several = keras.backend.backend() == "jax" and devices.find().count > 1
    model = network_of(model)
    classes = model.output_shape[-1]
    network = build_model(recipe, classes, size=recipe.eval_size)
    network.set_weights(model.get_weights())
    if several:
        whole = devices.Gathered(name="gathered")(network.output)
        network = keras.Model(network.input, whole, name=network.name)
    network.compile(jit_compile=jit_compile())
    return network


def predict_clips(network: keras.Model, clips) -> np.ndarray:
    """Return the softmax `(clip, class)` of clips `(clip, time, height, width, 3)`.

    On a CPU, many large clips are predicted in equal parts; see `PIXELS_AT_ONCE`.
    """
    parts = np.split(np.asarray(clips), _parts(clips.shape))
    logits = np.concatenate(
        [network.predict_on_batch(devices.divided(part))[: len(part)] for part in parts]
    )
    softmax = np.exp(logits - logits.max(-1, keepdims=True))
    return softmax / softmax.sum(-1, keepdims=True)


def _parts(shape: tuple[int, ...]) -> int:
    """Return the number of equal parts that this machine predicts clips in."""
    if accelerators()[1]:
        return 1
    clips, pixels = shape[0], math.prod(shape[1:4])
    most = max(1, PIXELS_AT_ONCE // pixels)
    return next(n for n in range(-(-clips // most), clips + 1) if clips % n == 0)


def predict_videos(
    network: keras.Model, videos: Iterable[dict], at_once: int = 1, transform=None
) -> Iterator[tuple[dict, np.ndarray]]:
    """Predict all views of videos, batch by batch.

    The last batch is padded, and predictions for the padding are dropped.

    Args:
        network: from `for_evaluation`.
        videos: elements of `pipeline.evaluation_views`, as NumPy arrays.
        at_once: videos per batch.
        transform: function that is applied to a video's views first.

    Yields:
        Each video, and the softmax `(view, class)` of its views.
    """
    videos = iter(videos)
    while batch := list(itertools.islice(videos, at_once)):
        views = [video["views"] for video in batch]
        if transform is not None:
            views = [transform(one) for one in views]
        padded = np.zeros((at_once, *views[0].shape), views[0].dtype)
        np.stack(views, out=padded[: len(batch)])
        softmax = predict_clips(network, padded.reshape(-1, *padded.shape[2:]))
        # The shorter `batch` drops the padding.
        yield from zip(batch, softmax.reshape(*padded.shape[:2], -1), strict=False)


def evaluate(
    model: keras.Model,
    dataset: Dataset,
    recipe: Recipe,
    *,
    split: str | None = None,
    batch_clips: int = 96,
    transform=None,
    progress: bool = False,
) -> Evaluation:
    """Predict every video of a split exactly once.

    Args:
        model: a trained network, built for clips of any size.
        dataset: a prepared dataset.
        recipe: gives the views and their size.
        split: split to predict; None for the one whose accuracy is reported.
        batch_clips: approximate number of views that are predicted at once.
        transform: function that is applied first to a video's views
            `(view, time, height, width, channel)`, for probes such as reversed clips.
        progress: whether to print a line after every quarter of the videos.

    Raises:
        ValueError: naming a split without videos or a broken record, or if predictions
            are not finite.
        MemoryError: if a batch does not fit in memory.
    """
    split = split or dataset.evaluated
    started = time.perf_counter()
    network = for_evaluation(model, recipe)
    views = recipe.temporal_views * recipe.spatial_views
    videos = max(1, batch_clips // views)
    ids, labels, probabilities = [], [], []
    stream = pipeline.evaluation_views(dataset, recipe, split=split)
    total = dataset.num_videos(split)
    what, remedy = f"predicting {videos * views} views at once", "lower batch_clips"
    with (
        memory.naming_shortage(what, remedy),
        pipeline.naming_broken_records(dataset, split),
    ):
        for video, softmax in predict_videos(
            network, stream.as_numpy_iterator(), videos, transform
        ):
            ids.append(video["id"].decode())
            labels.append(int(video["label"]))
            probabilities.append(softmax)
            if progress:
                _print_progress(len(ids), total, started)
    if len(ids) != total:
        raise ValueError(
            f"{dataset.name}, split {split}: {len(ids)} videos were read, but there"
            f" should be {total}: prepare it again"
        )
    probabilities, labels = np.stack(probabilities), np.array(labels)
    clip_top1 = float((probabilities.argmax(-1) == labels[:, None]).mean())
    if not math.isfinite(probabilities.sum()):
        raise ValueError("the model's predictions are not all finite")
    seconds = time.perf_counter() - started
    return Evaluation(np.array(ids), labels, probabilities.mean(1), clip_top1, seconds)


def _print_progress(done: int, total: int, started: float) -> None:
    """Print the number of evaluated videos, after every quarter of them."""
    quarters = [total * part // 4 for part in (1, 2, 3)]
    if done in quarters:
        left = (time.perf_counter() - started) * (total - done) / done
        text = f"{done:,} of {total:,} videos evaluated; about {duration(left)} left"
        print(text, flush=True)


def evaluate_over_views(
    model: keras.Model,
    dataset: Dataset,
    recipe: Recipe,
    numbers: Iterable[tuple[int, int]] | None = None,
    *,
    split: str | None = None,
) -> dict[tuple[int, int], Evaluation]:
    """Evaluate with fewer views than the recipe's, and with all of them.

    Args:
        model: a trained network.
        dataset: a prepared dataset.
        recipe: gives the views and their size.
        numbers: pairs of a number of clips and a number of crops. None takes one crop
            of one, half and all of the recipe's clips, then all clips and crops: on
            Kinetics 1×1, 5×1, 10×1 and 10×3.
        split: split to predict; None for the one whose accuracy is reported.

    Returns:
        An evaluation for each pair of numbers.
    """
    if numbers is None:
        clips, crops = recipe.temporal_views, recipe.spatial_views
        numbers = [(1, 1), (max(1, clips // 2), 1), (clips, 1), (clips, crops)]
    return {
        (clips, crops): evaluate(
            model,
            dataset,
            dataclasses.replace(recipe, temporal_views=clips, spatial_views=crops),
            split=split,
        )
        for clips, crops in dict.fromkeys(numbers)
    }
