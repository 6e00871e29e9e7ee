"""The paper's published numbers: where they agree with each other, and where not."""

import math

import pytest

from r3d_rs import paper
from r3d_rs.recipes import points

TABLES = [paper.table(number) for number in paper.TABLES]
FIGURES = [paper.figure(number) for number in paper.FIGURES]


def cell(number, label, column):
    """Return a cell of a table by its row's label."""
    rows = paper.table(number)
    [value] = rows.loc[rows["label"] == label, column]
    return value


def top1(point):
    return points.point(point).paper_top1


def close(value):
    return pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("number", "rows"), [(2, 10), (3, 13), (4, 7), (5, 12), (6, 5)]
)
def test_every_row_is_there_and_names_its_own_place(number, rows):
    table = paper.table(number)
    kind = "column" if number == 6 else "row"
    assert list(table["source"]) == [
        f"Table {number}, {kind} {i}" for i in range(1, rows + 1)
    ]


@pytest.mark.parametrize("rows", TABLES + FIGURES)
def test_every_row_has_a_source_and_ours_have_a_model(rows):
    assert rows["source"].notna().all()
    if "model" in rows:
        ours = ~rows["quoted"] if "quoted" in rows else rows["model"].notna()
        assert ours.any()
        assert (rows["model"].notna() == ours).all()


def test_every_setting_has_a_value_and_a_section():
    for name, section in paper.settings().items():
        for key, setting in section.items():
            assert "value" in setting, f"{name}.{key}"
            assert setting["source"].startswith("§"), f"{name}.{key}"


def test_settings_of_the_text():
    settings = paper.settings()
    scratch = {name: entry["value"] for name, entry in settings["scratch"].items()}
    assert (scratch["learning_rate"], scratch["batch_size"]) == (0.8, 1024)
    assert (scratch["stochastic_depth"], scratch["weight_decay"]) == (0.2, 4e-5)
    assert settings["contrastive"]["learning_rate"]["value"] == 0.64


@pytest.mark.parametrize("number", [2, 6])
def test_printed_deltas_lead_from_row_to_row(number):
    rows = paper.table(number)
    steps = rows["top1"].diff()
    printed = rows["delta"].notna()
    assert printed.sum() == {2: 8, 6: 4}[number]
    assert steps[printed].tolist() == close(rows.loc[printed, "delta"].tolist())


def test_table_2_turns_on_one_method_a_row():
    rows = paper.table(2).set_index("row")
    methods = ["LS", "SD", "WD", "350-EP", "SJ", "SE", "D-stem"]
    for before, row in zip(["baseline", *methods], methods, strict=False):
        changed = rows.loc[row, "LS":"RA"] != rows.loc[before, "LS":"RA"]
        assert list(changed[changed].index) == [row]


def test_tables_2_and_3_agree_on_the_networks_they_share():
    rows = paper.table(2).set_index("row")
    for row, label in [
        ("baseline", "R3D-50 (baseline)"),
        ("D-stem", "R3D-RS-50"),
        ("RA", "R3D-RS-200 + RA (48↑)"),
    ]:
        for column in ("top1", "flops_b"):
            assert rows.loc[row, column] == cell(3, label, column)


def test_figure_1_agrees_with_table_3():
    table = paper.table(3).set_index("source")
    for row in paper.figure(1).itertuples():
        published = table.loc[row.source]
        assert (row.flops_b, row.top1) == (published["flops_b"], published["top1"])


def test_gains_that_the_text_names():
    rs50, rs200 = "R3D-RS-50", "R3D-RS-200"
    assert top1("RS-50") - top1("R3D-50") == close(3.8)  # §1, §4.2
    assert top1("RS-200") - top1("RS-50") == close(2.2)  # §4.2, §4.4
    assert top1("RS-270") - top1("RS-200") == close(-0.5)  # §4.4
    assert top1("RS-300") - top1("RS-200") == close(-0.7)  # §4.4
    assert top1("RS-200@f48") - top1("RS-200") == close(0.3)  # §4.2, §4.4
    baseline = cell(3, "R3D-50 (baseline)", "top5")
    assert cell(3, rs50, "top5") - baseline == close(2.7)  # §4.2
    assert cell(3, rs200, "top5") - cell(3, rs50, "top5") == close(0.7)  # §4.2


