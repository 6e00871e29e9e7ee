"""Memory and shortest time of the paper's points on TPUs: `results/tpu/compiled.csv`.

A row is one compiled program: one step on one device. On many chips, each device runs a
copy of this program; only the sums between chips are added. Points without a row were
not compiled.
"""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import pandas as pd

from r3d_rs.experiments import parameters, record
from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.files import locked, whole_file
from r3d_rs.operations import cost
from r3d_rs.paths import study_path
from r3d_rs.recipes import points, scales, table2
from r3d_rs.recipes.recipe import Recipe
from r3d_rs.tpu import chips, compiler, plan

TRAINING, EVALUATION = "training", "evaluation"

#: Columns of `improvement`: one part identifies a program, the other is compared.
PROGRAM = ["point", "step", "slice", "clips a device", "blocks rematerialized"]
IMPROVED = ["GiB needed", "ms a step, at least", "seconds to compile"]

#: Columns of `compiled.csv` that identify a program.
KEY = ["point", "task", "topology", "clips", "rematerialize", "accumulate"]


def allowed_points() -> list[str]:
    """Return the points that a program may have: Fig. 2 and the rows of Table 2."""
    names = [*points.scaling(), "baseline", *table2.TABLE_2]
    return list(dict.fromkeys(names))  # RS-200@f48 is in both


@dataclasses.dataclass(frozen=True)
class Program:
    """A step on one device of a slice.

    Args:
        point: a name in `allowed_points`.
        task: "training" or "evaluation".
        topology: name of the slice, such as "v5e:2x2".
        clips: clips per device.
        rematerialize: whether blocks are rematerialized, as in the recipe.
        accumulate: whether gradients are summed over several micro-batches.
    """

    point: str
    task: str
    topology: str
    clips: int
    rematerialize: bool = False
    accumulate: bool = False

    def recipe(self) -> Recipe:
        """Return the paper's recipe with the program's changes.

        Raises:
            ValueError: if the point is unknown, naming those allowed.
        """
        parameters.check("point", self.point, str, allowed=allowed_points())
        if self.point in points.scaling():
            paper = scales.of_point(points.point(self.point), "paper")
        else:
            paper = table2.row(self.point)
        return dataclasses.replace(
            paper,
            rematerialize=self.rematerialize,
            micro_batches=2 if self.accumulate else 1,
        )


def path(results: Path) -> Path:
    """Return the table's path."""
    return Path(results) / "tpu" / "compiled.csv"


def read(results: Path) -> pd.DataFrame:
    """Return the table, which is empty if it was not written yet.

    Bytes and operations come from the compiler. `seconds` is the time of compiling.
    `macs` is this library's count of one clip's forward pass.
    """
    if not path(results).exists():
        return pd.DataFrame(columns=[*KEY, "fits"])
    return pd.read_csv(path(results))


