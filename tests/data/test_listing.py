"""Kinetics' CSV files, and the layouts in which people keep its videos."""

import os

import pytest

from r3d_rs.data import listing, shards, verify
from r3d_rs.data.listing import Video
from tests.shared.tiny import HEADER


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,id\n", r"train\.csv, line 1: the header is 'label,id', expected the"),
        ("", r"train\.csv, line 1: the header is ''"),
        (HEADER + "wave,a,0,1\n", r"train\.csv, line 2: found 4 fields, expected 5"),
        (HEADER + "wave,a,0,x,train\n", r"line 2: time_start and time_end are '0'"),
        (HEADER + "wave,a,0.5,1,train\n", r"are '0.5' and '1', expected whole sec"),
        (HEADER + "wave,a,-1,1,train\n", r"are '-1' and '1', expected whole seconds"),
        (HEADER + "wave,a,nan,1,train\n", r"are 'nan' and '1', expected whole"),
        (HEADER + " ,a,0,1,train\n", r"line 2: label is empty"),
        (HEADER + "wave,a,0,1,train,\n", r"line 2: found 6 fields, expected 5"),
        (HEADER + "wave,,0,1,train\n", r"line 2: youtube_id is empty"),
        (HEADER + "wave,../a,0,1,train\n", r"line 2: youtube_id is '\.\./a'"),
        (HEADER + "\nfly,a,0,1,train\n", r"line 3: unknown label 'fly'.*'wave'"),
        (
            HEADER + "wave,a,0,1,train\nrun,a,0,1.0,train\n",
            r"line 3: video a_000000_000001 is 'run', but 'wave' in line 2",
        ),
    ],
)
def test_a_malformed_csv_names_file_and_line(tmp_path, text, message):
    (tmp_path / "train.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        listing.read(tmp_path / "train.csv", ("wave", "run"))


def test_a_csv_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "train.csv").write_bytes(HEADER.encode() + b"\xff\xfe,a,0,1,train\n")
    with pytest.raises(ValueError, match=r"train\.csv, line \d: not CSV in UTF-8"):
        listing.read(tmp_path / "train.csv")
    with pytest.raises(FileNotFoundError, match=r"test\.csv"):
        listing.read(tmp_path / "test.csv")


def test_columns_are_found_by_name(tmp_path):
    """Kinetics-400's files have a column `is_cc` in some distributions."""
    path = tmp_path / "val.csv"
    path.write_text(
        "youtube_id,time_start,time_end,split,is_cc,label\n"
        '-0b_c1,3,13,validate,0,"petting animal (not cat)"\n'
    )
    [video] = listing.read(path)
    assert video == Video("-0b_c1_000003_000013", "petting animal (not cat)")
    assert listing.find_csv(tmp_path, "validation") == path
    assert listing.find_csv(tmp_path, "train") is None


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "wave,a,0,10,train\n",
        HEADER + "wave,a,0,10,train\nwave,a,0,10,train\n",  # once more
        HEADER + "wave,a,0.0,10.000,train\nwave,a,000000,000010,train\n",
        'label, youtube_id, time_start, time_end\n"wave", a, 0, 10\n',
        " Label ,youtube_id ,\ttime_start,time_end\n\twave ,a ,0 , 10. \n",
        HEADER + "   \nwave,a,0,10,train\n , ,\t,, \n,,,,\n  ",
        "\ufeff" + HEADER.replace("\n", "\r\n") + "wave,a,0,10,train\r\n\r\n",
    ],
)
def test_a_list_may_be_written_in_other_ways(tmp_path, text):
    path = tmp_path / "train.csv"
    path.write_text(text, newline="")
    assert listing.read(path, ("wave",)) == [Video("a_000000_000010", "wave")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["k400_train.csv", "k400_val.csv"], {0: "train", 1: "validation"}),
        (["Kinetics700-2020 Train.CSV", "test_list.csv"], {0: "train", 1: "test"}),
        (["k600_train.txt", "train_log.txt", "trainer.csv"], {0: "train"}),
        (["train.csv", "k400_train.csv", "my_train.csv"], {0: "train"}),
        (["train_val.csv", "._k400_test.csv", "set_aside.csv"], {}),
    ],
)
def test_a_list_is_found_by_its_split_in_its_name(tmp_path, names, expected):
    for name in names:
        (tmp_path / name).touch()
    found = {split: path.name for split, path in listing.find_csvs(tmp_path).items()}
    assert found == {split: names[index] for index, split in expected.items()}


def test_two_lists_that_may_be_meant_are_named(tmp_path):
    for name in ("k400_train.csv", "k600_train.csv"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=r"k400_train.csv, k600_train.csv; allowed"):
        listing.find_csvs(tmp_path)


WITHOUT = "youtube_id,time_start,time_end,split\nb,0,10,test\n"


@pytest.mark.parametrize("text", [WITHOUT, HEADER + ",b,0,10,test\n , c,0,10,test\n"])
def test_test_videos_without_labels_are_left_out_and_said(tmp_path, text):
    (tmp_path / "train.csv").write_text(HEADER + "wave,a,0,10,train\n")
    (tmp_path / "test.csv").write_text(text)
    with pytest.warns(UserWarning, match=r"test.csv: has no labels, so the split test"):
        found = verify.check_folder(tmp_path, tmp_path)
    assert found == {"train": (1, ["a_000000_000010"])}
    source = shards.Source(tmp_path, tmp_path, None, 1.0)
    with pytest.warns(UserWarning, match="is left out"):
        _, planned = shards.plan(source)
    assert list(planned) == ["train"]
    (tmp_path / "test.csv").rename(tmp_path / "val.csv")  # whose accuracy is reported
    with pytest.raises(ValueError, match=r"val.csv, line \d: (label is|the header)"):
        shards.plan(source)