def test_pretraining_gains_that_the_text_names():
    rows = paper.table(5)
    k400, k600 = rows.loc[rows["model"] == "r3d-rs-200", "top1"]
    assert k400 - cell(3, "R3D-RS-200 + RA (48↑)", "top1") == close(2.5)
    assert k600 - cell(4, "R3D-RS-200 (48↑)", "top1") == close(0.5)


def test_where_the_text_gives_no_number_there_is_none():
    rows = paper.figure(2).set_index("point")
    empty = rows.index[rows["top1"].isna()]
    assert list(empty) == ["RS-200@f64", "RS-200@i256", "RS-200@i288"]
    notes = rows.loc[empty, "note"]
    assert notes.str.startswith("drops").tolist() == [False, True, True]


# Where the paper's numbers do not add up.


def test_figure_1s_gain_by_scaling_has_randaugment_in_it():
    scaled, rs50 = cell(3, "R3D-RS-200 + RA (48↑)", "top1"), top1("RS-50")
    assert scaled - rs50 == close(2.8)  # as the caption says
    assert top1("RS-200@f48") - rs50 == close(2.5)  # scaling alone


def test_rs_200_has_204_flops_in_table_3_and_205_in_table_4():
    assert cell(3, "R3D-RS-200", "flops_b") == 204
    assert cell(4, "R3D-RS-200", "flops_b") == 205


def test_vivit_h_has_3981_flops_on_kinetics_400_and_3891_on_600():
    rows = paper.table(5).query("label.str.startswith('ViViT-H')")
    assert rows["flops_b"].tolist() == [3981, 3891]


def test_x3d_xxl_and_x3d_xl_are_printed_with_the_same_size():
    for column in ("flops_b", "params_m"):
        assert cell(3, "X3D-XXL [14]", column) == cell(4, "X3D-XL [14]", column)


def test_self_supervised_gain_of_the_introduction_starts_at_rs_50():
    # §1 says +1.4 over the R3D baseline; in Table 6 that is RS-270 over R3D-RS-50.
    rows = paper.table(6).set_index("point")["top1"]
    assert rows["RS-270"] - rows["RS-50"] == close(1.4)
    assert "R3D-50" not in rows


def test_table_1_halves_more_often_than_its_sizes():
    rows = paper.table(1).query("part == 'architecture'").dropna(subset="output_size")
    stem = rows[rows["stage"] == "Stem"]
    assert 224 // math.prod(stem["spatial_stride"]) == 56
    assert set(stem["output_size"]) == {112}
    # §3.1 has three convolutions in the stem.
    assert len(stem) == 2
    assert paper.settings()["architecture"]["stem_convolutions"]["value"] == 3


# The loader and the points.


@pytest.mark.parametrize(("read", "number"), [(paper.table, 7), (paper.figure, 0)])
def test_an_unknown_table_or_figure_is_named(read, number):
    with pytest.raises(ValueError, match=f"is {number}; allowed are 1, 2"):
        read(number)


def test_the_points_are_those_of_figure_2_and_the_baseline():
    assert list(points.scaling()) == ["R3D-50", *paper.figure(2)["point"]]
    assert len(points.scaling()) == 11
    f48 = points.point("RS-200@f48")
    assert (f48.model, f48.span, f48.size, f48.eval_size) == (
        "r3d-rs-200",
        48,
        224,
        256,
    )
    assert f48.paper_top1 == 80.7
    i256 = points.point("RS-200@i256")
    assert (i256.span, i256.size, i256.eval_size) == (32, 256, 288)
    assert i256.paper_top1 is None


def test_points_are_plain_numbers():
    for point in points.scaling().values():
        assert {type(point.span), type(point.size), type(point.eval_size)} == {int}


def test_an_unknown_point_is_named_with_those_allowed():
    with pytest.raises(
        ValueError,
        match=r"parameter point: received 'RS-51', allowed are R3D-50, RS-50",
    ):
        points.point("RS-51")
