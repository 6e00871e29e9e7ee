"""The recipes: the paper's values, the rows of Table 2, the scales, the hashes."""

import dataclasses
import itertools

import pytest

from r3d_rs import paper
from r3d_rs.recipes import contrastive, points, scales, table2
from r3d_rs.recipes.contrastive import ContrastiveRecipe
from r3d_rs.recipes.recipe import (
    PUBLISHED,
    Recipe,
    as_dict,
    difference,
    from_dict,
    recipe_hash,
    with_batch_size,
)


def test_the_default_recipe_is_the_papers():
    recipe = Recipe()
    assert recipe.frames == 16
    assert (recipe.learning_rate, recipe.batch_size, recipe.epochs) == (0.8, 1024, 350)
    assert recipe.temporal_views * recipe.spatial_views == 30
    published = Recipe(**PUBLISHED)  # the official configuration
    assert published.frames == 32 and published.temporal_stride == 2
    assert (published.stochastic_depth, published.ema_decay) == (0.1, 0.9999)


def test_the_pantomime_scale_changes_only_what_it_states():
    small = scales.at_pantomime_scale(Recipe())
    changed = difference(Recipe(), small)
    stated = {*scales.PANTOMIME, "span", "size", "eval_size", "area_range"}
    assert set(changed) == stated | {"epochs", "warmup_epochs"}
    assert small.frames == 4
    expected = {"span": (32, 20), "size": (224, 48), "eval_size": (256, 48)}
    # Three quarters of the paper's.
    expected |= {"epochs": (350, 262), "warmup_epochs": (5.0, 3.75)}
    assert changed.items() >= expected.items()


def test_the_points_of_figure_2_differ_at_the_pantomime_scale_as_in_the_paper():
    def small(name):
        return scales.of_point(points.point(name), "pantomime")

    recipes = {name: small(name) for name in points.scaling()}
    spans = [recipes[f"RS-200{at}"].span for at in ("", "@f48", "@f64")]
    assert spans == [20, 30, 40]  # of a video's 40 frames
    sizes = [recipes[f"RS-200{at}"].size for at in ("", "@i256", "@i288")]
    assert sizes == [48, 55, 62]
    for recipe in recipes.values():
        # A stride of 5 takes every fifth frame, and C5 is 2×2 in each network.
        assert recipe.frames == recipe.span / 5
        assert recipe.eval_size == recipe.size and -(-recipe.size // 32) == 2


def test_a_hash_names_a_recipe():
    same = recipe_hash(Recipe())
    assert recipe_hash(from_dict(as_dict(Recipe()) | {"span": 32})) == same
    assert recipe_hash(dataclasses.replace(Recipe(), label_smoothing=0.0)) != same
    assert recipe_hash(ContrastiveRecipe()) != same
    # How a machine divides a batch changes no number.
    assert recipe_hash(Recipe(micro_batches=2, rematerialize=True)) == same
    with pytest.raises(TypeError, match="'spam'"):
        from_dict({"spam": 1})
    with pytest.raises(TypeError, match="a recipe is '709'; allowed is an object"):
        from_dict("709")


def test_the_rate_goes_with_the_batch():
    small = with_batch_size(Recipe(), 64)
    assert (small.batch_size, small.learning_rate) == (64, pytest.approx(0.05))
    adam = Recipe(optimizer="adamw", learning_rate=0.01)
    assert with_batch_size(adam, 64).learning_rate == pytest.approx(0.01 / 4)


# Table 2.

FIELDS = {
    "LS": {"label_smoothing"},
    "SD": {"stochastic_depth"},
    "WD": {"weight_decay"},
    "350-EP": {"epochs"},
    "SJ": {"area_range"},
    "SE": {"squeeze_excitation"},
    "D-stem": {"stem"},
    "RA": {"randaugment_layers"},
    "RS-200@f48": {"model", "span"},
}
ROWS = ["baseline", *table2.TABLE_2]


def test_the_rows_are_those_of_table_2():
    assert paper.table(2)["row"].to_list() == ROWS


def test_a_row_differs_from_the_one_above_in_what_the_paper_names():
    for above, name in itertools.pairwise(ROWS):
        rows = table2.row(above), table2.row(name)
        assert set(difference(*rows)) == FIELDS[name]
        small = difference(*map(scales.at_pantomime_scale, rows))
        assert set(small) == FIELDS[name]


def test_the_rows_have_the_papers_values():
    settings = paper.settings()["scratch"]
    last = table2.row("RA")
    for name in ("label_smoothing", "stochastic_depth", "weight_decay", "epochs"):
        assert getattr(last, name) == settings[name]["value"]
    assert last.span == settings["scaled_span"]["value"]
    assert table2.row("baseline").epochs == 200


def test_toggles_are_changes_of_the_baseline():
    changed = difference(table2.row("baseline"), table2.toggled("SE", "LS"))
    assert set(changed) == {"squeeze_excitation", "label_smoothing"}
    for function in (table2.row, table2.toggled):
        with pytest.raises(ValueError, match=r"received 'SX', allowed are .*LS, SD"):
            function("SX")


def test_an_official_checkpoint_is_evaluated_as_it_was_published():
    recipe = scales.of_official(points.point("RS-50"))
    assert (recipe.frames, recipe.span, recipe.temporal_stride) == (32, 64, 2)
    assert recipe.span == PUBLISHED["span"] and recipe.precision == "float32"
    assert recipe.self_gating == "last" and recipe.eval_size == 256
    assert scales.of_official(points.point("R3D-50")).self_gating == "none"
    assert scales.of_official(points.point("RS-200@f48")).frames == 48


@pytest.mark.parametrize("stage", scales.STAGES)
def test_table_5_has_no_stages_for_your_own_videos(stage):
    message = f"'small' for stage '{stage}', allowed are paper, pantomime, tiny; 'sm"
    with pytest.raises(ValueError, match=message):
        scales.of_stage(stage, "RS-50", "small")


# Contrastive pre-training (§4.5).


def test_the_papers_values_of_pre_training():
    recipe, linear = contrastive.at_scale("r3d-rs-101", "paper")
    assert recipe.optimizer == "lars" and recipe.learning_rate == 0.64
    assert (recipe.batch_size, recipe.epochs) == (2048, 800)
    assert (linear.learning_rate, linear.batch_size, linear.epochs) == (64, 1024, 100)
    assert linear.frozen and linear.temporal_views * linear.spatial_views == 30
    assert recipe.frames == 16 and linear.frames == 32
    same = [(r.model, r.stem, r.squeeze_excitation) for r in (recipe, linear)]
    assert same[0] == same[1] == ("r3d-rs-101", "resnet-d", 0.25)
    plain, _ = contrastive.at_scale("r3d-50", "paper")
    assert (plain.stem, plain.self_gating) == ("7x7", "none")
    small, small_linear = contrastive.at_scale("r3d-rs-101", "pantomime")
    assert (small.frames, small_linear.frames) == (4, 8)  # as 16 is to 32
    assert small.size == small_linear.size == 48
    assert (small.epochs, small_linear.epochs) == (300, 75)
    assert recipe_hash(small) != recipe_hash(recipe)
