"""Pictures of the data: clips, augmentation and evaluation views."""

import dataclasses

import numpy as np
import tensorflow as tf
from IPython.display import HTML
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from r3d_rs.data import inspect, transforms
from r3d_rs.data.datasets import Dataset
from r3d_rs.data.randaugment import OPERATIONS, rand_augment
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.recipes.table2 import BASELINE
from r3d_rs.report.animation import animations
from r3d_rs.videos import geometry

#: Number of operations that RandAugment applies to a clip, the official default.
LAYERS = 2


def training_clips(dataset: Dataset, recipe: Recipe, *, split: str, seed: int) -> HTML:
    """Show the first 8 training clips of a run, before they are standardized."""
    raw = dataclasses.replace(recipe, standardize=False)
    clips, names = inspect.first_clips(dataset, raw, seed=seed, split=split, count=8)
    pixels = np.round(255 * clips).astype(np.uint8)
    return animations(zip(names, pixels, strict=True))


def centre_clip(dataset: Dataset, recipe: Recipe, split: str) -> np.ndarray:
    """Decode the middle clip of a split's first video.

    Returns:
        uint8 `(time, height, width, 3)`.
    """
    frames = next(inspect.videos(dataset, split))["frames"]
    chosen = recipe.frames, recipe.temporal_stride
    start = transforms.even_starts(len(frames), *chosen, count=1)
    [indices] = transforms.clip_indices(start, len(frames), *chosen).numpy()
    return np.stack([tf.io.decode_jpeg(frames[i], 3).numpy() for i in indices])


def augmentation_gallery(frames, magnitude: float = 10, seed: int = 0) -> HTML:
    """Show what cropping, mirroring and RandAugment do to a clip.

    Each operation of RandAugment is shown alone. Cropping and complete RandAugment are
    shown for three random draws.

    Args:
        frames: uint8 `(time, height, width, 3)`.
        magnitude: magnitude of RandAugment.
        seed: seeds every draw.
    """
    frames = np.asarray(frames)
    draws = [(seed, number) for number in range(3)]
    shown = [("as stored", frames)]
    for area_range in (BASELINE["area_range"], Recipe.area_range):
        shown += [_crop(frames, area_range, draw) for draw in draws]
    shown.append(("flip", frames[:, :, ::-1]))
    for name, operation in OPERATIONS.items():
        what = operation.__doc__.splitlines()[0].split("; see")[0].rstrip(".")
        changed = operation(frames, magnitude, draws[0]).numpy()
        shown.append((f"{name}\n{what.replace('`', '')}", changed))
    for draw in draws:
        changed = rand_augment(frames, LAYERS, magnitude, draw).numpy()
        shown.append((f"RandAugment\n{LAYERS} operations, drawn at random", changed))
    return animations(shown)


def _crop(frames, area_range: tuple[float, float], draw) -> tuple[str, np.ndarray]:
    """Crop as in training, to squares as high as the frames, with a caption."""
    height, width = frames.shape[1:3]
    box = transforms.random_crop_box(
        height, width, area_range, Recipe.aspect_range, draw
    ).numpy()
    top, left, rows, columns = box
    cropped = frames[:, top : top + rows, left : left + columns]
    pixels = transforms.resize(cropped, height, height).numpy()
    share = rows * columns / (height * width)
    least, most = area_range
    caption = f"crop, {100 * share:.0f} % of the area\ndrawn from {least:g} to {most:g}"
    return caption, np.round(pixels).astype(np.uint8)


def views_figure(recipe: Recipe, length: int, height: int, width: int) -> Figure:
    """Draw where a recipe's evaluation views lie in a video.

    Args:
        recipe: recipe of the views.
        length: number of frames of the video.
        height: height of the video, pixels.
        width: width of the video, pixels.
    """
    sampled, size = (recipe.frames, recipe.temporal_stride), recipe.eval_size
    starts = transforms.even_starts(length, *sampled, recipe.temporal_views)
    clips = transforms.clip_indices(starts, length, *sampled).numpy()
    figure = Figure(figsize=(6.4, 3 + 0.14 * len(clips)), layout="tight")
    grid = figure.add_gridspec(2, recipe.spatial_views, height_ratios=(3, 2))
    time = figure.add_subplot(grid[0, :])
    for number, indices in enumerate(clips, start=1):
        row = np.full(len(indices), number)
        time.plot(indices, row, "|-", color="black", markersize=5)
    time.set(xlabel="frame of the video", ylabel="clip", xlim=(-1, length))
    time.set(yticks=range(1, len(clips) + 1), ylim=(len(clips) + 0.7, 0.3))
    time.spines[["top", "right"]].set_visible(False)
    rows, columns = geometry.scaled_size(height, width, size)
    tops, lefts = (
        transforms.crop_offsets(side, size, recipe.spatial_views).numpy()
        for side in (rows, columns)
    )
    for number, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        axes = figure.add_subplot(grid[1, number], aspect="equal")
        axes.add_patch(Rectangle((left, top), size, size, color="0.75"))
        axes.set(xlim=(0, columns), ylim=(rows, 0), title=f"crop {number + 1}")
        axes.set(xticks=sorted({0, int(left), columns}), yticks=sorted({0, rows}))
    return figure


def dataset_views(dataset: Dataset, recipe: Recipe) -> Figure:
    """Draw where the views of the first evaluated video lie; see `views_figure`."""
    frames = next(inspect.videos(dataset, dataset.evaluated))["frames"]
    height, width = tf.io.extract_jpeg_shape(frames[0])[:2].numpy()
    return views_figure(recipe, len(frames), int(height), int(width))
