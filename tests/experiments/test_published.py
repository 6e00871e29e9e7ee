"""A run beside the published runs of its experiment."""

from pathlib import Path

import numpy as np
import pytest

from r3d_rs.experiments import published, record, registry
from r3d_rs.recipes import recipe as recipes
from tests.shared.made_up import made_up

RESULTS = Path(__file__).parents[2] / record.PUBLISHED


def run_of(name="scaling/RS-50", dataset="pantomime-20", seed=0, top1=0.5, **changes):
    """Return a record by the recipe that an experiment has, or one that is changed."""
    known = registry.get(name)
    own, parent = known.recipe(dataset), known.parent_recipe(dataset)
    recipe = recipes.as_dict(own) | changes
    study, point = name.split("/")
    one = made_up(point, seed, top1)
    one["experiment"] |= {"study": study, "dataset": dataset}
    one["recipe"] = recipe
    one["recipe_hash"] = "changed" if changes else recipes.recipe_hash(own)
    if parent:
        one["parent"] = {"recipe_hash": recipes.recipe_hash(parent)}
    return one | {"scores_sha256": f"of {name} {seed}"}


def rows(runs):
    return [published._row(run) for run in runs]


def test_the_packages_file_has_every_published_record():
    assert published.FILE.read_text(encoding="utf-8") == published.text(RESULTS)


def test_a_run_is_within_below_or_above_what_seeds_spread():
    table = rows(run_of(seed=i, top1=x) for i, x in enumerate((0.6, 0.62, 0.64)))
    for top1, where in ((0.66, "within"), (0.4, "below"), (0.9, "above")):
        found = published.compare(run_of(seed=7, top1=top1), table).sentence
        # Student's 4.303 for 2 degrees, s = 2 points, one more of three seeds.
        assert found == (
            f"Your top-1 of {100 * top1:.1f} % is {where} the expected range: 95 % of"
            " further runs should fall between 52.1 and 71.9 %, given the spread of the"
            " 3 published seeds."
        )


def test_one_published_seed_has_the_spread_of_its_dataset():
    one = run_of("scaling/RS-101", top1=0.7)
    alone = published.compare(run_of("scaling/RS-101", seed=1), rows([one]))
    assert alone.sentence == (
        "Only one run is published, so the spread over seeds is unknown."
    )
    others = [run_of(seed=i, top1=0.5 + 0.02 * i) for i in range(4)]
    found = published.compare(
        run_of("scaling/RS-101", seed=1, top1=0.72), rows([one, *others])
    )
    assert "within" in found.sentence
    assert "all published seeds of this dataset" in found.sentence


def test_another_recipe_is_not_compared_and_says_in_what():
    table = rows([run_of()])
    found = published.compare(run_of(seed=1, epochs=1), table).sentence
    assert found == (
        "Your run has another recipe than the published runs (epochs is 1, not 262), so"
        " the accuracies cannot be compared."
    )
    tuned = run_of("fine-tuning/RS-50")
    other = tuned | {"parent": {"recipe_hash": "another"}}
    found = published.compare(other, rows([tuned])).sentence
    assert "its parent was trained with another" in found


def test_other_videos_are_not_compared():
    found = published.compare(
        run_of() | {"evaluated_ids_sha256": "1" * 64}, rows([run_of()])
    )
    assert "evaluated on other videos" in found.sentence


def test_the_same_bits_are_named():
    one = run_of(seed=2)
    assert "the published run of seed 2 to the last bit" in (
        published.compare(one, rows([run_of(seed=1), one])).sentence
    )


def test_what_nobody_has_run_is_compared_with_the_paper_alone():
    found = published.compare(run_of(dataset="kinetics-400"), rows([]))
    assert found.sentence.startswith("No run of scaling/RS-50 on kinetics-400 is pub")
    table = found.table()
    assert table.loc["your run", "top-1, %"] == "50.0"
    [paper] = [name for name in table.index if name.startswith("paper")]
    # Never in the column of ours.
    assert table.loc[paper, "top-1, %"] == ""
    assert table.loc[paper, "paper's top-1, %"] == "78.2"


def test_toggles_that_are_no_row_of_the_paper_are_compared_with_nothing():
    one = made_up("baseline+LS+SE")
    one["experiment"] |= {"study": "ablation"}
    found = published.compare(one, rows([run_of()]))
    assert found.paper is None
    assert "nothing to compare with" in found.sentence


def test_an_experiment_has_the_published_runs_of_its_twin():
    """The baseline of Table 2 is Figure 2's R3D-50."""
    table = rows(
        [run_of("scaling/R3D-50", seed=1), run_of("ablation/baseline", seed=2)]
    )
    for name in ("scaling/R3D-50", "ablation/baseline"):
        assert [row["seed"] for row in published.runs(name, "pantomime-20", table)] == [
            1,
            2,
        ]


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_a_further_seed_falls_into_the_interval_as_often_as_it_says(seeds):
    random, runs = np.random.default_rng(0), 600
    inside = 0
    for _ in range(runs):
        own = random.normal(0.6, 0.02, seeds)
        others = random.normal(0.7, 0.02, 20)
        place = {"dataset": "pantomime-20", "study": "scaling"}
        table = [
            {**place, "point": point, "video_top1": top1}
            for point, some in (("RS-50", own), ("RS-101", others))
            for top1 in some
        ]
        low, high, _ = published._prediction(table[:seeds], table)
        inside += low <= random.normal(0.6, 0.02) <= high
    assert 0.925 <= inside / runs <= 0.975


def test_a_run_that_another_process_writes_is_not_shown(tmp_path):
    assert published.shown(tmp_path / "seed-0.json") is None
    path = record.write(made_up(), tmp_path)
    assert "your run" in str(published.shown(path))
