"""Our training pipeline, for `worker.drawing`."""

import tempfile
from importlib.metadata import version

import worker

from r3d_rs.data import datasets, model_garden, pipeline
from r3d_rs.recipes.recipe import Recipe


def dataset_of(records: str) -> datasets.Dataset:
    """Return the records of a folder as a dataset."""
    with tempfile.TemporaryDirectory() as folder:
        model_garden.use_records("kinetics-400", records, folder, progress=False)
        return datasets.load("kinetics-400", folder)


def batches(settings: dict):
    """Return an endless iterator of `(batch, frames, size, size, 3)` arrays."""
    dataset = dataset_of(settings["records"])
    recipe = Recipe(
        batch_size=settings["batch_size"],
        span=settings["frames"] * settings["temporal_stride"],
        temporal_stride=settings["temporal_stride"],
        size=settings["size"],
        area_range=(0.08, 1.0),
        flip=True,
    )
    return (clips for clips, _ in pipeline.training_clips(dataset, recipe, seed=0))


def versions() -> dict:
    """Return the versions of the package and of TensorFlow."""
    return {
        "package": f"r3d-rs {version('r3d-rs')}",
        "tensorflow": version("tensorflow-cpu"),
    }


if __name__ == "__main__":
    worker.serve(worker.drawing(batches, versions))
