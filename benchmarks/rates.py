"""The rates of training without labels and of linear evaluation, on validation videos.

    .venv/bin/python benchmarks/rates.py R3D-50 RS-50

The backbones are trained at each rate, and each has a linear classifier at each of its
rates. The rule was fixed before the first trial: both rates are those of the highest
accuracy on validation videos, in the mean of the networks. Where the best is the first
or last of its row, one more is tried beyond it.
"""

import argparse
import dataclasses
from pathlib import Path

import pandas as pd

DATASET = "pantomime-20"
RATES = (0.0025, 0.005, 0.01, 0.02)
LINEAR_RATES = (8.0, 32.0, 128.0)
FOLDER = Path("build/rates")


def trials(point: str, rate: float, linear_rates, seed: int = 0):
    """Train a backbone and its linear classifiers, and yield a row a classifier."""
    from r3d_rs.contrastive.pretrain import pretrain
    from r3d_rs.evaluation.multiview import evaluate
    from r3d_rs.experiments import parents, registry
    from r3d_rs.preparation import preparation
    from r3d_rs.training.fit import build, fit

    dataset = preparation.prepare(DATASET)
    experiment = registry.get(f"contrastive/{point}")
    recipe = dataclasses.replace(experiment.parent_recipe(DATASET), learning_rate=rate)
    folder = FOLDER / point / f"{rate:g}"
    backbone, history = pretrain(dataset, recipe, seed=seed, folder=folder)
    linear = experiment.recipe(DATASET)
    start = parents.of_model(backbone, point, linear).weights
    for linear_rate in linear_rates:
        own = dataclasses.replace(linear, learning_rate=linear_rate)
        model = build(own, dataset, seed=seed, start=start)
        learned = fit(model, dataset, own, seed=seed, start=start)
        found = evaluate(model, dataset, own, split="validation")
        yield {
            "network": point,
            "learning_rate": rate,
            "linear_rate": linear_rate,
            "epochs": recipe.epochs,
            "linear_epochs": own.epochs,
            "seed": seed,
            "pairs": round(100 * history.metrics["accuracy"][-1], 1),
            "linear_train": round(100 * learned.metrics["accuracy"][-1], 1),
            "validation": round(100 * float(found.correct().mean()), 1),
            "minutes": round(history.seconds / 60, 1),
        }


def main() -> None:
    """Add the trials that are missing to the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("points", nargs="+", metavar="NETWORK", help="such as RS-50")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--linear-rates", type=float, nargs="+", default=LINEAR_RATES)
    parser.add_argument("--output", type=Path, default=FOLDER / "contrastive.csv")
    arguments = parser.parse_args()
    path = arguments.output
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    for point in arguments.points:
        for rate in arguments.rates:
            done = {
                row["linear_rate"]
                for row in rows
                if (row["network"], row["learning_rate"]) == (point, rate)
            }
            left = [one for one in arguments.linear_rates if one not in done]
            for row in trials(point, rate, left) if left else ():
                rows.append(row)
                pd.DataFrame(rows).to_csv(path, index=False, lineterminator="\n")
                print(row, flush=True)


if __name__ == "__main__":
    import tensorflow as tf

    # One thread, as the study's runs.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    main()