def compiled_row(program: Program, results: Path) -> dict:
    """Return a program's row, and compile the program if it has none.

    The row may be in `results` or among the published rows. Compiling takes minutes.

    Raises:
        ModuleNotFoundError, ValueError: as in `compiler.compile_training`.
    """
    place = chips.topology(program.topology)
    recipe = program.recipe()
    own = dataclasses.asdict(program)
    for folder in (results, study_path("results", record.PUBLISHED)):
        rows = read(folder)
        found = rows[_is_of(rows, own)]
        if len(found):
            return found.iloc[0].to_dict()
    training = program.task == TRAINING
    size = recipe.size if training else recipe.eval_size
    macs = plan.macs(dataclasses.replace(recipe, size=size))
    compiling = compiler.compile_training if training else compiler.compile_evaluation
    result = compiling(recipe, plan.CLASSES, place, program.clips)
    row = {
        **own,
        "macs": macs,
        **dataclasses.asdict(result),
        **compiler.versions(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    path(results).parent.mkdir(parents=True, exist_ok=True)
    with locked(path(results).parent):
        rows = read(results)  # another process may have added this row or others
        others = rows[~_is_of(rows, own)]
        table = pd.DataFrame([*others.to_dict("records"), row])
        with whole_file(path(results)) as part:
            table.to_csv(part, index=False, float_format="%.10g", lineterminator="\n")
    return row


def _is_of(rows: pd.DataFrame, program: dict) -> pd.Series:
    """Return for each row whether it belongs to a program."""
    return (rows[KEY] == pd.Series(program)).all(axis=1)


def largest_batch(program: Program, results: Path, limit: int = 1024) -> dict | None:
    """Return the row with the most clips that fit, or None if not even one fits.

    If the program's clips fit, their number is doubled until they do not. Otherwise it
    is halved, rounded down, until they do. A search from a power of two finds the
    largest power of two that fits.

    Args:
        program: program to compile; the search starts from its clips.
        results: folder to look up and keep rows in.
        limit: largest number of clips to try.
    """
    best, clips = None, program.clips
    while 1 <= clips <= limit:
        row = compiled_row(dataclasses.replace(program, clips=clips), results)
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
    """Return a lower bound on a step's seconds.

    It is the longer of arithmetic and traffic, each at its peak rate. A real step takes
    longer: no program reaches either peak, and the sums between chips take time too.
    The compiler's count of the traffic is an estimate.
    """
    chip = chips.topology(row["topology"]).chip
    return chip.devices * max(
        row["flops"] / chip.flops, row["bytes_accessed"] / chip.bandwidth
    )


def is_memory_bound(row: dict) -> bool:
    """Return whether traffic, not arithmetic, determines `step_seconds`."""
    chip = chips.topology(row["topology"]).chip
    return row["bytes_accessed"] / chip.bandwidth > row["flops"] / chip.flops


def chip_hours(row: dict) -> float:
    """Return a lower bound on the chip-hours of a point's training or evaluation.

    Training covers all whole batches of all epochs. Evaluation covers all views of all
    videos.
    """
    recipe = Program(**{name: row[name] for name in KEY}).recipe()
    videos, evaluated = cost.VIDEOS[plan.DATASET]
    if row["task"] == TRAINING:
        batches = recipe.epochs * (videos // recipe.batch_size)
        clips = batches * recipe.batch_size
    else:
        clips = evaluated * recipe.temporal_views * recipe.spatial_views
    devices = chips.topology(row["topology"]).chip.devices
    return clips / row["clips"] * step_seconds(row) / devices / 3600


def fits(results: Path) -> pd.DataFrame:
    """Return the most clips per device that fit in training, by chip and program."""
    rows = read(results)
    rows = rows[(rows["task"] == TRAINING) & rows["fits"].astype(bool)]
    rows = rows.assign(chip=rows["topology"].str.partition(":")[0])
    kind = ["chip", "point", "macs", "rematerialize", "accumulate"]
    return rows.groupby(kind, as_index=False)["clips"].max()


def write_fits(results: Path) -> Path:
    """Write `fits` into the package, and return the file."""
    with whole_file(plan.FITS) as part:
        fits(results).to_csv(part, index=False, lineterminator="\n")
    return plan.FITS


def improvement(results: Path) -> pd.DataFrame:
    """Compare programs compiled before and after the network was adapted to TPUs.

    `results/tpu/before.csv` has the earlier rows. There convolutions were 2-D, each
    block was compiled separately, and all its intermediate results were kept for the
    gradient.

    Returns:
        One row per program, with memory, shortest time and seconds to compile, before
        and after.
    """
    before = pd.read_csv(path(results).with_name("before.csv")).set_index(KEY)
    after = read(results).set_index(KEY)
    rows = []
    for key in [key for key in before.index if key in after.index]:
        own = dict(zip(KEY, key, strict=True))
        pair = [own | frame.loc[key].to_dict() for frame in (before, after)]
        values = {
            "GiB needed": [f"{row['needed'] / chips.GIB:.2f}" for row in pair],
            "ms a step, at least": [f"{1000 * step_seconds(row):.1f}" for row in pair],
            "seconds to compile": [f"{row['seconds']:.0f}" for row in pair],
        }
        program = {name: _described(pair[0])[name] for name in PROGRAM}
        rows.append(program | {name: " → ".join(two) for name, two in values.items()})
    return pd.DataFrame(rows, columns=[*PROGRAM, *IMPROVED]).set_index("point")


def table(results: Path) -> pd.DataFrame:
    """Return the programs of every point as text.

    Returns:
        One row per program. A point without a program has one row, "not run". The
        points of Fig. 2 come first, in their order.
    """
    found, rows = read(results).to_dict("records"), []
    for point in dict.fromkeys([*points.scaling(), *(r["point"] for r in found)]):
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
    chip = chips.topology(row["topology"]).chip
    memory = chip.memory / chip.devices / chips.GIB
    texts = {
        "point": row["point"],
        "step": row["task"],
        "slice": row["topology"],
        "clips a device": str(row["clips"]),
        "blocks rematerialized": "yes" if row["rematerialize"] else "no",
        "micro-batches": "yes" if row["accumulate"] else "no",
        "fits": "yes" if row["fits"] else "no",
        "GiB needed": f"{row['needed'] / chips.GIB:.2f} of {memory:.4g}",
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
    """Describe a row in a few lines."""
    place = chips.topology(row["topology"])
    chip, devices = place.chip, place.chip.devices
    remat = ", blocks rematerialized" if row["rematerialize"] else ""
    parts = ", summing gradients of micro-batches" if row["accumulate"] else ""
    head = (
        f"{row['point']}, {row['task']} on {row['topology']}, {row['clips']} clips a"
        f" device{remat}{parts}"
    )
    memory = f"{chip.memory / devices / chips.GIB:.4g} GiB a device"
    if not row["fits"]:
        return (
            f"{head}\n  does not fit: needs {row['needed'] / chips.GIB:.2f} GiB, the"
            f" compiler has {row['limit'] / chips.GIB:.2f} GiB of {memory}"
        )
    sizes = ", ".join(
        f"{name} {row[name] / chips.GIB:.2f}"
        for name in ("arguments", "outputs", "temporaries")
    )
    seconds = step_seconds(row)
    what = "traffic" if is_memory_bound(row) else "arithmetic"
    clips = row["clips"]
    lines = [
        head,
        f"  memory: {row['needed'] / chips.GIB:.2f} of {memory} ({sizes})",
        f"  multiply-adds of a clip, forward: {row['macs'] / 1e9:.2f} G",
        f"  a step, by the compiler: {row['flops'] / 1e12:.3f} TFLOP,"
        f" {row['bytes_accessed'] / 1e9:.1f} GB accessed",
        f"  bound: {1000 * seconds:.1f} ms a step ({what}),"
        f" {clips * devices / seconds:.0f} clips/s per chip at most",
    ]
    hours = chip_hours(row)
    alone = place.chips == 1 or row["task"] == EVALUATION
    on_slice = "" if alone else f", {hours / place.chips:,.1f} hours on this"
    whole = "the paper's schedule" if row["task"] == TRAINING else "all views"
    lines.append(
        f"  {whole} of {row['point']}: {hours:,.1f} chip-hours at least{on_slice}"
    )
    return "\n".join(lines)
