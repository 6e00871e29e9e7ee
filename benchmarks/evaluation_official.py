"""The official implementation's evaluation of a video, for `worker.evaluating`.

Runs in the environment of `official-requirements.txt`. Views, network, prediction and
average are the task's own (`build_inputs`, `build_model`, `inference_step`), from the
settings that the published `k400_resnet3drs_50_tpu.yaml` has for validation, but for
what the recipe of the benchmark says, and one video a batch.
"""

import step_official
import tensorflow as tf
import worker
from official.vision.tasks import video_classification


def build(settings: dict):
    """Return what there is to say, and a function that evaluates the video.

    Settings: `recipe`, `classes` and `records`, as for ours.
    """
    recipe, size = settings["recipe"], settings["recipe"]["eval_size"]
    config = step_official.configured(recipe, settings["classes"])
    config.validation_data.override(
        {
            "input_path": f"{settings['records']}/*.tfrecord",
            "feature_shape": step_official.clip_shape(recipe, size),
            "temporal_stride": recipe["temporal_stride"],
            "min_image_size": size,
            "num_test_clips": recipe["temporal_views"],
            "num_test_crops": recipe["spatial_views"],
            "num_classes": settings["classes"],
            "global_batch_size": 1,
        }
    )
    task = video_classification.VideoClassificationTask(config)
    tf.random.set_seed(0)
    model = task.build_model()
    dataset = task.build_inputs(config.validation_data)

    @tf.function
    def predict(features):
        return task.inference_step(features, model)

    def evaluate(arrived):
        features, _ = next(iter(dataset))
        arrived(features["image"])
        [probabilities] = predict(features).numpy()
        return probabilities

    return step_official.about(model), evaluate


if __name__ == "__main__":
    worker.serve(worker.evaluating(build))
