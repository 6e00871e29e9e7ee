"""The official implementation's training pipeline, for `worker.drawing`.

Runs in the environment of `official-requirements.txt`. The dataset is built by the
task itself (`VideoClassificationTask.build_inputs`), from the settings that the
published `k400_resnet3drs_50_tpu.yaml` has for training data; only the number of
frames is the one that the paper's network sees.
"""

from importlib.metadata import version

import worker
from official.core import exp_factory
from official.vision.tasks import video_classification


def batches(settings: dict):
    """Return an endless iterator of `(batch, frames, size, size, 3)` arrays."""
    config = exp_factory.get_exp_config("video_classification_kinetics400")
    size = settings["size"]
    config.task.train_data.override(
        {
            "input_path": f"{settings['records']}/*.tfrecord",
            "feature_shape": (settings["frames"], size, size, 3),
            "temporal_stride": settings["temporal_stride"],
            "aug_min_area_ratio": 0.08,
            "aug_max_area_ratio": 1.0,
            "global_batch_size": settings["batch_size"],
            "dtype": settings["dtype"],
        }
    )
    task = video_classification.VideoClassificationTask(config.task)
    dataset = task.build_inputs(config.task.train_data)
    return (features["image"] for features, _ in dataset)


def versions() -> dict:
    """Return the versions of the package and of TensorFlow."""
    return {
        "package": f"tf-models-official {version('tf-models-official')}",
        "tensorflow": version("tensorflow"),
    }


if __name__ == "__main__":
    worker.serve(worker.drawing(batches, versions))
