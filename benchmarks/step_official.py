"""Steps of the official implementation's R3D-RS, for `worker.stepping`.

Runs in the environment of `official-requirements.txt`. Network, loss and step are the
task's own; settings are those of the published `k400_resnet3drs_50_tpu.yaml` where they
are not the class's defaults, but for what the recipe of the benchmark says.
"""

from importlib.metadata import version

import numpy as np
import tensorflow as tf
import tf_keras
import worker
from official.core import exp_factory
from official.vision.tasks import video_classification


def clip_shape(recipe: dict, size: int) -> tuple[int, ...]:
    """Return the shape of a clip that the network sees, of `size` pixels."""
    return (recipe["span"] // recipe["temporal_stride"], size, size, 3)


def configured(recipe: dict, classes: int):
    """Return the task's settings for a recipe (of `recipes.as_dict`)."""
    shape = clip_shape(recipe, recipe["size"])
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
        }
    )
    return config


def about(model) -> dict:
    """Return what there is to say about the side."""
    return {
        "parameters": model.count_params(),
        "versions": f"tf-models-official {version('tf-models-official')}, "
        f"tensorflow {version('tensorflow')}",
    }


def build(settings: dict):
    """Return what there is to say, and a function that does so many steps.

    Settings: `recipe`, `classes`, and `task`, as for ours.
    """
    recipe = settings["recipe"]
    shape = clip_shape(recipe, recipe["size"])
    task = video_classification.VideoClassificationTask(
        configured(recipe, settings["classes"])
    )
    tf.random.set_seed(0)
    model = task.build_model()
    random = np.random.default_rng(0)
    clips = {
        "image": tf.constant(random.random((recipe["batch_size"], *shape), "float32"))
    }
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
        return model(clips, training=False)

    def run(steps):
        if settings["task"] == "training":
            return [float(train()) for _ in range(steps)][-1]
        return sum(float(predict().numpy().sum()) for _ in range(steps))

    return about(model), run, lambda: None


if __name__ == "__main__":
    worker.serve(worker.stepping(build))
