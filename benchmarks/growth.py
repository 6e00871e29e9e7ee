"""How time and memory of a training step grow with the network and its clips.

    .venv/bin/python benchmarks/growth.py

changes depth, frames, size, batch and virtual devices of a small network, one at a
time. See README.md beside this file.
"""

import dataclasses
import operator

import pandas as pd
import rows
import step

from r3d_rs.recipes import recipe as recipes
from r3d_rs.recipes import table2
from r3d_rs.report import growth

BACKENDS = {"TensorFlow": "tensorflow", "JAX": "jax"}

#: The network that one thing at a time is changed of; a quarter of the width, so that
#: the whole takes minutes.
BASE = {"depth": 50, "frames": 16, "size": 64, "batch": 8, "devices": 1}
WIDTH, CLASSES = 0.25, 400

#: What is changed, and its values.
VARIED = {
    "depth": (50, 101, 152, 200, 300),
    "frames": (8, 16, 32),
    "size": (32, 64, 96),
    "batch": (4, 8, 16),
    "devices": (1, 2, 4),
}


def side(backend: str, devices: int) -> step.Side:
    """Return our side on a backend, on so many virtual devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return step.ours(BACKENDS[backend], devices=devices).having({"XLA_FLAGS": flags})


def case(place: dict) -> step.Case:
    """Return the training step at a place among those of `VARIED`."""
    recipe = dataclasses.replace(
        table2.of_model(f"r3d-rs-{place['depth']}"),
        width=WIDTH,
        span=2 * place["frames"],
        size=place["size"],
        precision="float32",
    )
    recipe = recipes.with_batch_size(recipe, place["batch"])
    return step.Case(recipe, CLASSES, "training", list(BACKENDS))


def merged(old: list[dict], new: list[dict]) -> list[dict]:
    """Return new rows and the older ones that have not been measured again."""
    key = operator.itemgetter("varied", "value", "side")
    again = set(map(key, new))
    both = [*(row for row in old if key(row) not in again), *new]
    return sorted(both, key=lambda row: list(VARIED).index(row["varied"]))


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=5, seconds=2.0)
    rows.add_choice(parser, "sides", BACKENDS)
    rows.add_choice(parser, "varied", VARIED)
    parser.add_argument(
        "--values", dest="only", nargs="+", type=int, help="only these of them"
    )
    arguments = parser.parse_args()

    places: dict[tuple, list[str]] = {}
    for name in arguments.varied:
        for value in VARIED[name]:
            if not arguments.only or value in arguments.only:
                place = BASE | {name: value}
                places.setdefault(tuple(place.items()), []).append(name)
    file, table = arguments.output / "benchmarks" / "growth.csv", []
    old = pd.read_csv(file).to_dict("records") if file.exists() else []
    for items, varied in places.items():
        place = dict(items)
        name = ", ".join(f"{key} {value}" for key, value in place.items())
        measured = step.measure(
            name,
            case(place),
            {one: side(one, place["devices"]) for one in arguments.sides},
            arguments.repetitions,
            arguments.seconds,
        )
        # The base belongs to all that is varied.
        table += [
            {"varied": one, "value": place[one], **row, **place}
            | {"width": WIDTH, **rows.machine()}
            for one in varied
            for row in measured
        ]
        # After each, so that what has been measured stays.
        path = rows.write(arguments.output, "growth.csv", merged(old, table))
    print(f"\n{growth.table(arguments.output).to_string()}\n{path}")


if __name__ == "__main__":
    main()
