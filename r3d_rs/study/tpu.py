"""What the paper's points take on TPUs: rows of `results/tpu/compiled.csv`.

A row is one program that the compiler was asked for, of one step on one device; what
is not among them was not run. A batch of many chips is so many copies of one device's
program, but for the sums between chips.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from pathlib import Path

import pandas as pd

from r3d_rs.study import cost, experiments, record, scale
from r3d_rs.study.record import NOT_RUN
from r3d_rs.training import recipe as recipes
from r3d_rs.training import tpu
from r3d_rs.training.recipe import Recipe
from r3d_rs.whole import locked, whole_file

#: What the plan is for.
DATASET, CLASSES = "kinetics-400", 400

TRAINING, EVALUATION = "training", "evaluation"

#: What of the table decides how a run divides its batches. It is part of the package,
#: so that a notebook in Colab has it; `python -m r3d_rs plan --keep` writes it.
FITS = Path(__file__).with_name("tpu_fits.csv")

#: Clips of a device that are enough to normalize by: 1,024, the paper's batch from
#: scratch (§4.1), on 128 cores, which it names for pre-training (§4.5).
ENOUGH = 8

#: Columns that say which program a shown row is of, and what of it is compared.
PROGRAM = ["point", "step", "slice", "clips a device", "blocks rematerialized"]
IMPROVED = ["GiB needed", "ms a step, at least", "seconds to compile"]

#: What says which program a row is of.
KEY = ["point", "task", "topology", "clips", "rematerialize", "accumulate"]


@dataclasses.dataclass(frozen=True)
class Program:
    """A step for one device of a slice.

    Args:
        point: a name in `experiments.SCALING`, or of a row of Table 2, "baseline"
            included.
        task: "training" or "evaluation".
        topology: the slice, such as "v5e:2x2".
        clips: that a device sees at once.
        rematerialize: as in the recipe.
        accumulate: whether it sums gradients over several micro-batches.
    """

    point: str
    task: str
    topology: str
    clips: int
    rematerialize: bool = False
    accumulate: bool = False

    def recipe(self) -> Recipe:
        """Return the paper's recipe with what the program changes.

        Raises:
            ValueError: naming the point and those allowed.
        """
        rows = ("baseline", *recipes.TABLE_2)
        if self.point in experiments.SCALING:
            paper = scale.of_point(experiments.point(self.point), DATASET)
        elif self.point in rows:
            paper = recipes.row(self.point)
        else:
            allowed = dict.fromkeys([*experiments.SCALING, *rows])
            raise ValueError(
                f"parameter point: received {self.point!r}, allowed are"
                f" {', '.join(allowed)}"
            )
        return dataclasses.replace(
            paper,
            rematerialize=self.rematerialize,
            micro_batches=2 if self.accumulate else 1,
        )


def path(results: Path) -> Path:
    """Return the table's place."""
    return Path(results) / "tpu" / "compiled.csv"


def read(results: Path) -> pd.DataFrame:
    """Return the rows, none where there is no table.

    Bytes, operations and seconds are as the compiler says; `macs` are ours, of one clip
    forward.
    """
    if not path(results).exists():
        return pd.DataFrame(columns=[*KEY, "fits"])
    return pd.read_csv(path(results))


