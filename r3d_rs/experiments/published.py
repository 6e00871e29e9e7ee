"""Published runs, one row each, and the comparison of your own run with them.

`published.csv` is part of the package, so runs in Colab or from a wheel can be compared
too. `make tables` writes it from the records in `results/`.
"""

from __future__ import annotations

import csv
import io
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from r3d_rs.evaluation import interval
from r3d_rs.experiments import record, registry
from r3d_rs.files import whole_file
from r3d_rs.recipes import recipe as recipes

if TYPE_CHECKING:
    import pandas as pd

FILE = Path(__file__).with_name("published.csv")

#: Columns of the file, with their types.
COLUMNS = {
    **dict.fromkeys(("dataset", "study", "point"), str),
    **{"seed": int, "video_top1": float, "num_videos": int},
    **dict.fromkeys(("recipe_hash", "parent_hash"), str),
    **dict.fromkeys(("evaluated_ids_sha256", "scores_sha256", "backend"), str),
    **{"hours": float, "device": str},
}

#: Fewest seeds at which a point's spread is its own. With fewer, the spread is pooled
#: over the points of the dataset, as two seeds say little about a third.
OWN_SPREAD = 3

#: Most fields to name if two recipes differ.
SHOWN = 6


def rows(results: Path) -> list[dict]:
    """Return one row per record, sorted by folder and seed."""
    return [_row(run) for run in record.find(results)]


def write(results: Path, file: Path = FILE) -> Path:
    """Write the rows of all published records."""
    with whole_file(file) as part:
        part.write_text(text(results), encoding="utf-8")
    return file


def text(results: Path) -> str:
    """Return the text that the file of published records should have."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(results))
    return file.getvalue()


def read(file: Path = FILE) -> list[dict]:
    """Read the rows, with the types of `COLUMNS`; `video_top1` is from 0 to 1."""
    with file.open(encoding="utf-8", newline="") as lines:
        return [
            {name: kind(row[name]) for name, kind in COLUMNS.items()}
            for row in csv.DictReader(lines)
        ]


def runs(name: str, dataset: str, published: Sequence[dict]) -> list[dict]:
    """Return an experiment's published runs, one per seed.

    If it lacks a seed, a run of an experiment with the same recipe (`registry.SAME`)
    takes its place.
    """
    found = {
        row["seed"]: row
        for one in reversed([name, *registry.aliases(name)])
        for row in published
        if (row["dataset"], record.name(row)) == (dataset, one)
    }
    return [found[seed] for seed in sorted(found)]


def described(own: Sequence[dict]) -> str:
    """Format the mean top-1 of published runs in per cent; "" without runs."""
    return _summary(own).described() if own else ""


def devices(own: Sequence[dict]) -> str:
    """Name the processors of runs, each once, with the backend."""
    named = ("{device} ({backend})".format(**row) for row in own)
    return "; ".join(dict.fromkeys(named))


@dataclass(frozen=True, repr=False)
class Comparison:
    """A run beside the published runs of its experiment and the paper's number.

    Args:
        run: the record of the run.
        published: rows of the published runs of its experiment; may be empty.
        paper: top-1 in per cent, its dataset and its source; None if the paper has
            none.
        sentence: verdict of the comparison.
    """

    run: dict
    published: Sequence[dict]
    paper: tuple[float, str, str] | None
    sentence: str

    def table(self) -> pd.DataFrame:
        """Return up to three rows: this run, the published runs, the paper.

        The paper's accuracy has its own column, as it is measured on another dataset.
        """
        import pandas as pd  # late: `r3d-rs list` does not need it

        own, metrics = self.run["experiment"], self.run["metrics"]
        low, high = metrics["video_top1_interval"]
        lines = [
            {
                "": "your run",
                "top-1, %": f"{100 * metrics['video_top1']:.1f}",
                "95 % interval": f"{100 * low:.1f} to {100 * high:.1f}, over videos",
                "seeds": str(own["seed"]),
                "dataset": own["dataset"],
                "processor": devices([self.run]),
            }
        ]
        if self.published:
            found = _summary(self.published)
            kind = "videos" if found.seeds == 1 else "seeds"
            low, high = 100 * found.low, 100 * found.high
            lines.append(
                {
                    "": "published runs",
                    "top-1, %": f"{100 * found.mean:.1f}",
                    "95 % interval": f"{low:.1f} to {high:.1f}, over {kind}",
                    "seeds": ", ".join(str(row["seed"]) for row in self.published),
                    "dataset": own["dataset"],
                    "processor": devices(self.published),
                }
            )
        if self.paper:
            top1, dataset, source = self.paper
            lines.append(
                {
                    "": f"paper ({source})",
                    "paper's top-1, %": f"{top1:.1f}",
                    "dataset": dataset,
                }
            )
        columns = ["", "top-1, %", "95 % interval", "seeds", "paper's top-1, %"]
        table = pd.DataFrame(lines, columns=[*columns, "dataset", "processor"])
        table = table.fillna("").set_index("").rename_axis(None)
        return table.loc[:, (table != "").any()]

    def __str__(self) -> str:
        """Return the table, transposed to fit a terminal, and the sentence."""
        table = self.table()
        processors = [
            f"processor of {who}: {name}"
            for who, name in table.pop("processor").items()
            if name
        ]
        return "\n".join([table.T.to_string(), *processors, "", self.sentence])

    def __repr__(self) -> str:
        """Return the sentence, for a notebook's log."""
        return self.sentence

    def _repr_html_(self) -> str:
        return f"{self.table().to_html()}<p>{escape(self.sentence)}</p>"


