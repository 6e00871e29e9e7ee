"""Where a network looks: the gradient of its decision by the pixels of a clip.

`python -m r3d_rs saliency CHECKPOINT` writes `<results>/<dataset>/saliency.npz`, which
the book draws.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from r3d_rs import files
from r3d_rs.experiments import record
from r3d_rs.files import whole_file

#: Classes of which the first test video is shown.
SHOWN = ("sit down", "stand up", "turn left", "walk forward")


def path(results: Path, dataset: str) -> Path:
    """Return the file of a dataset's maps."""
    return Path(results) / dataset / "saliency.npz"


def gradients(model, clips: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return how much each pixel bears on the logit of a clip's class.

    Args:
        model: a network on the TensorFlow backend.
        clips: `(clip, time, height, width, channel)`.
        labels: `(clip,)`.

    Returns:
        `(clip, time, height, width)`: the gradient's size, summed over channels, as a
        share of the clip's whole.

    Raises:
        ValueError: on another backend.
    """
    import tensorflow as tf

    _check_backend()
    inputs = tf.convert_to_tensor(clips, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = model(inputs, training=False)
        own = tf.gather(logits, labels, axis=1, batch_dims=1)
    sizes = np.abs(tape.gradient(own, inputs).numpy()).sum(-1)
    return sizes / sizes.sum((1, 2, 3), keepdims=True)


def _check_backend() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"backend: received {keras.backend.backend()!r}, saliency is computed on"
            " 'tensorflow' alone (KERAS_BACKEND)"
        )


def write(
    checkpoint: Path,
    results: Path,
    *,
    shown: Sequence[str] = SHOWN,
    data_dir: str | None = None,
) -> Path:
    """Compute the maps of the first test video of some classes.

    Args:
        checkpoint: of a finished run, see `trained.read`.
        results: folder of the records.
        shown: classes.
        data_dir: folder of the datasets; None for the default.

    Returns:
        The file: frames `(clip, time, height, width, channel)` and maps
        `(clip, time, height, width)` as bytes, shares `(clip, time)`, classes, and the
        run's hash of its recipe and seed.

    Raises:
        FileNotFoundError: as `trained.load` and `Trained.load_data` do.
        ValueError: as these do, on another backend than TensorFlow, or naming classes
            that the network or its dataset's test videos lack.
    """
    _check_backend()
    from r3d_rs.data import pipeline
    from r3d_rs.evaluation import trained
    from r3d_rs.evaluation.multiview import for_evaluation
    from r3d_rs.recipes.recipe import recipe_hash

    network = trained.load(checkpoint)
    if absent := [name for name in shown if name not in network.classes]:
        raise ValueError(
            f"{checkpoint}: the network was trained on {network.dataset}, whose"
            f" {len(network.classes)} classes do not include {', '.join(absent)};"
            " saliency is shown of a network that has all of them"
        )
    dataset = network.load_data(data_dir)
    wanted = {network.classes.index(name): name for name in shown}
    found = {}
    views = pipeline.evaluation_views(dataset, network.recipe, split=dataset.evaluated)
    for video in views.as_numpy_iterator():
        label = int(video["label"])
        if label in wanted:
            found.setdefault(label, video["views"][len(video["views"]) // 2])
        if len(found) == len(wanted):
            break
    if absent := [name for label, name in wanted.items() if label not in found]:
        raise ValueError(
            f"{dataset.name}, split {dataset.evaluated}: there is no video of"
            f" {', '.join(absent)}, of which one is to be shown"
        )
    clips = np.stack([found[label] for label in wanted])
    model = for_evaluation(network.model, network.recipe)
    shares = gradients(model, clips, np.array(list(wanted)))
    low, high = (f(clips, axis=(1, 2, 3, 4), keepdims=True) for f in (np.min, np.max))
    maps = shares / shares.max((1, 2, 3), keepdims=True)
    target = path(results, dataset.name)
    with whole_file(target) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            frames=np.uint8(255 * (clips - low) / (high - low)),
            maps=np.uint8(255 * maps),
            shares=shares.sum((2, 3)).astype(np.float32),
            classes=np.array(list(wanted.values())),
            recipe=recipe_hash(network.recipe),
            seed=network.seed,
        )
    return target


def read(results: Path, dataset: str) -> dict[str, np.ndarray]:
    """Read the maps.

    Returns:
        The arrays of `write`.

    Raises:
        FileNotFoundError: when they have not been computed.
        ValueError: when the file is damaged, or no record of the scaling study has
            their recipe and seed: they are stale then.
    """
    file = path(results, dataset)
    found = files.read_arrays(file)
    recipe, seed = str(found["recipe"]), int(found["seed"])
    for run in record.find(results, dataset, "scaling"):
        if run["recipe_hash"] == recipe and run["experiment"]["seed"] == seed:
            return found
    raise ValueError(
        f"{file}: no record has the recipe {recipe[:8]} and the seed {seed} of its"
        " network: compute it again"
    )


def figure(maps: dict[str, np.ndarray]) -> Figure:
    """Draw a clip's frames, and below them the maps and each frame's share.

    Args:
        maps: of `read`.
    """
    names = ("frames", "maps", "shares", "classes")
    frames, maps, shares, classes = (maps[name] for name in names)
    clips, times = shares.shape
    drawn = Figure(figsize=(times, 2.5 * clips), layout="constrained")
    axes = drawn.subplots(2 * clips, times, squeeze=False)
    for clip in range(clips):
        for time in range(times):
            above, below = axes[2 * clip, time], axes[2 * clip + 1, time]
            above.imshow(frames[clip, time])
            below.imshow(maps[clip, time], cmap="magma", vmin=0, vmax=255)
            below.set_xlabel(f"{shares[clip, time]:.0%}", fontsize=8)
            for one in (above, below):
                one.set(xticks=[], yticks=[])
        axes[2 * clip, 0].set_title(classes[clip], loc="left", fontsize=9)
    return drawn
