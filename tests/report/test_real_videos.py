"""The small experiment on real videos, of runs whose accuracies are known."""

import pandas as pd
import pytest

from r3d_rs import files
from r3d_rs.report import real_videos
from tests.shared.made_up import write

#: Accuracies of three seeds, by network and division.
TOP1 = {
    real_videos.BASELINE: [(0.2, 0.2, 0.2), (0.3, 0.3, 0.3), (0.4, 0.4, 0.4)],
    real_videos.SCRATCH: [(0.2, 0.3, 0.4), (0.3, 0.4, 0.5), (0.4, 0.5, 0.6)],
    real_videos.TUNED: [(0.5, 0.6, 0.7), (0.5, 0.6, 0.7), (0.8, 0.8, 0.8)],
}


@pytest.fixture
def results(tmp_path):
    for network, divisions in TOP1.items():
        for dataset, seeds in zip(real_videos.DATASETS, divisions, strict=True):
            write(tmp_path, network, seeds, study="finetune", dataset=dataset)
    return tabled(tmp_path)


def tabled(folder):
    (folder / "tables").mkdir(exist_ok=True)
    made = real_videos.build(folder)
    made.to_csv(folder / "tables" / "real-videos.csv", index=False)
    return folder


def test_a_row_is_a_run(results):
    runs = pd.read_csv(results / "tables" / "real-videos.csv")
    assert len(runs) == 27 and (runs["videos"] == 40).all()
    assert (runs["chance"] == 20.0).all()  # five classes of eight videos


def test_means_are_over_divisions_and_spreads_over_seeds(results):
    table = real_videos.shown(results)
    assert table.loc["R3D-RS-50, random weights"].to_list() == [
        *("30.0", "40.0", "50.0", "40.0"),
        "10.0",
        "0.1",  # a minute: 3 seconds
    ]
    assert table.loc["R3D-50, random weights", "s.d. of seeds"] == "0.0"


def test_the_last_row_is_chance(results):
    found = real_videos.shown(results).loc[real_videos.CHANCE]
    assert found.to_list() == ["20.0", "20.0", "20.0", "20.0", "-", "-"]


def test_a_gain_has_an_interval_over_divisions_that_share_videos(results):
    found = real_videos.gains(results)
    same = found.loc["R3D-RS-50 over R3D-50"]
    assert same.to_list() == [
        *("+10.0", "+10.0, +10.0, +10.0", "+10.0 to +10.0"),
        *("16 of 40", "3", "helps"),
    ]
    # 30, 20 and 30 points: s.d. 5.77, times 4.303 and the root of 1/3 + 3/7
    tuned = found.loc["pre-training on Pantomime-web"]
    assert tuned.to_list() == [
        *("+26.7", "+30.0, +20.0, +30.0", "+5.0 to +48.3"),
        *("24 of 40", "3", "helps"),
    ]


def test_the_figure_has_a_dot_a_division_and_there_is_none_without_runs(
    results, tmp_path_factory
):
    axes = real_videos.figure(results).axes[0]
    dots = [line.get_xdata().tolist() for line in axes.lines[:3]]
    assert [len(own) for own in dots] == [3, 3, 3] and dots[0] == [20.0, 30.0, 40.0]
    assert real_videos.figure(tabled(tmp_path_factory.mktemp("none"))) is None


def test_what_was_not_run_is_said(tmp_path):
    write(tmp_path, "RS-50", (0.5,), study="finetune", dataset="egogestar-0")
    tabled(tmp_path)
    table = real_videos.shown(tmp_path)
    assert table.loc["R3D-RS-50, random weights"].to_list() == [
        *("50.0", "not run", "not run", "not run", "not run"),
        "0.1",
    ]
    assert set(table.loc["R3D-50, random weights"]) == {"not run"}
    assert set(real_videos.gains(tmp_path)["ours"]) == {"not run"}
    assert set(real_videos.probes(tmp_path).to_numpy().ravel()) == {"not run"}


def test_probes_are_those_of_each_division(tmp_path):
    measured = {key: {"video_top1": 0.25} for key in real_videos.PROBES}
    files.write_json(tmp_path / "egogestar-1" / "probes.json", measured)
    table = real_videos.probes(tmp_path)
    assert table.columns[1] == "division 2, %"
    assert set(table["division 2, %"]) == {"25.0"}
    assert set(table["division 1, %"]) == {"not run"}
