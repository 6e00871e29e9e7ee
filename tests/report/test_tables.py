"""The tables: what their files hold of the paper, the exact counts and the records."""

from pathlib import Path

import numpy as np
import pytest

from r3d_rs.operations import exact
from r3d_rs.report import figures, tables
from tests.shared.made_up import write

COMMITTED = Path(__file__).parents[2] / "results"


@pytest.fixture
def results(tmp_path):
    (tmp_path / "exact").symlink_to(COMMITTED / "exact")
    return tmp_path


def built(results, name, by):
    return tables.TABLES[name].build(results).set_index(by)


def test_table_3_without_runs_says_so(results):
    table = tables.TABLES["table3"].build(results)
    for column in ("pantomime_top1", "kinetics_top1"):
        assert table[column].isna().tolist() == [True] * 7 + [False] * 6
        assert set(table[column].dropna()) == {"not run"}
    assert table["exact_gmacs"].isna().tolist() == [True] * 7 + [False] * 6


def test_table_3_with_runs(results):
    write(results, "RS-50", [0.5, 0.55, 0.6])
    write(results, "RS-101", [0.5])
    write(results, "RS-200@f48", [0.6])
    table = built(results, "table3", "model")
    rs50 = table.loc["R3D-RS-50"]
    assert rs50["paper_top1"] == 78.2
    counted = ("params_m", "gmacs", "profiler_gflops")
    assert [rs50[f"exact_{name}"] for name in counted] == [48.183, 57.491, 57.594]
    assert (rs50["pantomime_top1"], rs50["pantomime_seeds"]) == (55.0, "3")
    # 4.303 · 5 / √3 is 12.42: Student's t of two degrees of freedom.
    assert (rs50["pantomime_low"], rs50["pantomime_high"]) == (42.58, 67.42)
    assert rs50["pantomime_interval"] == "t over seeds"
    assert rs50["kinetics_top1"] == rs50["pantomime_delta"] == "not run"
    assert table.loc["R3D-RS-101", "pantomime_interval"] == "Wilson over videos"
    assert table.loc["R3D-RS-101", "pantomime_delta"] == "-5.0 (3 and 1 seeds)"
    assert table.loc["R3D-RS-152", "pantomime_delta"] == "not run"
    # 48 frames without RandAugment is not this row.
    assert table.loc["R3D-RS-200 + RA (48↑)", "pantomime_top1"] == "not run"


def test_table_4_is_of_600_classes_and_pantomime_30(results):
    write(results, "RS-200@f48", [0.5, 0.6], dataset="pantomime-30")
    table = built(results, "table4", "point")
    assert table.loc["RS-200@f48", "paper_top1"] == 83.8
    assert table.loc["RS-200@f48", "pantomime_top1"] == 55.0
    assert table.loc["RS-200", "pantomime_top1"] == "not run"
    counted = exact.read(results)["params"]
    for frames, point in ((16, "RS-200"), (24, "RS-200@f48")):
        params = counted["r3d-rs-200", frames, 256, 600] / 1e6
        assert table.loc[point, "exact_params_m"] == round(params, 3)


def test_table_2_counts_the_network_of_each_row(results):
    gmacs = exact.read(results)["gmacs"].round(3)
    table = built(results, "table2", "row")["exact_gmacs"]
    assert table["baseline"] == table["SJ"] == gmacs["r3d-50", 16, 256, 400]
    assert table["SE"] == gmacs["r3d-50+se", 16, 256, 400]
    assert table["D-stem"] == gmacs["r3d-rs-50", 16, 256, 400]
    assert table["RA"] == table["RS-200@f48"] == gmacs["r3d-rs-200", 24, 256, 400]


def test_a_row_of_table_2_has_its_step_from_the_row_above(results):
    write(results, "baseline", [0.5, 0.6], "ablation")
    write(results, "LS", [0.6, 0.7], "ablation")
    steps = built(results, "table2", "row")["pantomime_delta"]
    assert steps["baseline"] == ""
    assert steps["LS"].startswith("+10.0 (")
    assert steps["SD"] == steps["RA"] == "not run"


def test_table_5_has_our_kinetics_runs_alone(results):
    write(results, "RS-200@f48", [0.8], "fine-tuning", dataset="kinetics-400")
    table = tables.TABLES["table5"].build(results)
    own = table[~table["quoted"]].set_index("dataset")
    assert own["paper_top1"].to_list() == [83.5, 84.3]
    assert own.loc["Kinetics-400", "kinetics_top1"] == 80.0
    assert own.loc["Kinetics-600", "kinetics_top1"] == "not run"
    assert table[table["quoted"]]["kinetics_top1"].isna().all()
    assert own["exact_gmacs"].notna().all()


def test_fine_tuning_is_compared_with_as_long_and_in_full_from_scratch(results):
    def rows():
        table = tables.TABLES["pretraining"].build(results)
        assert table["network"].to_list() == ["RS-50"] * 2 + ["RS-200@f48"] * 2
        assert table["dataset"].to_list() == ["pantomime-20", "pantomime-30"] * 2
        return table.to_dict("records")

    write(results, "RS-50", [0.9, 0.95])
    row, *others = rows()
    assert (row["full_top1"], row["full_seeds"]) == (92.5, "2")
    assert row["tuned_top1"] == row["short_top1"] == "not run"
    assert row["over_full"] == row["over_short"] == "not run"
    assert {other["full_top1"] for other in others} == {"not run"}
    write(results, "RS-50", [0.7, 0.75, 0.8], "fine-tuning")
    write(results, "RS-50", [0.5, 0.55, 0.6], "from-scratch")
    row, *_ = rows()
    assert (row["tuned_top1"], row["short_top1"]) == (75.0, 55.0)
    # In full there are the seeds 0 and 1 alone, and those are compared.
    gain, other = row["over_short"], row["over_full"]
    assert gain.startswith("+20.0 (") and gain.endswith(", 3 seeds)")
    assert other.startswith("-20.0 (") and other.endswith(", 2 and 3 seeds)")


def test_training_in_full_may_be_a_row_of_table_2(results):
    write(results, "RS-200@f48", [0.9], "ablation")
    table = built(results, "pretraining", ["network", "dataset"])
    assert table.loc[("RS-200@f48", "pantomime-20"), "full_top1"] == 90.0


def test_table_6_sets_random_weights_beside_the_trained(results):
    write(results, "RS-50", [0.5, 0.6], "contrastive")
    write(results, "RS-50+untrained", [0.2], "linear-evaluation")
    table = built(results, "table6", "point")
    assert table.loc["RS-270", "paper_top1"] == 67.5
    assert np.isnan(table.loc["R3D-50", "paper_top1"])
    row = table.loc["RS-50"]
    assert (row["pantomime_top1"], row["pantomime_untrained_top1"]) == (55.0, 20.0)
    assert row["kinetics_top1"] == table.loc["RS-101", "pantomime_top1"] == "not run"


def test_without_counts_the_tables_say_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="tables --exact` writes it"):
        tables.build(tmp_path)


def test_tables_and_figures_are_the_same_bytes_every_time(results):
    write(results, "RS-50", [0.5])
    paths = [*tables.build(results), *figures.build(results)]
    assert [path.relative_to(results).as_posix() for path in paths] == [
        *(f"tables/{name}.csv" for name in [*tables.TABLES, "peers", "real-videos"]),
        "figures/figure1.svg",
        "figures/figure1.png",
        "figures/figure2.svg",
        "figures/figure2.png",
    ]
    before = [path.read_bytes() for path in paths]
    again = [*tables.build(results), *figures.build(results)]
    assert [path.read_bytes() for path in again] == before
