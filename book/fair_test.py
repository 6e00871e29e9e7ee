"""Criteria of a fair test, beside the measurements of the calibration runs."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from r3d_rs.experiments.record import NOT_RUN
from r3d_rs.report import comparison

#: Names of the runs, with their titles on the page, in the order of Table 2.
ROWS = {
    "scaling/R3D-50": "R3D-50 baseline",
    "ablation/WD": "+ label smoothing, stochastic depth, less weight decay",
    "ablation/SJ": "+ longer training, scale jittering",
    "scaling/RS-50": "+ squeeze-excitation, ResNet-D stem: R3D-RS-50",
    "ablation/baseline+LS+SD+WD+350-EP+SJ+SE+D-stem+RA": "+ RandAugment",
    "scaling/RS-200": "R3D-RS-200",
}
BASELINE, FULL = "scaling/R3D-50", "scaling/RS-50"
NETWORKS = {BASELINE: "R3D-50", FULL: "R3D-RS-50"}
PROBES = {"reversed": "Reversed clips", "single_frames": "Single frames"}


def read(folder: Path) -> pd.DataFrame:
    """Read `runs.csv` of a folder of calibration runs, or return an empty table."""
    if not (folder / "runs.csv").exists():
        return pd.DataFrame(columns=["experiment", "seed", "unseen"])
    return pd.read_csv(folder / "runs.csv")


def networks(folder: Path) -> pd.DataFrame:
    """Return the accuracies of every network over its seeds, a row a network."""
    runs, rows = read(folder), {}
    for name, title in ROWS.items():
        own = runs[runs["experiment"] == name]
        if own.empty:
            continue
        rows[title] = {
            "seeds": len(own),
            "training videos, %": _mean(own["train"]),
            "unseen videos, %": _mean(own["unseen"]),
            "reversed, %": _mean(own["reversed"]),
            "s.d.": f"{own['unseen'].std():.1f}" if len(own) > 1 else "-",
            "of each seed": ", ".join(f"{top1:.1f}" for top1 in own["unseen"]),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def gains(folder: Path, dataset: str = "pantomime-20") -> pd.DataFrame:
    """Return each network's gain over the one above, with the book's statistics."""
    names = list(ROWS)[:5]
    pairs = {ROWS[ends[1]]: ends for ends in itertools.pairwise(names)}
    pairs["all from R3D-50 to R3D-RS-50"] = (BASELINE, FULL)
    rows = {
        title: comparison.between(folder, dataset, *ends)
        for title, ends in pairs.items()
    }
    return pd.Series(rows, name="gain in points (95 % interval, alone)").to_frame()


def criteria(folder: Path) -> pd.DataFrame:
    """Return the criteria, what was measured, and whether they are met.

    Args:
        folder: folder of the runs, with `geometry.csv` beside `runs.csv`. Runs with
            1.75 times the steps are in its folder `longer`.
    """
    runs, longer = read(folder), read(folder / "longer")
    own = {name: group for name, group in runs.groupby("experiment")}
    rows = []

    def add(letter, criterion, wanted, measured, met):
        said = "-" if measured == NOT_RUN else "yes" if met else "no"
        rows.append((letter, criterion, wanted, measured, said))

    train, unseen = own[BASELINE]["train"].mean(), own[BASELINE]["unseen"].mean()
    add("a", "R3D-50 fits its videos", "97 % or more", f"{train:.1f} %", train >= 97)
    met = 40 <= unseen <= 75
    add("a", "and has room on unseen ones", "40 to 75 %", f"{unseen:.1f} %", met)
    for name, title in NETWORKS.items():
        both = own[name].merge(longer[longer["experiment"] == name], on="seed")
        gain = (both["unseen_y"] - both["unseen_x"]).mean()
        seeds = f"{len(both)} seed{'s' * (len(both) > 1)}"
        measured = f"{gain:+.1f} points, {seeds}" if len(both) else NOT_RUN
        criterion = f"1.75 times the steps change {title} little"
        add("a", criterion, "less than 1.5 points", measured, abs(gain) < 1.5)
    means = runs.dropna(subset="train").groupby("experiment")["unseen"].mean()
    best = own[means.idxmax()]
    top = f"{means.max():.1f} %"
    add("b", "The best network has headroom", "92 % or less", top, means.max() <= 92)
    worst = best.loc[best["pair"].idxmin()]
    measured = f"{worst['pair']:.1f} % ({worst['hardest_pair']})"
    met = worst["pair"] >= 80
    add("b", "It tells each pair of classes apart", "80 % or more", measured, met)
    growth = pd.read_csv(folder / "geometry.csv").set_index("model")["off, %"]
    growth = growth.drop("RS-50").abs()
    measured = f"{growth.max():.1f} % off ({growth.idxmax()})"
    met = growth.max() <= 15
    add("c", "Multiply-adds grow as in the paper", "15 % off or less", measured, met)
    for name, title in NETWORKS.items():
        spread = own[name]["unseen"].std()
        measured = f"{spread:.1f} points, {len(own[name])} seeds"
        measured = NOT_RUN if len(own[name]) < 2 else measured
        met = spread <= 1.5
        add("d", f"Seeds of {title} agree", "s.d. of 1.5 points or less", measured, met)
    both = runs[runs["experiment"].isin(NETWORKS)]
    probes = {title: both[column].max() for column, title in PROBES.items()}
    ridge = "Ridge regression on frame differences"
    probes[ridge] = own["ridge regression"]["unseen"].item()
    for title, top1 in probes.items():
        measured, met = f"{top1:.1f} %", top1 < unseen / 2
        add(
            "e", f"{title}: far less accuracy", "less than R3D-50's half", measured, met
        )
    minutes = own[FULL]["minutes"].median()
    measured = f"{minutes:.1f} minutes, the median"
    add(
        "f", "A core trains R3D-RS-50 fast", "6 minutes or less", measured, minutes <= 6
    )
    return pd.DataFrame(
        rows, columns=["", "criterion", "wanted", "measured", "met"]
    ).set_index("")


def unmet(folder: Path) -> str:
    """Return the letters of the criteria that are not met, such as "a, b and d"."""
    table = criteria(folder)
    letters = list(dict.fromkeys(table.index[table["met"] == "no"]))
    if len(letters) < 2:
        return "".join(letters) or "none"
    return f"{', '.join(letters[:-1])} and {letters[-1]}"


def half(folder: Path, seeds: int) -> float:
    """Return half the width of a gain's 95 % interval, in points.

    The spread is pooled from the baseline and R3D-RS-50.
    """
    runs = read(folder).query("experiment in [@BASELINE, @FULL]")
    own = runs.groupby("experiment")["unseen"]
    variance = (own.var() * (own.count() - 1)).sum() / (own.count() - 1).sum()
    return float(stats.t.ppf(0.975, 2 * seeds - 2) * np.sqrt(2 * variance / seeds))


def blocks(folder: Path) -> dict[str, str]:
    """Test whether seeds are blocks, over the networks that have seeds 0 to 2.

    Returns:
        The number of networks, F of the seeds in an analysis of variance by network and
        seed, its p, and the residual standard deviation with seeds as blocks and
        without.
    """
    runs = read(folder).dropna(subset="train").query("seed < 3")
    top1 = runs.pivot_table("unseen", "experiment", "seed").dropna()
    rest = top1.sub(top1.mean(axis=1), axis=0)
    seeds, left = rest.mean(), rest - rest.mean()
    networks, columns = top1.shape
    degrees = (columns - 1, (networks - 1) * (columns - 1))
    of_seeds = networks * (seeds**2).sum() / degrees[0]
    of_rest = (left**2).to_numpy().sum() / degrees[1]
    without = (rest**2).to_numpy().sum() / (networks * (columns - 1))
    f = of_seeds / of_rest
    return {
        "networks": str(networks),
        "f": f"{f:.1f}",
        "f_p": f"{stats.f.sf(f, *degrees):.2f}",
        "with_blocks": f"{np.sqrt(of_rest):.1f}",
        "without_blocks": f"{np.sqrt(without):.1f}",
    }


def _mean(values: pd.Series) -> str:
    return f"{values.mean():.1f}"
