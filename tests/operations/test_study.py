"""The plan of the study: what it runs, in which order, and what it may take."""

import hashlib
from pathlib import Path

import pytest

from r3d_rs.experiments import registry
from r3d_rs.operations import study
from tests.shared.made_up import let_plan

FILE = Path(study.__file__).with_name("study.toml")


@pytest.fixture
def small(monkeypatch):
    return let_plan(
        monkeypatch,
        [
            ("pantomime-20", ("scaling/RS-50", "ablation/LS"), 2),
            ("pantomime-web", ("pre-training/RS-50",), 1),
            ("pantomime-20", ("scaling/RS-101",), 3),
        ],
    )


def test_a_seed_of_all_experiments_of_a_block_comes_before_the_next(small):
    assert list(small.runs()) == [
        ("pantomime-20", "scaling/RS-50", 0),
        ("pantomime-20", "ablation/LS", 0),
        ("pantomime-20", "scaling/RS-50", 1),
        ("pantomime-20", "ablation/LS", 1),
        ("pantomime-web", "pre-training/RS-50", 0),
        ("pantomime-20", "scaling/RS-101", 0),
        ("pantomime-20", "scaling/RS-101", 1),
        ("pantomime-20", "scaling/RS-101", 2),
    ]


def test_seeds_and_hours_are_those_of_the_blocks(small):
    assert small.seeds == {
        ("pantomime-20", "scaling/RS-50"): 2,
        ("pantomime-20", "ablation/LS"): 2,
        ("pantomime-web", "pre-training/RS-50"): 1,
        ("pantomime-20", "scaling/RS-101"): 3,
    }
    # Of half an hour each.
    assert [block.core_hours for block in small.blocks] == [2.0, 0.5, 1.5]


# The plan itself.


def test_the_hash_is_that_of_the_file():
    assert study.read().sha256 == hashlib.sha256(FILE.read_bytes()).hexdigest()


def test_what_is_planned_exists_under_the_name_of_its_records():
    """Two rows of Table 2 are made as points of Figure 2, and once."""
    plan, everything = study.read(), registry.all_experiments()
    runs = list(plan.runs())
    assert len(runs) == len(set(runs)) > 0
    for dataset, name in plan.seeds:
        assert dataset in everything[name].datasets, name
    for names in plan.alike:
        assert len(set(names)) == len(names) > 1
        assert all("pantomime-20" in everything[name].datasets for name in names)
    named = {name for _, name in plan.seeds} | {n for own in plan.alike for n in own}
    assert not named & set(registry.SAME)


def test_both_ends_of_a_primary_statement_have_two_runs_or_more():
    """One run gives no interval, and so no verdict."""
    plan = study.read()
    for dataset, *ends in plan.primary:
        for name in ends:
            assert plan.seeds[dataset, registry.SAME.get(name, name)] > 1


def test_what_a_run_starts_from_is_made_before_it():
    plan, made = study.read(), set()
    for dataset, name, seed in plan.runs():
        if before := registry.get(name).before(dataset):
            parent, web = before
            assert (web, parent.name, seed) in made, name
        made.add((dataset, name, seed))


def test_the_study_takes_no_more_than_its_budget():
    plan = study.read()
    assert all(minutes > 0 for block in plan.blocks for minutes in block.minutes)
    assert 0 < sum(block.core_hours for block in plan.blocks) <= plan.budget
