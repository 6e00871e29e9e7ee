"""At the same time: two runs of one point, two preparations, two writers of a record.

Two engines are in `test_killed`.
"""

import time

import numpy as np
import pytest

from r3d_rs.experiments import record
from tests.shared import kill, tiny_run
from tests.shared.made_up import made_up, made_up_scores
from tests.shared.tiny import write_videos


@pytest.mark.slow
def test_two_runs_of_a_point(data_dir, tmp_path):
    """One is told that the other trains it, or both end, with one whole record."""
    whole, folder = tmp_path / "whole", tmp_path / "two"
    length = kill.seconds(tiny_run.do, data_dir, whole)
    first = kill.start(tiny_run.do, data_dir, folder)
    time.sleep(np.random.default_rng(0).uniform(0, length))
    code, said = kill.ended(tiny_run.do, data_dir, folder)
    first.join()
    assert first.exitcode == 0
    assert code == 0 or (code == 1 and "another process is training this run" in said)
    assert tiny_run.outcome(folder) == tiny_run.outcome(whole)


@pytest.mark.slow
def test_two_preparations(tmp_path):
    videos, whole, folder = (tmp_path / name for name in ("videos", "whole", "two"))
    write_videos(videos, {"train": 40, "validate": 5})
    tiny_run.prepare(videos, whole)
    both = [kill.start(tiny_run.prepare, videos, folder) for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert kill.tree(folder) == kill.tree(whole)


def two_records():
    """Return two records of one run, with scores that tell them apart."""
    scores = [made_up_scores(), made_up_scores()]
    scores[1]["probabilities"] = scores[1]["probabilities"][::-1]
    return [
        (made_up(top1=top1), s) for top1, s in zip((0.25, 0.75), scores, strict=True)
    ]


def write_in_turn(results, number):
    """Write one record, then the other in its place, and so on."""
    for i in range(number):
        record.write(two_records()[i % 2][0], results, two_records()[i % 2][1])


def belong_together(found, scores) -> bool:
    """Return whether scores are of the record beside which they were read."""
    return any(
        made["metrics"] == found["metrics"]
        and np.array_equal(np.float16(own["probabilities"]), scores.probabilities)
        for made, own in two_records()
    )


@pytest.mark.slow
def test_two_writers_of_a_record(tmp_path):
    """A record and its scores are of one writer; a reader is told of new ones."""
    both = [kill.start(write_in_turn, tmp_path, number) for number in (150, 151)]
    while any(process.exitcode is None for process in both):
        for found in record.find(tmp_path):
            try:
                scores = record.scores_of(tmp_path, found)
            except (FileNotFoundError, ValueError) as error:
                assert "written again since" in str(error)
            else:
                assert belong_together(found, scores)
    assert [process.exitcode for process in both] == [0, 0]
    [found] = record.find(tmp_path)
    assert belong_together(found, record.scores_of(tmp_path, found))


@pytest.mark.slow
def test_a_writer_that_is_killed(tmp_path):
    """No record is left beside scores of another, and the next write cleans up."""
    length = kill.seconds(write_in_turn, tmp_path / "whole", 200)
    for delay in np.random.default_rng(0).uniform(0, length, 4):
        folder = tmp_path / f"killed-{delay}"
        kill.after(delay, write_in_turn, folder, 200)
        for found in record.find(folder):
            assert belong_together(found, record.scores_of(folder, found))
        record.write(two_records()[0][0], folder, two_records()[0][1])
        names = sorted(path.name for path in folder.rglob("*") if path.is_file())
        assert names == ["seed-0.json", "seed-0.scores.npz"]