def compare(run: dict, published: Sequence[dict] | None = None) -> Comparison:
    """Compare a run with the published runs of its experiment.

    Another processor changes the last bits, and so the accuracy. The sentence says
    whether the accuracy is in the 95 % prediction interval for one more seed: Student's
    t with the spread of the published seeds.

    Args:
        run: a record.
        published: rows as from `read`; None for the package's own.
    """
    published = read() if published is None else published
    place = run["experiment"]
    name, dataset = record.name(place), place["dataset"]
    own = runs(name, dataset, published)
    known = registry.all_experiments().get(name)
    sentence = _sentence(run, own, published, known)
    return Comparison(run, own, known and _paper(known, dataset), sentence)


def shown(path: Path) -> Comparison | None:
    """Compare the record in a file; return None if there is no file.

    Of several processes of a run only the first writes the record.
    """
    return compare(record.read(path)) if Path(path).exists() else None


def _summary(own: Sequence[dict]) -> record.Summary:
    """Average one or more published runs of an experiment."""
    return record.summary([row["video_top1"] for row in own], own[0]["num_videos"])


def _row(run: dict) -> dict:
    own, parent = record.recipe_hashes(run)
    return {
        **run["experiment"],
        "video_top1": run["metrics"]["video_top1"],
        "num_videos": run["metrics"]["num_videos"],
        "recipe_hash": own,
        "parent_hash": parent,
        "evaluated_ids_sha256": run["evaluated_ids_sha256"],
        "scores_sha256": run.get("scores_sha256", ""),
        "backend": run["backend"],
        "hours": round(run["wall_seconds"]["total"] / 3600, 4),
        "device": run["device"],
    }


def _paper(experiment, dataset: str) -> tuple[float, str, str] | None:
    """Return the paper's top-1 of an experiment, its dataset and its source."""
    for pair in (registry.FIRST, registry.SECOND):
        if dataset in pair and pair[1] in experiment.paper:
            return experiment.paper[pair[1]], pair[1], experiment.source
    return None


def _sentence(run: dict, own: list[dict], published: Sequence[dict], known) -> str:
    place = run["experiment"]
    dataset, top1 = place["dataset"], run["metrics"]["video_top1"]
    if not own:
        return (
            f"No run of {record.name(place)} on {dataset} is published, so there is"
            " nothing to compare with."
        )
    hashes = {(row["recipe_hash"], row["parent_hash"]) for row in own}
    if hashes != {record.recipe_hashes(run)}:
        return (
            f"Your run has another recipe than the published runs"
            f" ({_changed(run, known)}), so the accuracies cannot be compared."
        )
    if {row["evaluated_ids_sha256"] for row in own} != {run["evaluated_ids_sha256"]}:
        return (
            "Your run was evaluated on other videos than the published runs, so the"
            " accuracies cannot be compared."
        )
    twins = {row["scores_sha256"] for row in own if row["seed"] == place["seed"]}
    scores = run.get("scores_sha256", "")
    if scores and scores in twins:
        return (
            f"Your run is the published run of seed {place['seed']} to the last bit:"
            " every video has the same scores."
        )
    found = _prediction(own, published)
    if found is None:
        return "Only one run is published, so the spread over seeds is unknown."
    low, high, whose = found
    where = "within"
    if not low <= top1 <= high:
        where = "below" if top1 < low else "above"
    return (
        f"Your top-1 of {100 * top1:.1f} % is {where} the expected range: 95 % of"
        f" further runs should fall between {100 * low:.1f} and {100 * high:.1f} %,"
        f" given the spread of {whose}."
    )


def _prediction(
    own: Sequence[dict], published: Sequence[dict]
) -> tuple[float, float, str] | None:
    """Return the 95 % prediction interval for a further run, and whose spread it has.

    Without a spread, return None.
    """
    values = [row["video_top1"] for row in own]
    groups, whose = [values], f"the {len(values)} published seeds"
    if len(values) < OWN_SPREAD:
        others = [row for row in published if row["dataset"] == own[0]["dataset"]]
        by_name = itertools.groupby(sorted(others, key=record.name), record.name)
        groups = [[row["video_top1"] for row in group] for _, group in by_name]
        whose = "all published seeds of this dataset"
    if all(len(group) == 1 for group in groups):
        return None
    half = interval.prediction_half_width(groups, len(values))
    mean = statistics.fmean(values)
    return max(0.0, mean - half), min(1.0, mean + half), whose


def _changed(run: dict, known) -> str:
    """Describe how a run's recipe differs from the experiment's."""
    place = run["experiment"]
    if known is None or place["dataset"] not in known.datasets:
        return "it is not one of the study's"
    own = known.recipe(place["dataset"])
    parent = known.parent_recipe(place["dataset"])
    expected, found = recipes.as_dict(own), run["recipe"]
    fields = [
        f"{name} is {found[name]}, not {expected[name]}"
        for name in sorted(expected)
        if name in found and found[name] != expected[name]
    ]
    hashes = recipes.recipe_hash(own), recipes.recipe_hash(parent) if parent else ""
    if not fields and record.recipe_hashes(run) != hashes:
        fields = ["its parent was trained with another"]
    if len(fields) > SHOWN:
        fields = [*fields[:SHOWN], f"and {len(fields) - SHOWN} more"]
    return "; ".join(fields) or "they are of an older version"
