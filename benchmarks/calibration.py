"""Test whether Pantomime is fair, with runs on a rendering no published run uses.

    .venv/bin/python benchmarks/calibration.py prepare
    r3d-rs run scaling/R3D-50 --seed 0 -p data_dir=build/calibration/data \\
      --results runs/calibration --checkpoints build/calibration/checkpoints
    .venv/bin/python benchmarks/calibration.py measure
    .venv/bin/python benchmarks/calibration.py geometry

`prepare` renders Pantomime-20 from another seed. The runs are the study's runs on that
rendering. For each finished run, `measure` adds accuracies that its record lacks: on
training videos without augmentation, and on reversed clips and single frames of unseen
videos. It also adds a ridge regression on frame differences. `geometry` compares the
growth of multiply-adds with the paper's.
"""

import argparse
import dataclasses
import functools
import itertools
from pathlib import Path

import numpy as np
import pandas as pd

#: Seed of the rendering; the study's seed is 0.
SEED = 7101
#: Folder of the rendering and of the runs' networks.
FOLDER = Path("build/calibration")
NAME = "pantomime-20"
#: Name, among the runs, of the baseline that is not a network.
RIDGE = "ridge regression"
#: Views of the accuracies that `measure` adds.
VIEWS = {"temporal_views": 2, "spatial_views": 1}


def prepare():
    """Render the videos and prepare them for training, unless that has been done."""
    from r3d_rs import pantomime
    from r3d_rs.preparation import preparation

    pantomime.make = functools.partial(pantomime.make, seed=SEED)
    return preparation.prepare(NAME, FOLDER / "data")


def hardest_pair(scores) -> tuple[float, str, str]:
    """Return the two classes that a network confuses most, by forced choice.

    Returns:
        The share of videos of either class with a larger probability for their own
        class than for the other, and the labels of both.
    """
    found = []
    for one, other in itertools.combinations(range(scores.probabilities.shape[1]), 2):
        own = scores.probabilities[scores.labels == one]
        others = scores.probabilities[scores.labels == other]
        right = [*(own[:, one] > own[:, other]), *(others[:, other] > others[:, one])]
        found.append((float(np.mean(right)), one, other))
    return min(found)


def measure(results: Path, checkpoints: Path) -> None:
    """Write `runs.csv` beside the records, one row per run with a saved network."""
    import keras

    from r3d_rs.evaluation import multiview, probes
    from r3d_rs.experiments import record, registry
    from r3d_rs.recipes import recipe as recipes

    path, dataset = results / "runs.csv", prepare()
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    done = {(row["experiment"], row["seed"], row["recipe"]) for row in rows}
    if RIDGE not in {row["experiment"] for row in rows}:
        recipe = registry.get("scaling/RS-50").recipe(NAME)
        top1 = probes.ridge_accuracy(dataset, recipe)
        rows.append({"experiment": RIDGE, "seed": 0, "unseen": percent(top1)})
    for run in record.find(results):
        own, name = run["experiment"], record.name(run["experiment"])
        network = record.place(checkpoints, **own) / "model.keras"
        if (name, own["seed"], run["recipe_hash"]) in done or not network.exists():
            continue
        recipe = recipes.from_dict(run["recipe"])
        model = keras.models.load_model(network, compile=False)
        few = dataclasses.replace(recipe, **VIEWS)
        training = multiview.evaluate(model, dataset, few, split="train")
        turned, still = (
            multiview.evaluate(
                model, dataset, few, transform=lambda x, own=own: np.asarray(own(x))
            )
            for own in (probes.reverse, probes.freeze)
        )
        share, *pair = hardest_pair(record.scores_of(results, run))
        accuracy = run["history"]["accuracy"]
        left = next((i for i, x in enumerate(accuracy, 1) if x > 0.125), None)
        rows.append(
            {
                "experiment": name,
                "seed": own["seed"],
                "recipe": run["recipe_hash"],
                "epochs": recipe.epochs,
                "train_augmented": percent(np.mean(accuracy[-3:])),
                "train": percent(training.correct().mean()),
                "unseen": percent(run["metrics"]["video_top1"]),
                "reversed": percent(turned.correct().mean()),
                "single_frames": percent(still.correct().mean()),
                "hardest_pair": " / ".join(dataset.classes[i] for i in pair),
                "pair": percent(share),
                "left_chance": left,
                "minutes": round(run["wall_seconds"]["training"] / 60, 2),
            }
        )
        pd.DataFrame(rows).to_csv(path, index=False, lineterminator="\n")
        print(rows[-1], flush=True)


#: The point from which each point of Figure 2 is scaled.
FROM = {
    "RS-50": "R3D-50",
    **dict.fromkeys(("RS-101", "RS-152", "RS-200", "RS-270", "RS-300"), "RS-50"),
    **dict.fromkeys(("RS-200@f48", "RS-200@f64"), "RS-200"),
    **dict.fromkeys(("RS-200@i256", "RS-200@i288"), "RS-200"),
}


def geometry(results: Path) -> None:
    """Write `geometry.csv`: how multiply-adds grow, at our scale and the paper's."""
    import keras

    from r3d_rs.experiments import registry
    from r3d_rs.models import complexity
    from r3d_rs.training.fit import build_model

    counted = {}
    for point in {*FROM, *FROM.values()}:
        for dataset, classes in ((NAME, 20), ("kinetics-400", 400)):
            recipe = registry.get(registry.of_point(point)).recipe(dataset)
            # Counting needs only shapes.
            with keras.StatelessScope(initialize_variables=False):
                model = build_model(recipe, classes, size=recipe.size)
            last = [w.output.shape for w in model.layers if len(w.output.shape) == 5][
                -1
            ]
            counted[point, dataset] = (complexity(model).gmacs, recipe, last[2:4])
    rows = []
    for point, before in FROM.items():
        paper, ours = (
            counted[point, dataset][0] / counted[before, dataset][0]
            for dataset in ("kinetics-400", NAME)
        )
        _, recipe, last = counted[point, NAME]
        rows.append(
            {
                "model": point,
                "from": before,
                "frames": recipe.frames,
                "span": recipe.span,
                "pixels": recipe.size,
                "C5": "×".join(map(str, last)),
                "growth, paper": round(paper, 2),
                "growth, ours": round(ours, 2),
                "off, %": round(100 * (ours / paper - 1), 1),
            }
        )
    path = results / "geometry.csv"
    pd.DataFrame(rows).to_csv(path, index=False, lineterminator="\n")
    print(path)


def percent(share: float) -> float:
    """Return a share in per cent, with one decimal."""
    return round(100 * float(share), 1)


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("prepare", "measure", "geometry"))
    parser.add_argument("--results", type=Path, default=Path("runs/calibration"))
    parser.add_argument("--checkpoints", type=Path, default=FOLDER / "checkpoints")
    arguments = parser.parse_args()
    match arguments.what:
        case "prepare":
            prepare()
        case "measure":
            measure(arguments.results, arguments.checkpoints)
        case "geometry":
            geometry(arguments.results)


if __name__ == "__main__":
    main()
