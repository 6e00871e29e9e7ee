"""What the README and the citation say is what the study has."""

import json
import re
import shlex
from pathlib import Path

from r3d_rs import paper
from r3d_rs.experiments import record
from r3d_rs.operations import exact
from r3d_rs.report import claims, editions, figures

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PLAIN = " ".join(README.split())
COMMANDS = re.findall(r"^    (\S.*?)(?:  +#.*)?$", README, re.MULTILINE)


def named(program):
    found = [shlex.split(line)[1:] for line in COMMANDS if line.startswith(program)]
    assert found
    return found


def test_exact_numbers_are_those_that_are_counted():
    counted = exact.read(ROOT / "results")["params"]
    rs50 = counted[("r3d-rs-50", 16, 256, 400)]
    assert f"R3D-RS-50 has {rs50:,} parameters" in PLAIN
    table3 = paper.table(3).set_index("point")["params_m"]["RS-50"]
    assert f"Table 3 prints {table3} million" in PLAIN
    everywhere = counted[(exact.GATING_EVERYWHERE, 16, 256, 400)]
    assert f"gives {everywhere / 1e6:.1f} million parameters" in PLAIN


def test_what_is_called_not_run_is_not_run():
    assert "Nothing has been run on Kinetics yet" in PLAIN
    runs = [run["experiment"] for run in record.find(ROOT / "results")]
    assert not any(run["dataset"].startswith("kinetics") for run in runs)


def test_verdicts_are_those_of_the_records():
    found = {claims.REPRODUCED: [], claims.INCONCLUSIVE: []}
    for statement in claims.statements(ROOT / "results"):
        if statement.primary:
            verdict = statement.verdict.partition(":")[0]
            found.setdefault(verdict, []).append(statement.pair.after)
    assert "stochastic depth helps, and so do depth, frames and RandAugment" in PLAIN
    assert sorted(found.pop(claims.REPRODUCED)) == ["ablation/RA", "ablation/SD"]
    assert "Depth alone, frames alone, the other six rows of Table 2, and all" in PLAIN
    assert len(found.pop(claims.INCONCLUSIVE)) == 9
    assert "are [planned](r3d_rs/operations/study.toml) and not decided yet" in PLAIN
    assert set(found) <= {claims.OPEN, record.NOT_RUN}


def test_no_figure_that_is_shown_is_superseded():
    """Figure 2 takes the place of the present one when its runs are there."""
    points = figures.marks(2, ROOT / "results")
    superseded = points.title.endswith(editions.SUPERSEDED)
    assert ("figure2.png" in README) != superseded


def test_files_that_are_linked_exist():
    links = re.findall(r"\]\(([^)\s]+)\)", README)
    local = [link for link in links if not link.startswith("https://")]
    assert len(local) > 8
    for link in local:
        assert (ROOT / link).is_file(), link


def test_notebooks_take_the_parameters_that_are_shown():
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", README, re.MULTILINE)
    shown = {name: set(re.findall(r"`(\w+)`", text)) for name, text in rows}
    assert set(shown) == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    for path, _, *options in named("papermill "):
        shown[Path(path).stem] |= set(options[1::3])
    for name, wanted in shown.items():
        notebook = json.loads((ROOT / f"notebooks/{name}.ipynb").read_text())
        [cell] = [
            "".join(cell["source"])
            for cell in notebook["cells"]
            if "parameters" in cell["metadata"].get("tags", [])
        ]
        assert wanted <= set(re.findall(r"^(\w+)\b.* = ", cell, re.MULTILINE)), name
