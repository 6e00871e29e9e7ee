"""Export of trained networks to other formats, checked against the original."""

import dataclasses
import importlib.util
import json
import re
import warnings
from pathlib import Path

import keras
import numpy as np

from r3d_rs import REPOSITORY
from r3d_rs.evaluation import cards, networks, trained
from r3d_rs.evaluation.multiview import for_evaluation
from r3d_rs.files import write_json
from r3d_rs.recipes.recipe import as_dict

#: Formats, and the extra packages that each needs.
FORMATS = {
    "saved_model": ("tensorflow",),
    "onnx": ("onnxruntime", "tf2onnx"),
    "safetensors": ("safetensors",),
}
#: Formats that Keras traces with TensorFlow, and writes on that backend only.
ON_TENSORFLOW = ("saved_model", "onnx")
#: Preparation of a clip's pixels, if the recipe standardizes clips.
STANDARDIZED = (
    "RGB, divided by 255; then the clip's mean is subtracted, and the result divided by"
    " the clip's standard deviation"
)
#: Largest difference of logits that counts as rounding.
TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Exported:
    """An exported network.

    Attributes:
        path: file or folder written.
        difference: largest difference from the original's logits, on random clips.
    """

    path: Path
    difference: float


def export(network: str | Path, format: str, folder: Path) -> Exported:
    """Write a network in another format, read it back and compare the logits.

    The input is float32 clips `(batch, frames, size, size, 3)` of the evaluation crop's
    size. `labels.json`, beside the network, says how to prepare their pixels. The
    output is logits.

    Args:
        network: as in `trained.load`.
        format: "saved_model", "onnx" or "safetensors" (weights by the variable's path).
        folder: output folder.

    Raises:
        ValueError: naming a format that is unknown or that this backend does not write,
            or if the written network gives other logits.
        ModuleNotFoundError: naming a package that the format needs.
        FileNotFoundError: as `trained.load` does.
    """
    if format not in FORMATS:
        raise ValueError(
            f"parameter format: received {format!r}, allowed are {', '.join(FORMATS)}"
        )
    for package in FORMATS[format]:
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(
                f"format {format!r} needs the package {package}; the extra `export` has"
                ' it: pip install -e ".[export]"'
            )
    if format in ON_TENSORFLOW and keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"format {format!r} is written with TensorFlow: received"
            f" KERAS_BACKEND={keras.backend.backend()}, expected is tensorflow"
        )
    own = trained.load(network)
    # Other programs compute in float32, whatever the precision of training.
    recipe = dataclasses.replace(own.recipe, precision="float32")
    model = for_evaluation(own.model, recipe)
    clips = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:]))
    clips = clips.astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (format if format == "saved_model" else f"model.{format}")
    wanted = keras.ops.convert_to_numpy(model(clips, training=False))
    found = _WRITERS[format](model, path, clips)
    difference = float(np.abs(found - wanted).max())
    if not difference <= TOLERANCE:
        raise ValueError(
            f"{path}: logits differ by {difference:.2g} from the network's; allowed is"
            f" {TOLERANCE:g}"
        )
    about = {
        "classes": own.classes,
        "dataset": own.dataset,
        "input": {
            "shape": ["batch", *model.input_shape[1:]],
            "pixels": STANDARDIZED if recipe.standardize else "RGB, divided by 255",
            "frames": f"one of every {recipe.temporal_stride}, over {recipe.span}",
            "short_side": own.short_side,
        },
        "recipe": as_dict(own.recipe),
    }
    text = json.dumps(about, indent=1, ensure_ascii=False) + "\n"
    (folder / "labels.json").write_text(text, encoding="utf-8")
    return Exported(path, difference)


def _saved_model(model: keras.Model, path: Path, clips: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    model.export(path, format="tf_saved_model", verbose=False)
    loaded = tf.saved_model.load(str(path))
    return loaded.serve(clips).numpy()


def _onnx(model: keras.Model, path: Path, clips: np.ndarray) -> np.ndarray:
    import onnxruntime

    with warnings.catch_warnings():  # from Keras' converter on NumPy 2
        warnings.simplefilter("ignore", FutureWarning)
        model.export(path, format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: clips})[0]


def _safetensors(model: keras.Model, path: Path, clips: np.ndarray) -> np.ndarray:
    from safetensors.numpy import load_file, save_file

    save_file({w.path: keras.ops.convert_to_numpy(w) for w in model.weights}, path)
    other, values = keras.models.clone_model(model), load_file(path)
    for weight in other.weights:
        weight.assign(values[weight.path])
    return keras.ops.convert_to_numpy(other(clips, training=False))


_WRITERS = {"saved_model": _saved_model, "onnx": _onnx, "safetensors": _safetensors}


#: Commands that upload a folder to each hub.
HUBS = {
    "huggingface": "hf upload OWNER/{slug} {folder}",
    "kaggle": "kaggle models create -p {folder} && kaggle models instances create -p"
    " {folder}",
}


def for_hub(network: str, hub: str, folder: Path) -> str:
    """Write a published network to a folder that a hub accepts.

    The folder holds `model.keras`, `run.json` and the model card as `README.md`. Kaggle
    also gets two metadata files; fill in their owner before the upload.

    Args:
        network: name of a published network.
        hub: "huggingface" or "kaggle".
        folder: output folder.

    Returns:
        The command that uploads it.

    Raises:
        ValueError: naming an unknown hub or network.
    """
    if hub not in HUBS:
        raise ValueError(
            f"parameter hub: received {hub!r}, allowed are {', '.join(HUBS)}"
        )
    there = networks.published()
    if network not in there:
        allowed = ", ".join(there) or networks.none_published()
        raise ValueError(f"network: received {network!r}, allowed are {allowed}")
    one = there[network]
    slug = re.sub(r"[^a-z0-9]+", "-", f"r3d-rs-{one.name}".lower()).strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    one.model().save(folder / "model.keras")
    card = cards.card(one)
    (folder / "README.md").write_text(card, encoding="utf-8")
    write_json(folder / "run.json", one.run)
    if hub == "kaggle":
        body = card.split("---\n", 2)[2].strip()
        owner = {"ownerSlug": "INSERT_OWNER_SLUG_HERE"}
        model = {
            "title": one.name,
            "slug": slug,
            "subtitle": "Video classifier from a reproducibility study of 3D ResNet-RS",
            "isPrivate": True,
            "description": body,
            "publishTime": "",
            "provenanceSources": REPOSITORY,
        }
        variation = {
            "modelSlug": slug,
            "instanceSlug": "default",
            "framework": "keras",
            "overview": body,
            "usage": f"import r3d_rs ({REPOSITORY}), then `keras.saving.load_model`",
            "licenseName": "Apache 2.0",
            "fineTunable": True,
            "trainingData": [],
        }
        for name, fields in (("model", model), ("model-instance", variation)):
            path = folder / f"{name}-metadata.json"
            text = json.dumps(owner | fields, indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")
    return HUBS[hub].format(slug=slug, folder=folder)
