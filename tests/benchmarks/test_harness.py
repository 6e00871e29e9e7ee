"""Sides are measured in turn, and what they count must agree."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import harness

FOLDER = harness.HERE

#: A side that notes its turns; on request it ends, or has no finite loss.
SIDE = """
import sys
import worker
from pathlib import Path

def build(settings):
    if settings.get("ends"):
        sys.exit("there is no such network")
    def run(times):
        with Path(settings["turns"]).open("a") as file:
            file.write(settings["name"])
        return {"value": float(settings.get("value", 1.5))}
    counts = {"parameters": settings.get("parameters", 5)}
    return {"amount": 4, "versions": "none", "counts": counts}, run

worker.serve(build)
"""


@pytest.fixture
def side(tmp_path):
    script = tmp_path / "side.py"
    script.write_text(SIDE)

    def made(name, **settings):
        settings |= {"name": name, "turns": str(tmp_path / "turns")}
        python, environment = Path(sys.executable), {"PYTHONPATH": str(FOLDER)}
        return harness.Side(script, lambda: python, settings, environment)

    return made


def compare(*sides, repetitions=3):
    sides = {side.settings["name"]: side for side in sides}
    return harness.compare("a case", "clips/s", sides, {}, repetitions, 0.0)


def test_sides_take_turns_in_an_order_that_is_reversed(side, tmp_path):
    first, second = compare(side("a"), side("b"))
    # Each does the work once as it starts, and once to be timed.
    assert (tmp_path / "turns").read_text() == "ab" + "ab" + "ab" + "ba" + "ab"
    assert (first["side"], second["side"]) == ("a", "b")
    assert first["ratio"] == 1 and second["reference"] == "a"
    assert first["repetitions"] == 3 and first["unit"] == "clips/s"
    assert second["median"] > 0 and second["peak_mb"] > 0
    assert second["parameters"] == 5 and second["versions"] == "none"
    assert first["processor"] and first["cores"] >= 1 and first["date"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ends": True}, "there is no such network"),
        ({"value": "nan"}, "b: the value is nan"),
        ({"parameters": 6}, r"parameters differ: {'a': 5, 'b': 6}"),
    ],
)
def test_a_side_that_cannot_be_compared_stops_the_benchmark(side, settings, message):
    with pytest.raises(RuntimeError, match=message):
        compare(side("a"), side("b", **settings))


def test_a_side_that_is_killed_says_so(side):
    with harness.Worker(side("a"), {}) as worker:
        worker._process.kill()
        worker._process.wait()  # the request finds no reader
        with pytest.raises(RuntimeError, match=r"side.py .* \(out of memory\?\)"):
            worker.ask(1)


def test_a_side_ends_with_the_benchmark_that_is_killed(tmp_path, side):
    side("a")
    code = """if True:
        import pathlib, sys, time, harness
        side = harness.Side(
            sys.argv[1],
            lambda: pathlib.Path(sys.executable),
            {"name": "a", "turns": sys.argv[1] + ".turns"},
            {"PYTHONPATH": sys.argv[2]},
        )
        worker = harness.Worker(side, {})
        print(worker._process.pid, flush=True)
        time.sleep(60)
    """
    benchmark = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "side.py", FOLDER],
        env={"PYTHONPATH": f"{FOLDER}:{FOLDER.parent}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with benchmark:
        status = Path("/proc", benchmark.stdout.readline().strip(), "status")
        wait_until(lambda: "T (stopped)" in status.read_text())
        benchmark.kill()
    wait_until(lambda: not status.exists() or "Z (zombie)" in status.read_text())


def wait_until(happened):
    for _ in range(100):
        if happened():
            return
        time.sleep(0.1)
    pytest.fail("it has not happened in 10 seconds")


def test_counts_are_compared_among_the_sides_that_have_them():
    counts = {"a": {"parameters": 5}, "b": {"parameters": 5, "macs": 7}}
    assert harness.agreed(counts) == {"parameters": 5, "macs": 7}


def test_a_summary_has_quartiles_and_the_ratio_of_medians():
    found = harness.summary([2, 4, 6, 8, 10], [1, 2, 3, 4, 5])
    assert (found["low"], found["median"], found["high"]) == (4, 6, 8)
    # Both sides vary together: their ratio does not.
    assert found["ratio"] == found["ratio_low"] == found["ratio_high"] == 2
    found = harness.summary([1.0, 1.5, 2.0, 2.5, 3.0], [1.0] * 5)
    assert 1.0 <= found["ratio_low"] < found["ratio"] == 2.0 < found["ratio_high"] <= 3
