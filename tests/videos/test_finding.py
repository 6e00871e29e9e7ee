"""The files of listed videos, in the layouts in which people keep them."""

import os

import pytest

from r3d_rs.videos import finding
from r3d_rs.videos.listing import Video

WAVE = Video("-0b_c1_000003_000013", "petting animal (not cat)")


@pytest.mark.parametrize("kind", ["nowhere", "itself", "ring", "pipe", "folder"])
def test_a_name_without_a_file_is_set_aside(tmp_path, kind):
    path = tmp_path / "train" / f"{WAVE.id}.mp4"
    path.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "ring":
        os.symlink(path, tmp_path / "ring")
        os.symlink(tmp_path / "ring", path)
    else:
        os.symlink(path if kind == "itself" else tmp_path / "gone.mp4", path)
    [found] = finding.locate([WAVE], tmp_path, "train")
    assert found.path is None
    if kind != "folder":
        reason = f"{path.name} is no file, or only a link that leads nowhere"
        assert found.absent == reason
    other = tmp_path / "other" / "-0b_c1_3_13.mkv"
    other.parent.mkdir()
    other.touch()
    [found] = finding.locate([WAVE], tmp_path, "train")
    assert found.path == other


@pytest.mark.parametrize(
    "place",
    [
        "val/petting animal (not cat)/-0b_c1_000003_000013.mp4",
        "validate/petting_animal_(not_cat)/-0b_c1_000003_000013.mkv",
        "kinetics400/videos_val/petting_animal_not_cat/-0b_c1_000003_000013.webm",
        "validation/-0b_c1_000003_000013.MP4",
        "-0b_c1_000003_000013.mp4",
        "val_256/petting animal (not cat)/-0b_c1_3_13.mp4",
        "val/petting animal (not cat)/-0b_c1.mp4",
    ],
)
def test_a_video_is_found_in_the_layouts_that_people_have(tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.with_suffix(".txt").touch()
    path.with_name("._" + path.name).touch()  # what some systems leave behind
    [found] = finding.locate([WAVE], tmp_path, "validation")
    assert found.path == path
    assert found.id == WAVE.id


def test_of_several_files_the_one_of_split_and_class_is_taken(tmp_path):
    name = f"{WAVE.id}.mp4"
    places = [
        "a",
        "train/petting_animal_not_cat",
        "val/other",
        "val/petting animal not cat",
    ]
    for place in places:
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / name).touch()
        [found] = finding.locate([WAVE], tmp_path, "validation")
        assert found.path == tmp_path / place / name  # each fits better than the last


def test_the_replacement_of_a_corrupt_file_is_taken(tmp_path):
    replaced = tmp_path / "replacement" / "replacement_for_corrupted_k400"
    for folder in (tmp_path / "train" / "wave", replaced):
        folder.mkdir(parents=True)
        (folder / "abc_000001_000011.mp4").touch()
    [video] = finding.locate([Video("abc_000001_000011", "wave")], tmp_path, "train")
    assert video.path.parent == replaced


def test_a_file_named_after_its_source_alone_must_be_the_only_stretch_of_it(tmp_path):
    (tmp_path / "-0b_c1.mp4").touch()
    other = Video("-0b_c1_000020_000030", "wave")
    found = finding.locate([WAVE, other], tmp_path, "train")
    assert [video.path for video in found] == [None, None]


def test_links_to_folders_are_followed_and_circles_are_not(tmp_path):
    real = tmp_path / "disk" / "val"
    real.mkdir(parents=True)
    (real / f"{WAVE.id}.mp4").touch()
    root = tmp_path / "kinetics"
    root.mkdir()
    os.symlink(real, root / "val")
    os.symlink(tmp_path, real / "up")
    [found] = finding.locate([WAVE], root, "validation")
    assert found.path == root / "val" / f"{WAVE.id}.mp4"


@pytest.mark.parametrize(
    "name",
    ["-0b_c1.mp4.mkv", "-0b_c1_3_13.mp4.webm", "-0b_c1.f137.mp4", "-0b_c1.mkv.f299.MP4",
     f"{WAVE.id}.fhls-720p.ts", "-0b_c1.flv", "-0b_c1.MPG", "-0b_c1.3gp"],
)  # fmt: skip
def test_names_that_downloaders_leave_are_found(tmp_path, name):
    (tmp_path / name).touch()
    [found] = finding.locate([WAVE], tmp_path, "train")
    assert found.path == tmp_path / name


def test_the_merged_file_is_taken_or_else_the_largest_format(tmp_path):
    contents = {"-0b_c1.f251.webm": b"sound", "-0b_c1.f303.webm": b"pictures"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    [found] = finding.locate([WAVE], tmp_path, "train")
    assert found.path.name == "-0b_c1.f303.webm"
    for better in ("-0b_c1.mp4.mkv", "-0b_c1.mp4"):
        (tmp_path / better).write_bytes(b"")
        [found] = finding.locate([WAVE], tmp_path, "train")
        assert found.path.name == better


@pytest.mark.parametrize(
    "name",
    ["-0b_c1.mp4.part", f"{WAVE.id}.f137.mp4.part-Frag3.part", "-0b_c1.temp.mp4",
     "-0b_c1.m4a", "-0b_c1.f140.m4a", "-0b_c1.webm.ytdl", "-0b_c1.mp4.crdownload"],
)  # fmt: skip
def test_a_file_that_is_no_whole_video_is_named(tmp_path, name):
    (tmp_path / name).touch()
    [found] = finding.locate([WAVE], tmp_path, "train")
    assert found.path is None and found.absent.startswith(f"there is only {name}")
    [other] = finding.locate([Video("a_000000_000010", "wave")], tmp_path, "train")
    assert other.absent == "there is no file of this name"


def test_pictures_are_taken_of_formats_that_were_not_merged(tmp_path):
    for name in ("-0b_c1.f140.m4a", "-0b_c1.f137.mp4", "-0b_c1.mp4.part"):
        (tmp_path / name).touch()
    [found] = finding.locate([WAVE], tmp_path, "train")
    assert found.path.name == "-0b_c1.f137.mp4"


def test_a_name_with_dots_is_found_as_it_is(tmp_path):
    (tmp_path / "a.fan.mp4").touch()
    found = finding.locate([Video("a.fan_000000_000010", "wave")], tmp_path, "train")
    assert found[0].path == tmp_path / "a.fan.mp4"
