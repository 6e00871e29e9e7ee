"""Sides that evaluate must see the same views, and give probabilities."""

import sys
from pathlib import Path

import pytest

from r3d_rs.recipes import recipe as recipes

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import evaluation
import ours
import videos

SMALL = recipes.Recipe(
    width=0.125, span=8, size=32, eval_size=32, temporal_views=2, precision="float32"
)


@pytest.mark.usefixtures("shallow")
def test_our_side_averages_the_probabilities_of_the_papers_views(tmp_path):
    records = str(videos.make(tmp_path, videos=1, frames=12))
    settings = {"recipe": recipes.as_dict(SMALL), "classes": 400, "records": records}
    about, run = ours.evaluation(settings)
    assert about["amount"] == SMALL.temporal_views * SMALL.spatial_views == 6
    assert about["counts"]["views_shape"] == [6, 4, 32, 32, 3]
    assert 0 < about["views_mean"] < 1
    assert run(1)["value"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"views_mean": 0.51}, "views' means differ"),
        ({"value": 0.95}, "probabilities add up to .*0.95"),
    ],
)
def test_other_views_and_no_probabilities_stop_the_benchmark(second, message):
    first = {"side": "a", "views_mean": 0.5, "value": 1.0}
    evaluation.check([first, {**first, "side": "b", "views_mean": 0.506}])
    with pytest.raises(RuntimeError, match=message):
        evaluation.check([first, {**first, "side": "b", **second}])
