"""Our evaluation of a video, for `worker.evaluating`.

On the backend that `KERAS_BACKEND` names. Views, network, prediction and average are
those of `multiview.evaluate`, which also builds the network and counts what is right.
"""

import keras
import pipeline_ours
import step_ours
import worker

from r3d_rs.data import pipeline
from r3d_rs.evaluation import multiview
from r3d_rs.recipes import recipe as recipes
from r3d_rs.training import fit


def build(settings: dict):
    """Return what there is to say, and a function that evaluates the video.

    Settings: `recipe` (of `recipes.as_dict`), `classes`, and `records`, the folder of a
    record with one video.
    """
    recipe = recipes.from_dict(settings["recipe"])
    dataset = pipeline_ours.dataset_of(settings["records"])
    stream = pipeline.evaluation_views(dataset, recipe, split="train")
    keras.utils.set_random_seed(0)
    model = fit.build_model(recipe, settings["classes"], size=recipe.size)
    network = multiview.for_evaluation(model, recipe)

    def evaluate(arrived):
        def read():
            for video in stream.as_numpy_iterator():
                arrived(video["views"])
                yield video

        [(_, softmax)] = multiview.predict_videos(network, read())
        return softmax.mean(0)

    return step_ours.about(network), evaluate


if __name__ == "__main__":
    worker.serve(worker.evaluating(build))
