"""Tables are shown as they are written, with readable integers."""

from r3d_rs.report import display


def test_printed_digits_stay_and_large_integers_are_grouped(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("model,params,top1,views\nRS-50,48183088,78.20,\nRS-101,8000,,30\n")
    table = display.read_table(path)
    assert list(table.index) == ["RS-50", "RS-101"]
    assert table.loc["RS-50"].tolist() == ["48,183,088", "78.20", "-"]
    assert table.loc["RS-101"].tolist() == ["8000", "-", "30"]


def test_an_accuracy_stands_with_its_interval_and_seeds(tmp_path):
    path = tmp_path / "table3.csv"
    names = ["top1", "low", "high", "seeds", "interval", "delta"]
    head = ["model", "views", "paper_flops_b", "exact_gmacs", "exact_profiler_gflops"]
    head += ["paper_params_m", "exact_params_m", "paper_top1", "paper_top5"]
    head += [f"{d}_{name}" for d in ("pantomime", "kinetics") for name in names]
    cells = [
        "R3D-50",
        "10×3",
        "60",
        "59.456",
        "59.502",
        "38.1",
        "38.119",
        "74.4",
        "91.0",
    ]
    cells += ["61.27", "59.04", "63.5", "5", "t over seeds", ""]
    cells += ["not run", "", "", "", "", ""]
    path.write_text(f"{','.join(head)}\n{','.join(cells)}\n")
    row = display.from_scratch(path).loc["R3D-50"]
    assert row["FLOPs × views, B (paper)"] == "60×10×3"
    assert row["profiler FLOPs/2, G (ours)"] == "59.50"
    assert row["Pantomime top-1, % (ours)"] == "61.3 (59.0 to 63.5, 5 seeds)"
    assert row["Kinetics-400 top-1, % (ours)"] == "not run"
