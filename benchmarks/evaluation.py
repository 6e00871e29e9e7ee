"""Seconds from a video's record to its probabilities over 30 views.

    .venv/bin/python benchmarks/evaluation.py

lets our evaluation, on both backends, and the official implementation's evaluate the
same video on the same cores in turn. See README.md beside this file.
"""

import contextlib
import dataclasses
from collections.abc import Mapping

import rows
import step
import videos
from turns import in_turn

from r3d_rs.recipes import recipe as recipes
from r3d_rs.report import speed

#: Ratios are to the first.
SIDES = {
    name: dataclasses.replace(step.SIDES[name], script=script)
    for name, script in {
        step.OFFICIAL: "evaluation_official.py",
        "ours, TensorFlow": "evaluation_ours.py",
        "ours, JAX": "evaluation_ours.py",
    }.items()
}

#: Columns of the seconds by what is at hand then, in the order in which it comes.
PARTS = {"views": "views_seconds", "probabilities": "seconds"}

CLASSES = 400

#: Sides that are in memory at once, some 6 to 12 GB each.
TOGETHER = 2

#: How far the means of two sides' views may be apart, two grey levels: the official
#: implementation decodes by a faster cosine transform, which makes these videos 0.8
#: darker, and truncates what it has resized.
APART = 2 / 255


def measure(
    sides: Mapping[str, step.Side],
    recipe: recipes.Recipe,
    records: str,
    repetitions: int,
    together: int = TOGETHER,
) -> list[dict]:
    """Let the sides evaluate a video in turn.

    Args:
        sides: those that take part; ratios are to the first.
        recipe: of the network and its views.
        records: folder of a record with one video.
        repetitions: how often.
        together: how many processes there are at once, of `step.groups`.

    Returns:
        A row a side and part; `median` is seconds from the beginning.

    Raises:
        RuntimeError: naming sides with different networks or views, or one whose
            probabilities do not add up to 1.
    """
    settings = {
        "recipe": recipes.as_dict(recipe),
        "classes": CLASSES,
        "records": records,
    }
    about, last, summaries = {}, {}, {part: {} for part in PARTS}
    for group in step.groups(list(sides), together):
        with contextlib.ExitStack() as stack:
            workers = step.started(stack, sides, group, settings, about)
            check_views(about)
            check_probabilities(about)
            replies = []
            for found in in_turn(workers, {name: {} for name in group}, repetitions):
                check_probabilities(found)
                replies.append(found)
                taken = (f"{name} {found[name]['seconds']:.1f} s" for name in group)
                print(
                    f"{len(replies)} of {repetitions}: {', '.join(taken)}", flush=True
                )
        for part, column in PARTS.items():
            seconds = {name: [one[name][column] for one in replies] for name in group}
            # Of the first side its own group's numbers are kept.
            summaries[part] = rows.compared(seconds) | summaries[part]
        last = replies[-1] | last
    table = []
    for part, column in PARTS.items():
        for name in sides:
            told = about[name]
            whole = {
                "peak_mb": round(last[name]["peak"] / 2**20),
                "first_seconds": told["first_seconds"],
            }
            table.append(
                {
                    "side": name,
                    "part": part,
                    **summaries[part][name],
                    **(whole if column == "seconds" else dict.fromkeys(whole)),
                    "network": recipe.model,
                    "parameters": told["parameters"],
                    "views": told["shape"][0],
                    "frames": recipe.frames,
                    "size": recipe.eval_size,
                    "versions": told["versions"],
                    **rows.machine(),
                }
            )
    return table


def check_views(about: Mapping[str, dict]) -> None:
    """See that all sides have cut the same views.

    Raises:
        RuntimeError: naming the sides, and the shapes or means of their views.
    """
    shapes = {name: told["shape"] for name, told in about.items()}
    means = {name: told["mean"] for name, told in about.items()}
    if len({tuple(shape) for shape in shapes.values()}) > 1:
        raise RuntimeError(f"the views' shapes differ: {shapes}")
    if max(means.values()) - min(means.values()) > APART:
        raise RuntimeError(f"the views' means differ: {means}")


def check_probabilities(found: Mapping[str, dict]) -> None:
    """See that all sides' probabilities add up to 1.

    Raises:
        RuntimeError: naming a side, and what they add up to.
    """
    for name, reply in found.items():
        if not abs(reply["total"] - 1) < 1e-3:
            raise RuntimeError(
                f"{name}: the probabilities add up to {reply['total']}; allowed is 1"
            )


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=3)
    rows.add_choice(parser, "sides", SIDES)
    rows.add_threads(parser)
    parser.add_argument(
        "--together",
        type=int,
        default=TOGETHER,
        help="sides in memory at once, some 6 to 12 GB each",
    )
    parser.add_argument("--size", type=int, default=256, help="of the views, pixels")
    videos.add_folder(parser)
    arguments = parser.parse_args()
    rows.use_threads(arguments.threads)

    records = videos.make(videos.Videos(videos=1, files=1), arguments.data)
    recipe = dataclasses.replace(
        recipes.Recipe(), eval_size=arguments.size, precision="float32"
    )
    table = measure(
        {name: SIDES[name] for name in arguments.sides},
        recipe,
        str(records),
        arguments.repetitions,
        arguments.together,
    )
    path = rows.write(arguments.output, "evaluation.csv", table)
    print(f"\n{speed.evaluation_table(arguments.output).to_string()}\n{path}")


if __name__ == "__main__":
    main()
