"""The page of the book that shows what the suite has found."""

import pandas as pd

from r3d_rs.report import faults
from tests.faults import licences, versions
from tests.shared.kill import ROOT

HERE = ROOT / "tests" / "faults"


def test_what_has_not_been_run_is_said(tmp_path):
    assert set(faults.table(tmp_path)["fault"]) == {"not run"}
    assert faults.memory(tmp_path).to_numpy().tolist() == [["not run"]]
    assert faults.versions(tmp_path).to_numpy().tolist() == [["not run"]]
    assert faults.licences(tmp_path).to_numpy().tolist() == [["not run"]]


def test_the_table_has_every_fault(tmp_path):
    path = faults.path(tmp_path, "killed")
    path.parent.mkdir()
    path.write_text("fault,tried,survived,lost,test\na,3,2,1,test_a\nb,4,4,0,test_b\n")
    table = faults.table(tmp_path)
    assert table.loc["killed", ["tried", "survived", "lost"]].to_numpy().tolist() == [
        ["3", "2", "1"],
        ["4", "4", "0"],
    ]
    assert (table.loc[table["fault"] == "not run", "tried"] == "-").all()


def test_a_slope_is_that_of_the_line():
    measured = pd.DataFrame(
        {"seconds": [0, 1800, 3600], "resident_mb": [100, 105, 110]}
    )
    slope, error = faults.slope(measured)
    assert abs(slope - 10) < 1e-9 and abs(error) < 1e-6


def test_every_line_of_the_results_is_of_a_test_that_there_is():
    for part in faults.PARTS:
        source = (HERE / faults.source(part)).read_text()
        path = faults.path(ROOT / "results", part)
        if path.exists():
            for row in pd.read_csv(path).to_dict("records"):
                assert f"def {row['test']}(" in source
                assert row["tried"] == row["survived"] + row["lost"]


def test_tests_are_counted_by_what_came_of_them(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="2" skipped="3"/>'
        "</testsuites>"
    )
    assert versions.counts(report) == {"passed": 3, "failed": 3, "skipped": 3}


def test_every_direct_dependency_has_a_licence():
    kept = pd.read_csv(ROOT / "results" / "faults" / "licences.csv")
    assert kept["package"].tolist() == sorted(licences.direct())
    assert not (kept["licence"] == "unknown").any()
