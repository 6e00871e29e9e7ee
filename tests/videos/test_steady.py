"""Which frames a video has: by its pictures' times, the same in every container."""

import numpy as np
import pytest

from r3d_rs.videos import clip
from r3d_rs.videos.steady import plausible, steady
from tests.shared.containers import counted, frame_rate, numbers, read_video, write

WRITERS = {
    "mp4": "libx264",
    "mov": "libx264",
    "mkv": "libx264",
    "webm": "libvpx-vp9",
    "avi": "mpeg4",
    "ts": "mpeg2video",
}


@pytest.mark.parametrize("ending", WRITERS)
def test_a_late_last_picture_is_due_in_every_container(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    write(path, counted(100), [*range(0, 3960, 40), 9960], WRITERS[ending])
    jpegs, rate, repairs = clip.encoded(path)
    assert (len(jpegs), rate) == (250, 25)
    assert repairs == "150 frames that repeat the one before (of 250 frames)"


@pytest.mark.parametrize("ending", ["mp4", "mkv", "webm"])
@pytest.mark.parametrize("gap", [17, 33, 40, 67, 100])
def test_a_stated_rate_that_the_times_contradict_is_passed_over(tmp_path, ending, gap):
    path = tmp_path / f"a.{ending}"
    write(path, counted(30), range(0, 30 * gap, gap), WRITERS[ending])
    assert numbers(read_video(path)) == list(range(30))
    assert frame_rate(path) == pytest.approx(1000 / gap)


def test_two_rates_in_turn_give_the_higher_one():
    times = [*np.arange(30) / 30, *(1 + np.arange(30) / 15)]
    found = steady(times)
    assert found.rate == pytest.approx(30)
    assert (found.count, found.left_out, found.repeated) == (89, 0, 29)


def test_pulldown_gives_the_pictures_of_the_film():
    # 24 pictures a second, shown for two and three of 60 fields.
    found = steady(np.cumsum([0, *[2 / 60, 3 / 60] * 24]))
    assert found.rate == pytest.approx(24)
    assert found.ticks.tolist() == list(range(49))


@pytest.mark.parametrize(
    "times",
    [[0, 0.04, 0.04, 0.12, 0.16], [9, 9.04, 9.08, 0, 0.04], [0, 0.04, None, 0.12, 0.2]],
)
def test_times_that_do_not_rise_lose_no_picture(times):
    assert steady(times).left_out == 0
    assert steady(times).rate == pytest.approx(25)


def test_where_there_are_no_times_the_stated_rate_is_taken():
    found = steady([None] * 5, [30])
    assert (found.rate, found.ticks.tolist()) == (30, [0, 1, 2, 3, 4])
    assert steady([7.0], [30]).count == steady([7.0]).count == 1


def test_the_stated_rate_is_taken_as_far_as_times_are_precise():
    ntsc = 30000 / 1001
    times = np.round(np.arange(300) / ntsc, 3)
    assert steady(times, [25, ntsc], 0.001).rate == pytest.approx(ntsc, rel=1e-9)
    assert steady(times, [30.3], 0.001).rate == pytest.approx(ntsc, abs=2e-3)


def test_times_of_decoding_stand_in_for_those_that_go_to_and_fro():
    assert plausible([1, 4, 3, 5, 7, 6], [2, 3, 4, 5, 6, None]) == [2, 3, 4, 5, 6, None]
    assert plausible([0, 1, 2], [0, 1, 2]) == [0, 1, 2]