def compiled(program: Program, results: Path) -> dict:
    """Return a program's row; compile it, for minutes, where there is none yet.

    Published rows are taken too.

    Raises:
        ModuleNotFoundError, ValueError: as `tpu.compile_training` does.
    """
    place = tpu.topology(program.topology)
    recipe = program.recipe()
    own = dataclasses.asdict(program)
    for folder in (results, Path(record.PUBLISHED)):
        rows = read(folder)
        found = rows[_is_of(rows, own)]
        if len(found):
            return found.iloc[0].to_dict()
    training = program.task == TRAINING
    size = recipe.size if training else recipe.eval_size
    macs = _macs(dataclasses.replace(recipe, size=size))
    compiling = tpu.compile_training if training else tpu.compile_evaluation
    result = compiling(recipe, CLASSES, place, program.clips)
    row = {
        **own,
        "macs": macs,
        **dataclasses.asdict(result),
        **tpu.versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    path(results).parent.mkdir(parents=True, exist_ok=True)
    with locked(path(results).parent):
        rows = read(results)  # another process may have added some, or this one
        others = rows[~_is_of(rows, own)]
        table = pd.DataFrame([*others.to_dict("records"), row])
        with whole_file(path(results)) as part:
            table.to_csv(part, index=False, float_format="%.10g", lineterminator="\n")
    return row


def _is_of(rows: pd.DataFrame, program: dict) -> pd.Series:
    """Say for each row whether it is a program's."""
    return (rows[KEY] == pd.Series(program)).all(axis=1)


def largest(program: Program, results: Path, limit: int = 1024) -> dict | None:
    """Return the row of the most clips that fit, or None where not even one does.

    They are doubled while they fit, and halved, rounded down, until they do; from a
    power of two it is the largest one that fits.

    Args:
        program: whose clips are where the search begins.
        results: where rows are looked up and kept.
        limit: of the clips.
    """
    best, clips = None, program.clips
    while 1 <= clips <= limit:
        row = compiled(dataclasses.replace(program, clips=clips), results)
        if row["fits"]:
            best = row
            if clips < program.clips:
                break
            clips *= 2
        elif best is not None:
            break
        else:
            clips //= 2
    return best


def step_seconds(row: dict) -> float:
    """Return the least time of a step: all at peak arithmetic, or all traffic.

    What really happens takes longer: no program reaches either, the sums between chips
    come on top, and the compiler's count of the traffic is an estimate.
    """
    chip = tpu.topology(row["topology"]).chip
    return chip.devices * max(
        row["flops"] / chip.flops, row["bytes_accessed"] / chip.bandwidth
    )


def is_memory_bound(row: dict) -> bool:
    """Say whether traffic and not arithmetic gives `step_seconds`."""
    chip = tpu.topology(row["topology"]).chip
    return row["bytes_accessed"] / chip.bandwidth > row["flops"] / chip.flops


def chip_hours(row: dict) -> float:
    """Return the least chip-hours of a point's whole training, or its evaluation.

    Training is all whole batches of all epochs, evaluation all views of all videos.
    """
    recipe = Program(**{name: row[name] for name in KEY}).recipe()
    videos, evaluated = cost.VIDEOS[DATASET]
    if row["task"] == TRAINING:
        batches = recipe.epochs * (videos // recipe.batch_size)
        clips = batches * recipe.batch_size
    else:
        clips = evaluated * recipe.temporal_views * recipe.spatial_views
    devices = tpu.topology(row["topology"]).chip.devices
    return clips / row["clips"] * step_seconds(row) / devices / 3600


def micro_batches(batch_size: int, devices: int, clips: int) -> int:
    """Return the least parts of a batch of which each device sees `clips` at most.

    Raises:
        ValueError: when the devices do not divide the batch.
    """
    if batch_size % devices:
        raise ValueError(
            f"batch_size is {batch_size}, but there are {devices} devices: allowed are"
            f" multiples of {devices}"
        )
    own = batch_size // devices
    parts = math.ceil(own / clips)
    while own % parts:
        parts += 1
    return parts


def fits(results: Path) -> pd.DataFrame:
    """Return the most clips a device that were found to fit, by chip and program."""
    rows = read(results)
    rows = rows[(rows["task"] == TRAINING) & rows["fits"].astype(bool)]
    rows = rows.assign(chip=rows["topology"].str.partition(":")[0])
    kind = ["chip", "point", "macs", "rematerialize", "accumulate"]
    return rows.groupby(kind, as_index=False)["clips"].max()


def keep_fits(results: Path) -> Path:
    """Write `fits` into the package."""
    with whole_file(FITS) as part:
        fits(results).to_csv(part, index=False, lineterminator="\n")
    return FITS


def divided(
    recipe: Recipe, kind: str, devices: int, micro_batches: int, rematerialize: bool
) -> Recipe:
    """Divide a recipe's batches as wanted, or else so that they fit; see `fitted`.

    Args:
        recipe: of a run.
        kind: of the devices, as JAX calls them.
        devices: how many there are.
        micro_batches: that are wanted, 0 for any number.
        rematerialize: whether blocks are wanted rematerialized.
    """
    if not (micro_batches or rematerialize):
        return fitted(recipe, kind, devices)
    return dataclasses.replace(
        recipe, micro_batches=micro_batches or 1, rematerialize=rematerialize
    )


def fitted(recipe: Recipe, kind: str, devices: int) -> Recipe:
    """Divide a recipe's batches so that they fit a TPU's memory.

    What fits is looked up for the network with the least multiply-adds that has as many
    as the recipe's. A batch is computed at once if that fits; otherwise in as few
    micro-batches as fit, of `ENOUGH` clips a device or more. Blocks are rematerialized
    where neither is possible without. Pairs of views are two clips each, and are not
    divided, as each view has to be told from all others.

    Args:
        recipe: of a run; one with a division of its own keeps it.
        kind: of the devices, as JAX calls them.
        devices: how many there are.

    Returns:
        The recipe with its `micro_batches` and `rematerialize`, or as it was where
        nothing is known of the devices or of a network as large.
    """
    names = {chip.kind: name for name, chip in tpu.chips().items()}
    if kind not in names or recipe.micro_batches > 1 or recipe.rematerialize:
        return recipe
    rows = pd.read_csv(FITS)
    rows = rows[(rows["chip"] == names[kind]) & (rows["macs"] >= _macs(recipe))]
    rows = rows[rows["macs"] == rows["macs"].min()]
    share = recipe.batch_size * recipe.clips_per_example / devices
    for again, least in ((False, ENOUGH), (True, 1)):
        alike = rows[rows["rematerialize"] == again]
        alike = alike.groupby("accumulate")["clips"].min()  # of points as large
        if (alike >= share).any():
            return dataclasses.replace(recipe, rematerialize=again)
        if alike.get(True, 0) >= least and recipe.clips_per_example == 1:
            parts = micro_batches(recipe.batch_size, devices, int(alike[True]))
            return dataclasses.replace(recipe, rematerialize=again, micro_batches=parts)
    return recipe


def _macs(recipe: Recipe) -> int:
    import keras

    from r3d_rs.models import complexity
    from r3d_rs.training import fit

    # Counting needs shapes only.
    with keras.StatelessScope(initialize_variables=False):
        return complexity(fit.build_model(recipe, CLASSES, size=recipe.size)).macs


def improvement(results: Path) -> pd.DataFrame:
    """Return the programs that were compiled before the network's form for TPUs, too.

    Returns:
        A row a program: memory, least time and seconds to compile, before and after.
        `results/tpu/before.csv` is of 2-D convolutions, each block compiled for itself
        and all in it kept for the gradient.
    """
    before = pd.read_csv(path(results).with_name("before.csv")).set_index(KEY)
    after = read(results).set_index(KEY)
    rows = []
    for key in [key for key in before.index if key in after.index]:
        own = dict(zip(KEY, key, strict=True))
        pair = [own | frame.loc[key].to_dict() for frame in (before, after)]
        values = {
            "GiB needed": [f"{row['needed'] / tpu.GIB:.2f}" for row in pair],
            "ms a step, at least": [f"{1000 * step_seconds(row):.1f}" for row in pair],
            "seconds to compile": [f"{row['seconds']:.0f}" for row in pair],
        }
        program = {name: _described(pair[0])[name] for name in PROGRAM}
        rows.append(program | {name: " → ".join(two) for name, two in values.items()})
    return pd.DataFrame(rows, columns=[*PROGRAM, *IMPROVED]).set_index("point")


def rehearsal_path(results: Path) -> Path:
    """Return what `tests/faults/test_hosts.py` wrote of a run of several hosts."""
    return Path(results) / "tpu" / "rehearsal.json"


def rehearsal(results: Path) -> pd.DataFrame:
    """Return what happened when one of several hosts was killed, a line a fact."""
    path = rehearsal_path(results)
    facts = json.loads(path.read_text()) if path.exists() else {"rehearsal": NOT_RUN}
    return pd.DataFrame({"": {name: str(value) for name, value in facts.items()}})


def table(results: Path) -> pd.DataFrame:
    """Return what was compiled for every point of Fig. 2, and what was not.

    Returns:
        One row a program, text, in the order of the points; a point without a program
        has one row that says "not run".
    """
    found, rows = read(results).to_dict("records"), []
    for point in dict.fromkeys([*experiments.SCALING, *(r["point"] for r in found)]):
        own = [row for row in found if row["point"] == point]
        rows += [_described(row) for row in own]
        if not own:
            rows.append({"point": point, "fits": NOT_RUN})
    columns = [
        *("step", "slice", "clips a device", "blocks rematerialized", "micro-batches"),
        *("fits", "GiB needed", "TFLOP a step", "GB accessed"),
        *("ms a step, at least", "chip-hours, at least"),
    ]
    names = [row.pop("point") for row in rows]
    return pd.DataFrame(rows, index=names, columns=columns).fillna("-")


def _described(row: dict) -> dict[str, str]:
    chip = tpu.topology(row["topology"]).chip
    memory = chip.memory / chip.devices / tpu.GIB
    texts = {
        "point": row["point"],
        "step": row["task"],
        "slice": row["topology"],
        "clips a device": str(row["clips"]),
        "blocks rematerialized": "yes" if row["rematerialize"] else "no",
        "micro-batches": "yes" if row["accumulate"] else "no",
        "fits": "yes" if row["fits"] else "no",
        "GiB needed": f"{row['needed'] / tpu.GIB:.2f} of {memory:.4g}",
    }
    if row["fits"]:
        texts |= {
            "TFLOP a step": f"{row['flops'] / 1e12:.2f}",
            "GB accessed": f"{row['bytes_accessed'] / 1e9:.1f}",
            "ms a step, at least": f"{1000 * step_seconds(row):.1f}",
            "chip-hours, at least": f"{chip_hours(row):,.1f}",
        }
    return texts


def report(row: dict) -> str:
    """Describe a row in some lines."""
    place = tpu.topology(row["topology"])
    chip, devices = place.chip, place.chip.devices
    remat = ", blocks rematerialized" if row["rematerialize"] else ""
    parts = ", summing gradients of micro-batches" if row["accumulate"] else ""
    head = (
        f"{row['point']}, {row['task']} on {row['topology']}, {row['clips']} clips a"
        f" device{remat}{parts}"
    )
    memory = f"{chip.memory / devices / tpu.GIB:.4g} GiB a device"
    if not row["fits"]:
        return (
            f"{head}\n  does not fit: needs {row['needed'] / tpu.GIB:.2f} GiB, the"
            f" compiler has {row['limit'] / tpu.GIB:.2f} GiB of {memory}"
        )
    sizes = ", ".join(
        f"{name} {row[name] / tpu.GIB:.2f}"
        for name in ("arguments", "outputs", "temporaries")
    )
    seconds = step_seconds(row)
    what = "traffic" if is_memory_bound(row) else "arithmetic"
    clips = row["clips"]
    lines = [
        head,
        f"  memory: {row['needed'] / tpu.GIB:.2f} of {memory} ({sizes})",
        f"  multiply-adds of a clip, forward: {row['macs'] / 1e9:.2f} G",
        f"  a step, by the compiler: {row['flops'] / 1e12:.3f} TFLOP,"
        f" {row['bytes_accessed'] / 1e9:.1f} GB accessed",
        f"  bound: {1000 * seconds:.1f} ms a step ({what}),"
        f" {clips * devices / seconds:.0f} clips/s and chip at most",
    ]
    hours = chip_hours(row)
    alone = place.chips == 1 or row["task"] == EVALUATION
    chips = "" if alone else f", {hours / place.chips:,.1f} hours on this"
    whole = "the paper's schedule" if row["task"] == TRAINING else "all views"
    lines.append(
        f"  {whole} of {row['point']}: {hours:,.1f} chip-hours at least{chips}"
    )
    return "\n".join(lines)
