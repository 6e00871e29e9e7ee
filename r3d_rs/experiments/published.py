"""The published runs, one row each, and how a person's own run compares with them.

`published.csv` is part of the package, so that a run in Colab or from a wheel can be
compared too. `make tables` writes it from the records in `results/`.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from r3d_rs.experiments import record, registry
from r3d_rs.files import whole_file
from r3d_rs.recipes import recipe as recipes

FILE = Path(__file__).with_name("published.csv")

COLUMNS = (
    *("dataset", "study", "point", "seed", "video_top1", "num_videos"),
    *("recipe_hash", "parent_hash", "evaluated_ids_sha256", "scores_sha256"),
    *("backend", "device"),
)

#: From so many seeds on the spread of a point is its own; below, it is pooled over the
#: points of its dataset, as two seeds tell little of how a third one falls.
OWN_SPREAD = 3

#: Most fields of a recipe that are named where two recipes differ.
SHOWN = 6


def rows(results: Path) -> pd.DataFrame:
    """Return one row a record, in the order of their files."""
    found = [_row(run) for run in record.find(results)]
    return pd.DataFrame(found, columns=COLUMNS)


def write(results: Path, file: Path = FILE) -> Path:
    """Write the rows of all published records."""
    with whole_file(file) as part:
        part.write_text(text(results), encoding="utf-8")
    return file


def text(results: Path) -> str:
    """Return what the file of all published records should hold."""
    file = io.StringIO()
    rows(results).to_csv(file, index=False, lineterminator="\n")
    return file.getvalue()


def read(file: Path = FILE) -> pd.DataFrame:
    """Read the rows; `seed` and `num_videos` are integers, `video_top1` is a share."""
    return pd.read_csv(file, keep_default_na=False)


def runs(
    name: str, dataset: str, published: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the published runs of an experiment, one a seed.

    Args:
        name: of the experiment, such as "scaling/RS-50"; runs of one with the same
            recipe (`registry.SAME`) serve where it has none of a seed.
        dataset: that they ran on.
        published: rows of `read`; None to read them.
    """
    table = read() if published is None else published
    table = table[table["dataset"] == dataset]
    names = table["study"] + "/" + table["point"]
    own = pd.concat([table[names == one] for one in (name, *registry.same(name))])
    return own.drop_duplicates("seed").sort_values("seed")


def described(own: pd.DataFrame) -> str:
    """Describe the mean top-1 of published runs in per cent, "" for none."""
    return "" if own.empty else _summary(own).described()