@pytest.mark.parametrize(
    "text", ["label;youtube_id\nwave;b\n", HEADER + "wave,b,0,10,test\n,c,0,10,test\n"]
)
def test_a_malformed_list_of_test_videos_is_no_list_without_labels(tmp_path, text):
    (tmp_path / "train.csv").write_text(HEADER + "wave,a,0,10,train\n")
    (tmp_path / "test.csv").write_text(text)
    with pytest.raises(ValueError, match=r"test.csv, line \d: (the header|label is)"):
        shards.plan(shards.Source(tmp_path, tmp_path, None, 1.0))


@pytest.mark.parametrize("kind", ["nowhere", "itself", "pipe", "folder"])
def test_a_name_without_a_file_is_set_aside(tmp_path, kind):
    path = tmp_path / "train" / f"{WAVE.id}.mp4"
    path.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        os.symlink(path if kind == "itself" else tmp_path / "gone.mp4", path)
    [found] = listing.locate([WAVE], tmp_path, "train")
    assert found.path is None
    other = tmp_path / "other" / "-0b_c1_3_13.mkv"
    other.parent.mkdir()
    other.touch()
    [found] = listing.locate([WAVE], tmp_path, "train")
    assert found.path == other


WAVE = Video("-0b_c1_000003_000013", "petting animal (not cat)")


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
    [found] = listing.locate([WAVE], tmp_path, "validation")
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
        [found] = listing.locate([WAVE], tmp_path, "validation")
        assert found.path == tmp_path / place / name  # each fits better than the last


def test_the_replacement_of_a_corrupt_file_is_taken(tmp_path):
    replaced = tmp_path / "replacement" / "replacement_for_corrupted_k400"
    for folder in (tmp_path / "train" / "wave", replaced):
        folder.mkdir(parents=True)
        (folder / "abc_000001_000011.mp4").touch()
    [video] = listing.locate([Video("abc_000001_000011", "wave")], tmp_path, "train")
    assert video.path.parent == replaced


def test_lists_may_end_in_txt(tmp_path):
    for name in ("train.txt", "val.txt", "val.csv"):
        (tmp_path / name).touch()
    found = {split: path.name for split, path in listing.find_csvs(tmp_path).items()}
    assert found == {"train": "train.txt", "validation": "val.csv"}


def test_a_file_named_after_its_source_alone_must_be_the_only_stretch_of_it(tmp_path):
    (tmp_path / "-0b_c1.mp4").touch()
    other = Video("-0b_c1_000020_000030", "wave")
    found = listing.locate([WAVE, other], tmp_path, "train")
    assert [video.path for video in found] == [None, None]


def test_what_was_set_aside_comes_back_as_written(tmp_path):
    aside = [listing.Aside("train", "a_000000_000010", "wave, left", 'say "no"\n')]
    listing.write_aside(aside, tmp_path / "aside.csv")
    assert listing.read_aside(tmp_path / "aside.csv") == aside


def test_links_to_folders_are_followed_and_circles_are_not(tmp_path):
    real = tmp_path / "disk" / "val"
    real.mkdir(parents=True)
    (real / f"{WAVE.id}.mp4").touch()
    root = tmp_path / "kinetics"
    root.mkdir()
    os.symlink(real, root / "val")
    os.symlink(tmp_path, real / "up")
    [found] = listing.locate([WAVE], root, "validation")
    assert found.path == root / "val" / f"{WAVE.id}.mp4"


@pytest.mark.parametrize(
    "name",
    ["-0b_c1.mp4.mkv", "-0b_c1_3_13.mp4.webm", "-0b_c1.f137.mp4", "-0b_c1.mkv.f299.MP4",
     f"{WAVE.id}.fhls-720p.ts", "-0b_c1.flv", "-0b_c1.MPG", "-0b_c1.3gp"],
)  # fmt: skip
def test_names_that_downloaders_leave_are_found(tmp_path, name):
    (tmp_path / name).touch()
    [found] = listing.locate([WAVE], tmp_path, "train")
    assert found.path == tmp_path / name


def test_the_merged_file_is_taken_or_else_the_largest_format(tmp_path):
    contents = {"-0b_c1.f251.webm": b"sound", "-0b_c1.f303.webm": b"pictures"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    [found] = listing.locate([WAVE], tmp_path, "train")
    assert found.path.name == "-0b_c1.f303.webm"
    for better in ("-0b_c1.mp4.mkv", "-0b_c1.mp4"):
        (tmp_path / better).write_bytes(b"")
        [found] = listing.locate([WAVE], tmp_path, "train")
        assert found.path.name == better


@pytest.mark.parametrize(
    "name",
    ["-0b_c1.mp4.part", f"{WAVE.id}.f137.mp4.part-Frag3.part", "-0b_c1.temp.mp4",
     "-0b_c1.m4a"],
)  # fmt: skip
def test_a_file_that_is_no_whole_video_is_named(tmp_path, name):
    (tmp_path / name).touch()
    [found] = listing.locate([WAVE], tmp_path, "train")
    assert found.path is None and found.absent.startswith(f"there is only {name}")
    [other] = listing.locate([Video("a_000000_000010", "wave")], tmp_path, "train")
    assert other.absent == "there is no file of this name"


def test_a_name_with_dots_is_found_as_it_is(tmp_path):
    (tmp_path / "a.fan.mp4").touch()
    found = listing.locate([Video("a.fan_000000_000010", "wave")], tmp_path, "train")
    assert found[0].path == tmp_path / "a.fan.mp4"
