"""Sides of the official implementation, with `official-requirements.txt` installed.

Networks, losses, steps and datasets come from its `VideoClassificationTask`. Settings
come from the benchmark's recipe, then from the published
`k400_resnet3drs_50_tpu.yaml`, then from the class's defaults.
"""

from importlib.metadata import version

import numpy as np
import tensorflow as tf
import tf_keras
import worker
from official.core import exp_factory
from official.vision.tasks import video_classification


def step(settings: dict):
    """Train on the same batch, or predict it; the amount counts clips."""
    recipe = settings["recipe"]
    task = _task(recipe, settings["classes"])
    tf.random.set_seed(0)
    model = task.build_model()
    random = np.random.default_rng(0)
    shape = (recipe["batch_size"], *_clip_shape(recipe, recipe["size"]))
    clips = {"image": tf.constant(random.random(shape, "float32"))}
    classes = random.integers(settings["classes"], size=recipe["batch_size"])
    labels = tf.one_hot(classes, settings["classes"])
    optimizer = tf_keras.optimizers.SGD(
        recipe["learning_rate"],
        momentum=recipe["momentum"],
        nesterov=recipe["nesterov"],
    )

    @tf.function
    def train():
        return task.train_step((clips, labels), model, optimizer)[task.loss]

    @tf.function
    def predict():
        return tf.reduce_sum(model(clips, training=False))

    work = train if settings["task"] == "training" else predict

    def run(times):
        for _ in range(times):
            value = float(work())
        return {"value": value}

    return {"amount": recipe["batch_size"], **_about(model)}, run


def evaluation(settings: dict):
    """Evaluate the only video of `records` from its file; the amount counts views."""
    recipe, size = settings["recipe"], settings["recipe"]["eval_size"]
    task = _task(
        recipe,
        settings["classes"],
        validation_data={
            "input_path": f"{settings['records']}/*.tfrecord",
            "feature_shape": _clip_shape(recipe, size),
            "temporal_stride": recipe["temporal_stride"],
            "min_image_size": size,
            "num_test_clips": recipe["temporal_views"],
            "num_test_crops": recipe["spatial_views"],
            "num_classes": settings["classes"],
            "global_batch_size": 1,
        },
    )
    tf.random.set_seed(0)
    model = task.build_model()
    dataset = task.build_inputs(task.task_config.validation_data)
    views = next(iter(dataset))[0]["image"].numpy()

    @tf.function
    def predict(features):
        return task.inference_step(features, model)

    def run(times):
        for _ in range(times):
            features, _ = next(iter(dataset))
            [probabilities] = predict(features).numpy()
        return {"value": float(probabilities.sum())}

    told = _about(model)
    told["counts"]["views_shape"] = list(views.shape)
    return {"amount": len(views), "views_mean": float(views.mean()), **told}, run


def clips(settings: dict):
    """Draw batches from the training pipeline; the amount counts clips."""
    size = settings["size"]
    config = exp_factory.get_exp_config("video_classification_kinetics400").task
    config.train_data.override(
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
    task = video_classification.VideoClassificationTask(config)
    batches = iter(task.build_inputs(config.train_data))

    def run(times):
        for _ in range(times):
            batch = next(batches)[0]["image"]
        return {"value": float(tf.reduce_mean(batch[0, 0]))}

    counts = {"clips_shape": list(next(batches)[0]["image"].shape)}
    about = {"counts": counts, "versions": _versions()}
    return {"amount": settings["batch_size"], **about}, run


def _clip_shape(recipe: dict, size: int) -> tuple[int, ...]:
    return (recipe["span"] // recipe["temporal_stride"], size, size, 3)


def _task(recipe: dict, classes: int, **data):
    """Return the task for a recipe, a result of `recipes.as_dict`."""
    shape = _clip_shape(recipe, recipe["size"])
    config = exp_factory.get_exp_config("video_classification_kinetics400").task
    config.override(
        {
            "model": {
                "dropout_rate": recipe["dropout"],
                "backbone": {
                    "type": "resnet_3d_rs",
                    "resnet_3d_rs": {
                        "model_id": int(recipe["model"].rpartition("-")[2]),
                        "stem_pool_temporal_stride": 1,
                        "stochastic_depth_drop_rate": recipe["stochastic_depth"],
                        "se_ratio": recipe["squeeze_excitation"],
                    },
                },
                "norm_activation": {
                    "norm_momentum": recipe["bn_momentum"],
                    "norm_epsilon": 1e-5,
                    "use_sync_bn": False,
                },
            },
            "losses": {
                "label_smoothing": recipe["label_smoothing"],
                "l2_weight_decay": recipe["weight_decay"],
            },
            "train_data": {"feature_shape": shape, "num_classes": classes},
            "validation_data": {"feature_shape": shape},
            **data,
        }
    )
    return video_classification.VideoClassificationTask(config)


def _about(model) -> dict:
    counts = {"parameters": model.count_params()}
    return {"counts": counts, "versions": _versions()}


def _versions() -> str:
    names = ("tf-models-official", "tensorflow")
    return ", ".join(f"{name} {version(name)}" for name in names)


WORK = {function.__name__: function for function in (step, evaluation, clips)}

if __name__ == "__main__":
    worker.serve(lambda settings: WORK[settings["work"]](settings))
