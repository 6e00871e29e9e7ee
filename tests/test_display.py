"""Tables are shown as they are written, with readable integers."""

from r3d_rs.study import display


def test_printed_digits_stay_and_large_integers_are_grouped(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("model,params,top1,views\nRS-50,48183088,78.20,\nRS-101,8000,,30\n")
    table = display.read_table(path)
    assert list(table.index) == ["RS-50", "RS-101"]
    assert table.loc["RS-50"].tolist() == ["48,183,088", "78.20", "-"]
    assert table.loc["RS-101"].tolist() == ["8000", "-", "30"]
