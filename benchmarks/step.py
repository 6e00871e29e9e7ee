"""Clips per second and memory of training steps and of inference.

    .venv/bin/python benchmarks/step.py

runs our networks, the official implementation's and PyTorch's on the same cores in
turn. See README.md beside this file.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import environments
import limits
import rows
from turns import Worker, steps_in_turn

from r3d_rs.recipes import points, scales
from r3d_rs.recipes import recipe as recipes
from r3d_rs.report import speed

#: What keeps a side on the processor.
NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}


@dataclasses.dataclass(frozen=True)
class Side:
    """One way to compute a network's step.

    Args:
        python: of its environment.
        script: in this folder.
        settings: besides the case's.
        environment: variables of its process.
        same: whether it is our network; counts must then agree.
    """

    python: Callable[[], Path]
    script: str
    settings: Mapping = dataclasses.field(default_factory=dict)
    environment: Mapping = dataclasses.field(default_factory=dict)
    same: bool = True

    def having(self, variables: Mapping) -> "Side":
        """Return the side with further variables of its process."""
        environment = {**self.environment, **variables}
        return dataclasses.replace(self, environment=environment)

    def start(self, settings: dict) -> Worker:
        """Start its worker, which does a first step."""
        return Worker(
            self.python(),
            self.script,
            settings | dict(self.settings),
            self.environment,
        )


def ours(backend: str, **settings) -> Side:
    """Return a side of ours on a backend of Keras."""
    return Side(
        lambda: environments.OURS,
        "step_ours.py",
        settings,
        environments.CHECKOUT | NO_GPU | {"KERAS_BACKEND": backend},
    )


def pytorch(network: str = "R3D-RS", **settings) -> Side:
    """Return a side in PyTorch."""
    return Side(
        environments.torch,
        "step_torch.py",
        {"network": network, **settings},
        NO_GPU,
        same=network == "R3D-RS",
    )


OFFICIAL = "official"
#: Ratios are to the first side of a case.
SIDES = {
    OFFICIAL: Side(
        environments.official,
        "step_official.py",
        environment=NO_GPU | {"KERAS_BACKEND": "tensorflow"},
    ),
    "ours, TensorFlow": ours("tensorflow"),
    "ours, JAX": ours("jax"),
    "3-D form, TensorFlow": ours("tensorflow", plain=True),
    "3-D form, JAX": ours("jax", plain=True),
    "PyTorch": pytorch(),
    "PyTorch, channels last": pytorch(channels_last=True),
    "PyTorchVideo SlowOnly": pytorch("SlowOnly"),
}
OF_OURS = [name for name, side in SIDES.items() if side.script == "step_ours.py"]


@dataclasses.dataclass(frozen=True)
class Case:
    """What is computed.

    Args:
        recipe: of the network; its batch and size are the case's.
        classes: of its head.
        task: "training" or "inference".
        sides: names in `SIDES`.
    """

    recipe: recipes.Recipe
    classes: int
    task: str
    sides: list[str]


def _paper(size: int, batch_size: int) -> recipes.Recipe:
    recipe = dataclasses.replace(recipes.Recipe(), size=size, precision="float32")
    return recipes.with_batch_size(recipe, batch_size)


def _pantomime(point: str) -> Case:
    recipe = scales.of_point(points.point(point), "pantomime-20")
    return Case(recipe, 20, "training", OF_OURS)


CASES = {
    "RS-50, 16×112², batch 4, training": Case(
        _paper(112, 4), 400, "training", list(SIDES)
    ),
    "RS-50, 16×112², batch 4, inference": Case(
        _paper(112, 4), 400, "inference", list(SIDES)
    ),
    "RS-50, 16×224², batch 1, inference": Case(
        _paper(224, 1), 400, "inference", list(SIDES)
    ),
    "Pantomime's RS-50, batch 32, training": _pantomime("RS-50"),
    "Pantomime's R3D-50, batch 32, training": _pantomime("R3D-50"),
}


#: Sides that are in memory at once, some 3 GB each.
TOGETHER = 4


def measure(
    name: str,
    case: Case,
    sides: Mapping[str, Side],
    repetitions: int,
    seconds: float,
    together: int = TOGETHER,
    **settings,
) -> list[dict]:
    """Measure a case's sides in turn, each in a fresh process.

    Args:
        name: of the case.
        case: what is computed.
        sides: those that take part; ratios are to the first.
        repetitions: how often.
        seconds: of a side's turn.
        together: how many processes there are at once, of `groups`.
        **settings: of the workers besides the case's.

    Returns:
        A row a side.

    Raises:
        RuntimeError: naming the sides whose parameters or multiply-adds are not those
            of the first that is our network, or whose loss is not finite.
    """
    settings |= {
        "recipe": recipes.as_dict(case.recipe),
        "classes": case.classes,
        "task": case.task,
    }
    about, measured, summaries = {}, {}, {}
    batch = case.recipe.batch_size
    for group in groups(list(sides), together):
        with contextlib.ExitStack() as stack:
            workers = started(stack, sides, group, settings, about, f"{name}: ")
            found = steps_in_turn(workers, repetitions, seconds)
        rates = {s: [batch / t for t in one["seconds"]] for s, one in found.items()}
        for side, summary in rows.compared(rates).items():
            print(f"{name}: {side}: {summary['median']:.3g} clips/s", flush=True)
        # Of the first side its own group's numbers are kept.
        measured, summaries = found | measured, rows.compared(rates) | summaries
    macs = agreed(sides, about, "macs")
    passes = 3 if case.task == "training" else 1
    table = []
    for side in sides:
        summary, one = summaries[side], measured[side]
        counted = about[side].get("macs", macs)
        table.append(
            {
                "side": side,
                "case": name,
                "task": case.task,
                **summary,
                "steps": one["steps"],
                "peak_mb": _megabytes(one["peak"]),
                "device_peak_mb": _megabytes(one["device_peak"]),
                "first_step_seconds": round(about[side]["first_step_seconds"], 2),
                "parameters": about[side]["parameters"],
                "gmacs": counted and counted / 1e9,
                "gflops": counted and 2e-9 * passes * counted * summary["median"],
                "versions": about[side]["versions"],
            }
        )
    return table


def groups(names: list[str], together: int) -> list[list[str]]:
    """Divide sides into groups of so many at most, each beginning with the first.

    Raises:
        ValueError: when groups are of less than two.
    """
    if together < 2:
        raise ValueError(f"together is {together}; allowed is an integer >= 2")
    first, others = names[0], names[1:]
    step = together - 1
    parts = [others[i : i + step] for i in range(0, len(others), step)] or [[]]
    return [[first, *part] for part in parts]


def _megabytes(count: int | None) -> int | None:
    return None if count is None else round(count / 2**20)


def started(
    stack: contextlib.ExitStack,
    sides: Mapping[str, Side],
    group: list[str],
    settings: dict,
    about: dict,
    prefix: str = "",
) -> dict[str, Worker]:
    """Start a group's workers, and see that all sides so far have the same network.

    Args:
        stack: that ends them.
        sides: all that take part.
        group: those that are started, of `groups`.
        settings: of the workers.
        about: what sides have said of themselves; those that it has not are added.
        prefix: of what is printed.

    Raises:
        RuntimeError: as `agreed` does.
    """
    workers = {}
    for side in group:
        print(f"{prefix}starting {side}", flush=True)
        workers[side] = stack.enter_context(sides[side].start(settings))
        about.setdefault(side, workers[side].about)
    for count in ("macs", "parameters"):
        agreed(sides, about, count)
    return workers


def agreed(sides: Mapping[str, Side], about: dict, name: str) -> int | None:
    """Return a count that all sides of our network that have it agree on.

    Raises:
        RuntimeError: naming the sides, and what each counts.
    """
    counts = {
        side: told[name]
        for side, told in about.items()
        if sides[side].same and name in told
    }
    if len(set(counts.values())) > 1:
        raise RuntimeError(f"{name} differ: {counts}")
    return next(iter(counts.values()), None)


def main() -> None:
    """Run the benchmark."""
    parser = rows.options(__doc__, repetitions=7, seconds=8.0)
    rows.add_choice(parser, "sides", SIDES)
    rows.add_choice(parser, "cases", CASES)
    rows.add_threads(parser)
    parser.add_argument(
        "--together",
        type=int,
        default=TOGETHER,
        help="sides in memory at once, some 3 GB each",
    )
    arguments = parser.parse_args()
    rows.use_threads(arguments.threads)

    multiplying = ["TensorFlow"]
    if any(SIDES[side].script == "step_torch.py" for side in arguments.sides):
        multiplying.append("PyTorch")
    limit = limits.multiply_rate(limits.measure(multiplying, 3, 1.0))
    print(f"Matrices are multiplied at {limit:.0f} GFLOP/s.", flush=True)
    table = []
    for name in arguments.cases:
        case = CASES[name]
        sides = {s: SIDES[s] for s in arguments.sides if s in case.sides}
        if sides:
            table += measure(
                name,
                case,
                sides,
                arguments.repetitions,
                arguments.seconds,
                arguments.together,
            )
    for row in table:
        row |= {
            "multiply_gflops": limit,
            "share": row["gflops"] and row["gflops"] / limit,
            **rows.machine(),
        }
    path = rows.write(arguments.output, "step.csv", table)
    print(f"\n{speed.step_table(arguments.output).to_string()}\n{path}")


if __name__ == "__main__":
    main()