@dataclass(frozen=True, repr=False)
class Comparison:
    """A run beside the published runs of its experiment and the paper's number.

    Args:
        run: the record of the run.
        published: rows of the published runs of its experiment; may be empty.
        paper: top-1 in per cent, its dataset and its source; None where the paper has
            none.
        sentence: what the comparison says.
    """

    run: dict
    published: pd.DataFrame
    paper: tuple[float, str, str] | None
    sentence: str

    def table(self) -> pd.DataFrame:
        """Return three rows: this run, the published runs, the paper.

        The paper's accuracy has a column of its own: it is of another dataset.
        """
        own, metrics = self.run["experiment"], self.run["metrics"]
        low, high = metrics["video_top1_interval"]
        lines = [
            {
                "": "your run",
                "top-1, %": f"{100 * metrics['video_top1']:.1f}",
                "95 % interval": f"{100 * low:.1f} to {100 * high:.1f}, over videos",
                "seeds": str(own["seed"]),
                "dataset": own["dataset"],
                "processor": f"{self.run['device']} ({self.run['backend']})",
            }
        ]
        if len(self.published):
            found = _summary(self.published)
            kind = "videos" if found.seeds == 1 else "seeds"
            low, high = 100 * found.low, 100 * found.high
            devices = self.published["device"] + " (" + self.published["backend"] + ")"
            lines.append(
                {
                    "": "published runs",
                    "top-1, %": f"{100 * found.mean:.1f}",
                    "95 % interval": f"{low:.1f} to {high:.1f}, over {kind}",
                    "seeds": _listed(self.published["seed"]),
                    "dataset": own["dataset"],
                    "processor": "; ".join(dict.fromkeys(devices)),
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
        """Return the table turned and the sentence, as they fit a terminal."""
        table = self.table()
        processors = [
            f"processor of {who}: {name}"
            for who, name in table.pop("processor").items()
            if name
        ]
        return "\n".join([table.T.to_string(), *processors, "", self.sentence])

    def __repr__(self) -> str:
        """Return the sentence, for logs of a notebook."""
        return self.sentence

    def _repr_html_(self) -> str:
        return f"{self.table().to_html()}<p>{escape(self.sentence)}</p>"


def compare(run: dict, published: pd.DataFrame | None = None) -> Comparison:
    """Compare a run with the published runs of its experiment.

    Another processor gives other last bits and so another accuracy. The sentence says
    whether it is one that a further seed may have: the 95 % prediction interval of one
    more run, Student's t with the spread of the published seeds.

    Args:
        run: a record.
        published: rows of `read`; None for those of the package.
    """
    published = read() if published is None else published
    place = run["experiment"]
    name, dataset = record.name(place), place["dataset"]
    own = runs(name, dataset, published)
    known = registry.everything().get(name)
    sentence = _sentence(run, own, published, known)
    return Comparison(run, own, known and _paper(known, dataset), sentence)


def shown(path: Path) -> Comparison | None:
    """Compare a record's file; None where another process of the run writes it."""
    return compare(record.read(path)) if Path(path).exists() else None


def _summary(own: pd.DataFrame) -> record.Summary:
    """Average the published runs of an experiment, of which there is one or more."""
    return record.summary(own["video_top1"].tolist(), int(own["num_videos"].iloc[0]))


def _row(run: dict) -> tuple:
    place = run["experiment"]
    own, parent = record.recipe_hashes(run)
    return (
        *(place[name] for name in ("dataset", "study", "point", "seed")),
        run["metrics"]["video_top1"],
        run["metrics"]["num_videos"],
        *(own, parent, run["evaluated_ids_sha256"], run.get("scores_sha256", "")),
        *(run["backend"], run["device"]),
    )


def _paper(experiment, dataset: str) -> tuple[float, str, str] | None:
    """Return the paper's number of an experiment, its dataset and its source."""
    for pair in (registry.FIRST, registry.SECOND):
        if dataset in pair and pair[1] in experiment.paper:
            return experiment.paper[pair[1]], pair[1], experiment.source
    return None


def _sentence(run: dict, own: pd.DataFrame, published: pd.DataFrame, known) -> str:
    place = run["experiment"]
    dataset, top1 = place["dataset"], run["metrics"]["video_top1"]
    if own.empty:
        return (
            f"No run of {record.name(place)} on {dataset} is published, so there is"
            " nothing to compare with."
        )
    hashes = set(zip(own["recipe_hash"], own["parent_hash"], strict=True))
    if hashes != {record.recipe_hashes(run)}:
        return (
            f"Your run has another recipe than the published runs"
            f" ({_changed(run, known)}), so the accuracies cannot be compared."
        )
    if set(own["evaluated_ids_sha256"]) != {run["evaluated_ids_sha256"]}:
        return (
            "Your run was evaluated on other videos than the published runs, so the"
            " accuracies cannot be compared."
        )
    twin = own[own["seed"] == place["seed"]]
    scores = run.get("scores_sha256", "")
    if scores and scores in set(twin["scores_sha256"]):
        return (
            f"Your run is the published run of seed {place['seed']} to the last bit:"
            " every video has the same scores."
        )
    found = _prediction(own, published)
    if found is None:
        return "One run is published, and nothing tells how far seeds spread."
    low, high, whose = found
    where = "within"
    if not low <= top1 <= high:
        where = "below" if top1 < low else "above"
    return (
        f"Your top-1 of {100 * top1:.1f} % is {where} what seeds spread: 95 % of"
        f" further runs are expected between {100 * low:.1f} and {100 * high:.1f} %,"
        f" by the spread of {whose}."
    )


def _prediction(
    own: pd.DataFrame, published: pd.DataFrame
) -> tuple[float, float, str] | None:
    """Return where 95 % of further runs fall, and whose spread says so."""
    values = own["video_top1"].to_numpy()
    if len(values) >= OWN_SPREAD:
        degrees, spread = len(values) - 1, np.std(values, ddof=1)
        whose = f"the {len(values)} published seeds"
    else:
        others = published[published["dataset"] == own["dataset"].iloc[0]]
        points = others.groupby(["study", "point"])["video_top1"].agg(["size", "var"])
        freedom = points["size"] - 1
        degrees = int(freedom.sum())
        if not degrees:
            return None
        spread = np.sqrt((freedom * points["var"].fillna(0)).sum() / degrees)
        whose = "all published seeds of this dataset"
    half = special.stdtrit(degrees, 0.975) * spread * np.sqrt(1 + 1 / len(values))
    low, high = max(0.0, values.mean() - half), min(1.0, values.mean() + half)
    return float(low), float(high), whose


def _changed(run: dict, known) -> str:
    """Say in which fields a run's recipe is not the experiment's."""
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
        fields = ["what it starts from was trained by another"]
    if len(fields) > SHOWN:
        fields = [*fields[:SHOWN], f"and {len(fields) - SHOWN} more"]
    return "; ".join(fields) or "they are of an older version"


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(str(int(seed)) for seed in seeds)
