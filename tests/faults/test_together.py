"""At the same time: two runs of one point, two engines, tables while records come."""

import contextlib
import os
import signal
import sys
import time

import pytest

from r3d_rs.experiments import record
from r3d_rs.report import figures, tables
from r3d_rs.training.checkpoints import RunningError
from tests.faults import test_killed
from tests.faults.test_killed import outcome, tree
from tests.shared import kill, tiny_run
from tests.shared.made_up import made_up, made_up_scores
from tests.shared.tally import LONG, random, tallied, times
from tests.shared.tiny import write_videos

pytestmark = pytest.mark.slow

PART = "together"


def do(data_dir, folder):
    """Do a run; that another is at it is an expected failure."""
    try:
        tiny_run.do(data_dir, folder)
    except RunningError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def test_two_runs_of_a_point(tmp_path):
    """One is told that the other is at it, or both end, with one whole record."""
    data_dir = tiny_run.make_data(tmp_path / "data")
    length = kill.seconds(do, data_dir, tmp_path / "whole")
    expected, generator = outcome(tmp_path / "whole"), random("two runs")
    fault = "two runs of one point"
    with tallied(PART, fault, "test_two_runs_of_a_point") as tally:
        for number in range(times(1, 10)):
            folder = tmp_path / str(number)
            one = kill.start(do, data_dir, folder)
            delay = generator.uniform(0, length)
            time.sleep(delay)
            code, said = kill.ended(do, data_dir, folder)
            one.join()
            how = f"the second after {delay:.1f} of {length:.1f} s"
            told = code == 1 and "another process is training this run" in said
            tally.count(one.exitcode == 0, f"{how}: the first failed")
            tally.count(code == 0 or told, f"{how}: {code}, it said {said[-2000:]}")
            tally.count(outcome(folder) == expected, f"{how}: another outcome")


def prepare(videos, data_dir):
    test_killed.prepare(videos, data_dir)


def test_two_preparations(tmp_path):
    videos = tmp_path / "videos"
    write_videos(videos, {"train": 40, "validate": 5})
    prepare(videos, tmp_path / "whole")
    expected = tree(tmp_path / "whole")
    fault = "two preparations of a dataset"
    with tallied(PART, fault, "test_two_preparations") as tally:
        for number in range(times(1, 10)):
            folder = tmp_path / str(number)
            both = [kill.start(prepare, videos, folder) for _ in range(2)]
            for process in both:
                process.join()
            codes = [process.exitcode for process in both]
            tally.count(codes == [0, 0], f"{number}: exit codes {codes}")
            tally.count(tree(folder) == expected, f"{number}: another dataset")


def test_two_writers_of_a_record(tmp_path):
    """A record and its scores are of one writer; who reads meanwhile is told so."""
    number, fault = times(150, 3000), "two writers of one record, and a reader"
    both = [
        kill.start(test_killed.write_again_and_again, tmp_path, number + i)
        for i in range(2)
    ]
    with tallied(PART, fault, "test_two_writers_of_a_record") as tally:
        while any(process.exitcode is None for process in both):
            for found in record.find(tmp_path):
                try:
                    scores = record.scores_of(tmp_path, found)
                except (FileNotFoundError, ValueError) as error:
                    told = "written anew since" in str(error)
                    tally.count(told, repr(error))
                else:
                    tally.count(len(scores.ids) == 40, "half of the scores")
        codes = [process.exitcode for process in both]
        tally.count(codes == [0, 0], f"exit codes {codes}")
        [found] = record.find(tmp_path)
        record.scores_of(tmp_path, found)


def write_seeds(results, number):
    """Write records of more and more seeds, and the first of them anew."""
    for seed in range(number):
        record.write(made_up(seed=seed), results, made_up_scores())
        record.write(made_up(seed=0), results, made_up_scores())


def test_tables_while_records_come(tmp_path):
    """They are of the records that there were, or one error says why they are not."""
    test_killed.write_counts(tmp_path)
    number = times(60, 1000)
    writer = kill.start(write_seeds, tmp_path, number)
    fault = "tables and figures while records come"
    with tallied(PART, fault, "test_tables_while_records_come") as tally:
        while writer.exitcode is None:
            try:
                paths = tables.build(tmp_path)
                tally.count(all(path.exists() for path in paths), "a table is missing")
            except ValueError as error:
                tally.count("written anew since" in str(error), repr(error))
        tally.count(writer.exitcode == 0, "the writer failed")
        built = [*tables.build(tmp_path), *figures.build(tmp_path)]
        again = {path: path.read_bytes() for path in built}
        [summary] = [
            row
            for row in tables.TABLES["table3"].build(tmp_path).to_dict("records")
            if row["point"] == "RS-50"
        ]
        tally.count(summary["pantomime_seeds"] == str(number), f"{summary}")
        build_again = [*tables.build(tmp_path), *figures.build(tmp_path)]
        same = all(path.read_bytes() == again[path] for path in build_again)
        tally.count(same, "other tables from the same records")


def test_two_engines(tmp_path, monkeypatch):
    """The second is refused in one line, and the first goes on."""
    videos = tmp_path / "videos"
    write_videos(videos / tiny_run.NAME, {"train": 8, "validate": 4})
    monkeypatch.setattr(
        test_killed.scales, "of_point", lambda point, dataset: tiny_run.RECIPE
    )
    engine = test_killed.Engine(tmp_path / "engine", videos)
    monkeypatch.chdir(engine.folder)
    fault = "two engines on one folder of records"
    with tallied(PART, fault, "test_two_engines") as tally:
        for number in range(times(1, 5)):
            first = engine.start()
            # Jobs start after the lock is taken.
            deadline = time.monotonic() + 120
            while not list(engine.folder.glob(".snakemake/log/*")):
                assert time.monotonic() < deadline and first.poll() is None
                time.sleep(0.1)
            time.sleep(2)
            second = engine.start()
            said, _ = second.communicate(timeout=300)
            if first.poll() is None:
                told = second.returncode and "another engine is running" in said
                tally.count(
                    bool(told), f"{number}: {second.returncode}: {said[-2000:]}"
                )
            if LONG:
                first.communicate(timeout=600)
                tally.count(first.returncode == 0, f"{number}: the first failed")
                tally.count(not engine.plan().stale, f"{number}: it is not done")
                engine = test_killed.Engine(tmp_path / f"engine-{number}", videos)
                monkeypatch.chdir(engine.folder)
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(first.pid, signal.SIGKILL)
                first.communicate()
