"""Frames that come out of any container and codec are those that went in."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.shared.containers import counted, frame_rate, numbers, read_video, write

#: Containers and codecs that keep any times, with the option for their B-frames.
FREE = {
    ("mp4", "libx264"): "bf",
    ("mov", "libx264"): "bf",
    ("mkv", "libx264"): "bf",
    ("flv", "libx264"): "bf",
    ("ts", "libx264"): "bf",
    ("mp4", "libx265"): "",
    ("webm", "libvpx"): "",
    ("webm", "libvpx-vp9"): "",
    ("mkv", "libvpx-vp9"): "",
}
#: Those whose pictures are at multiples of the rate that they state.
RATED = {
    ("avi", "mpeg4"): "",
    ("mp4", "mpeg4"): "bf",
    ("mkv", "mpeg4"): "bf",
    ("ts", "mpeg2video"): "bf",
    ("mkv", "mpeg2video"): "bf",
}
RATES = [Fraction(24000, 1001), Fraction(30000, 1001), *map(Fraction, range(5, 61))]


@st.composite
def videos(draw):
    """Draw how a video is written, and in which tick each picture is due.

    Returns:
        The container's ending, arguments of `containers.write`, and the ticks.
    """
    free = draw(st.booleans())
    ending, codec = kind = draw(st.sampled_from(sorted(FREE if free else RATED)))
    stated = Fraction(25)
    if free:
        stated = draw(st.sampled_from(RATES))
    elif codec == "mpeg4":
        stated = Fraction(draw(st.integers(5, 60)))
    # Pictures are whole milliseconds apart, so that no container rounds their times and
    # there may be many pauses, or at any rate, with a short one.
    exact = draw(st.booleans()) if free else stated in (20, 25, 40, 50)
    if free:
        step = (
            Fraction(draw(st.integers(16, 200)))
            if exact
            else 1000 / draw(st.sampled_from(RATES))
        )
    else:
        step = 1000 / stated
    count = draw(st.integers(20, 40))
    longest, most = (30, count // 4) if exact else (5, 1)
    pauses = np.zeros(count, int)
    for number in draw(st.sets(st.integers(1, count - 1), max_size=most)):
        pauses[number] = draw(st.integers(1, longest))
    ticks = np.arange(count) + np.cumsum(pauses)
    offset = draw(st.integers(0, 5000)) if free else 0
    option = (FREE | RATED)[kind]
    options = {option: str(draw(st.integers(0, 3)))} if option else {}
    times = [offset + step * int(tick) for tick in ticks]
    return ending, codec, times, stated, options, ticks


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(videos())
def test_the_frames_that_come_out_are_those_that_went_in(tmp_path_factory, video):
    """Any rate, stated or not, offset, pauses and B-frames."""
    ending, codec, times, stated, options, ticks = video
    path = tmp_path_factory.mktemp("any") / f"a.{ending}"
    write(path, counted(len(ticks)), times, codec, stated, **options)
    shown = np.searchsorted(ticks, range(ticks[-1] + 1), side="right") - 1
    assert numbers(read_video(path)) == shown.tolist()


def test_pauses_do_not_hide_that_a_stated_rate_is_another(tmp_path):
    ticks = [0, 2, 4, 6, *range(8, 24)]
    write(tmp_path / "a.mkv", counted(20), [18 * t for t in ticks], rate=54)
    assert frame_rate(tmp_path / "a.mkv") == pytest.approx(1000 / 18)


def test_a_file_without_durations_is_whole_to_its_last_picture(tmp_path):
    write(tmp_path / "a.flv", counted(20), range(0, 320, 16), rate=RATES[0], bf="0")
    assert numbers(read_video(tmp_path / "a.flv")) == list(range(20))


def test_what_is_decoded_before_the_start_is_no_missing_part(tmp_path):
    ticks = np.array([0, *range(4, 23)])
    times = [1000 * int(tick) / RATES[0] for tick in ticks]
    write(tmp_path / "a.mov", counted(20), times, rate=RATES[0], bf="1")
    assert len(read_video(tmp_path / "a.mov")) == 23
