"""Figures 1 and 2: which points they have, and that their names can be read."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Annotation

from r3d_rs import paper
from r3d_rs.evaluation.interval import wilson_interval
from r3d_rs.report import figures
from tests.shared.made_up import write

COMMITTED = Path(__file__).parents[2] / "results"


@pytest.fixture
def results(tmp_path):
    (tmp_path / "exact").symlink_to(COMMITTED / "exact")
    return tmp_path


def texts(axes):
    return " ".join(text.get_text() for text in axes.texts).replace("\n", " ")


def drawn(axes):
    """Return where the points of a panel are, by their names."""
    return {
        line.get_gid().partition("-")[2]: line.get_xydata().tolist()[0]
        for line in axes.lines
        if "-" in (line.get_gid() or "")
    }


def test_figure_2_names_the_points_that_have_no_value(results):
    write(results, "RS-50", [0.5])
    left, right = figures.figure(2, results).axes
    assert "not given: RS-200@f64, RS-200@i256, RS-200@i288" in texts(left)
    assert "not run: RS-101, RS-152" in texts(right)
    assert len(drawn(left)) == 7
    assert drawn(right) == {"RS-50": [0.25, 50.0]}
    [[[(_, low), (_, high)]]] = [bar.get_segments() for bar in right.collections]
    expected = [100 * share for share in wilson_interval(20, 40)]
    assert [low, high] == pytest.approx(expected)


def test_figure_1_has_the_quoted_networks_and_the_step_of_3_8_points(results):
    write(results, "RA", [0.5, 0.6], "ablation")
    left, right = figures.figure(1, results).axes
    points = drawn(left)
    assert points["SlowFast, R101"] == [213.0, 78.9]
    assert points["RS-50"][1] - points["R3D-50"][1] == pytest.approx(3.8)
    # RandAugment's row of Table 2 is the figure's last point.
    assert drawn(right) == {"RS-200@f48+RA": [0.25, pytest.approx(55)]}


def test_our_panel_says_whose_records_it_shows(results):
    assert figures.figure(2, results).axes[1].get_title() == "ours, pantomime-20"
    points = figures.marks(2, results)
    assert (points.ours, len(points.published), points.root) == ([], 7, results)
    assert points.absent[:2] == ["RS-50", "RS-101"] and len(points.absent) == 10
    assert points.missing == ["RS-200@f64", "RS-200@i256", "RS-200@i288"]


@pytest.fixture
def first_edition(results):
    """Return a folder with all runs of the first edition as if they were the last."""
    for folder in (COMMITTED / "first-edition").glob("pantomime-*"):
        (results / folder.name).symlink_to(folder)
    return results


@pytest.mark.parametrize("number", paper.FIGURES)
@pytest.mark.parametrize("published", [True, False])
def test_names_are_whole_and_hide_neither_points_nor_each_other(
    first_edition, number, published
):
    """In what is published, and where all points of ours are there in any case."""
    results = COMMITTED if published else first_edition
    for axes in figures.figure(number, results).axes:
        names = [text for text in axes.texts if isinstance(text, Annotation)]
        assert len(names) == len(drawn(axes))
        assert published or len(names) > 5
        if not names:
            continue
        boxes = [name.get_window_extent() for name in names]
        points = axes.transData.transform([name.xy for name in names])
        assert all(box.count_contains(points) == 0 for box in boxes)
        assert all(box.count_overlaps(boxes) == 1 for box in boxes)  # itself
        figure = axes.get_figure().bbox
        assert all(figure.fully_containsx(x) for box in boxes for x in box.intervalx)
        bars = [bar for drawn in axes.collections for bar in drawn.get_segments()]
        for bar in map(axes.transData.transform, bars if number == 2 else ()):
            along = np.linspace(*bar, 100)
            assert all(box.count_contains(along) == 0 for box in boxes)


def test_figure_2_has_short_names(results):
    write(results, "RS-200@f48", [0.5, 0.6])
    left, right = figures.figure(2, results).axes
    named = {text.get_text() for text in left.texts if isinstance(text, Annotation)}
    assert named == {"50", "101", "152", "200", "270", "300", "f48"}
    assert right.texts[-1].get_text() == "f48"
