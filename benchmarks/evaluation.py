"""Evaluation of a video over 30 views, from its record to its probabilities.

    .venv/bin/python benchmarks/evaluation.py

Our code and the official implementation evaluate the same video in turn, on the same
cores. See README.md beside this file.
"""

import dataclasses

import harness
import videos

from r3d_rs.recipes import recipe as recipes

SIDES = {
    "official": harness.official(),
    "ours, TensorFlow": harness.ours("tensorflow"),
}

CLASSES = 400

#: Largest allowed difference between two sides' mean views: two grey levels. The
#: official implementation decodes with a faster cosine transform, which makes these
#: videos 0.8 levels darker. It also truncates values after resizing.
APART = 2 / 255


def check(rows: list[dict]) -> None:
    """Check that all sides saw the same views and returned probabilities.

    Raises:
        RuntimeError: if not; it names the sides and what was found.
    """
    means = {row["side"]: row["views_mean"] for row in rows}
    if max(means.values()) - min(means.values()) > APART:
        raise RuntimeError(f"the views' means differ: {means}")
    totals = {row["side"]: row["value"] for row in rows}
    if any(abs(total - 1) > 1e-3 for total in totals.values()):
        raise RuntimeError(f"probabilities add up to {totals}; allowed is 1")


def main() -> None:
    """Run the benchmark."""
    parser = harness.options(__doc__, SIDES, repetitions=3, seconds=1.0)
    parser.add_argument("--size", type=int, default=256, help="pixels of the views")
    videos.add_folder(parser)
    arguments = parser.parse_args()
    recipe = dataclasses.replace(
        recipes.Recipe(), eval_size=arguments.size, precision="float32"
    )
    settings = {
        "work": "evaluation",
        "recipe": recipes.as_dict(recipe),
        "classes": CLASSES,
        "records": str(videos.make(arguments.data, videos=1)),
    }
    rows = harness.compare(
        f"RS-50, {recipe.frames}×{recipe.eval_size}², 30 views",
        "views/s",
        {name: SIDES[name] for name in arguments.sides},
        settings,
        arguments.repetitions,
        arguments.seconds,
    )
    check(rows)
    harness.write(arguments.output, "evaluation.csv", rows)


if __name__ == "__main__":
    main()
