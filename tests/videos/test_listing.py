"""Kinetics' CSV files, as given and as people write them."""

import pytest

from r3d_rs.preparation import shards, verify
from r3d_rs.videos import listing
from r3d_rs.videos.listing import Video
from tests.shared.tiny import HEADER


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,id\n", r"train\.csv, line 1: the header is 'label,id', expected the"),
        ("", r"train\.csv, line 1: the header is ''"),
        (HEADER.replace(",", ";"), r"line 1: the header is 'label;youtube_id;time_st"),
        (HEADER.replace(",", "\t"), r"line 1: the header is 'label\\tyoutube_id\\tt"),
        (HEADER + "wave;a;0;1;train\n", r"train\.csv, line 2: found 1 fields, expec"),
        (HEADER + "wave,a,1e1,20,train\n", r"are '1e1' and '20', expected whole sec"),
        (HEADER + "wave,a,0:03,0:13,train\n", r"are '0:03' and '0:13', expected who"),
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
        HEADER.replace("\n", "\r") + "wave,a,0,10,train\r",  # of old spreadsheets
        '"label","youtube_id","time_start","time_end"\n"wave","a","0","10"',
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


def test_lists_may_end_in_txt(tmp_path):
    for name in ("train.txt", "val.txt", "val.csv"):
        (tmp_path / name).touch()
    found = {split: path.name for split, path in listing.find_csvs(tmp_path).items()}
    assert found == {"train": "train.txt", "validation": "val.csv"}


def test_what_was_set_aside_comes_back_as_written(tmp_path):
    aside = (listing.Aside("train", "a_000000_000010", "wave, left", 'say "no"\n'),)
    listing.write_aside(aside, tmp_path / "aside.csv")
    assert listing.read_aside(tmp_path / "aside.csv") == aside
