"""Datasets by their names, and whether one is what its lists say."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from r3d_rs.data import datasets, names
from r3d_rs.files import write_json
from r3d_rs.pantomime import FLIP_CHANGES
from r3d_rs.preparation import preparation, verify
from tests.shared.tiny import CLASSES, HEADER, write_csv


def test_the_names_of_the_datasets_need_no_tensorflow():
    program = "import sys; sys.modules['tensorflow'] = None; import r3d_rs.data.names"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_pantomime_has_a_scale_of_its_own_and_sides():
    kinds = names.DATASETS.items()
    small = {name for name, kind in kinds if kind.scale == "pantomime"}
    assert small == {"pantomime-20", "pantomime-30", "pantomime-web"}
    assert small == {name for name, kind in kinds if kind.no_flip}
    assert small == {name for name, kind in kinds if kind.source == "rendered"}
    for name in small:
        assert names.DATASETS[name].no_flip == tuple(FLIP_CHANGES)


def test_turns_and_steps_to_a_side_may_not_be_mirrored_in_pantomime():
    for name, expected in (
        ("pantomime-20", (True, False, False)),
        ("kinetics-400", (True, True, True)),
    ):
        kind = names.DATASETS[name]
        assert datasets.Dataset(name, CLASSES, {}, None, kind).may_flip == expected


def test_an_unknown_dataset_is_named_with_those_there_are(tmp_path):
    message = "parameter dataset: received 'ucf', allowed are pantomime, pantomime-20,"
    for function in (names.canonical_name, preparation.prepare, datasets.load):
        with pytest.raises(ValueError, match=message):
            function("ucf")
    assert names.canonical_name("pantomime") == "pantomime-20"


def test_a_dataset_that_is_not_there_says_how_to_prepare_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="data prepare pantomime-20 --data-dir"):
        datasets.load("pantomime", tmp_path)


def test_what_prepares_a_dataset_of_your_own_can_be_pasted(tmp_path):
    place = names.Place("mine", tmp_path / "my data")
    write_json(place.own, {})  # of a preparation that was stopped
    message = f"data prepare mine --videos FOLDER --data-dir '{place.directory}'`"
    with pytest.raises(FileNotFoundError, match=message):
        datasets.load("mine", place.directory)


def test_a_prepared_dataset_names_its_splits(dataset, tmp_path):
    with pytest.raises(ValueError, match="received 'val', allowed are train, valid"):
        dataset.num_videos("val")
    kind = names.DATASETS["ucf101"]
    other = datasets.Dataset("ucf101", dataset.classes, {}, None, kind)
    with pytest.raises(ValueError, match="no videos in its split 'test'"):
        other.split("test")
    assert (dataset.evaluated, other.evaluated) == ("validation", "test")


@pytest.mark.parametrize("name", ["pantomime", "ucf101"])
def test_options_of_a_dataset_that_takes_none_are_named(tmp_path, name):
    options = {"videos": tmp_path, "short_side": 64, "part": "1/2"}
    with pytest.raises(ValueError, match="received short_side, videos, part, allowed"):
        preparation.prepare(name, tmp_path, **options)


# Verifying.


def test_verify_hashes_the_ids_and_finds_what_the_list_lacks(dataset, tmp_path):
    report = verify.check_split(dataset, "test", dataset.annotations, False)
    assert report.listed == report.stored
    assert report.missing == report.surplus == report.broken == ()
    ids = "".join(f"test-{i}_000003_000013\n" for i in range(5))
    expected = subprocess.run(
        ["sha256sum"], input=ids.encode(), capture_output=True, check=True
    )
    assert report.sha256 == expected.stdout.decode().split()[0]
    (tmp_path / "test.csv").write_text(
        HEADER + "turn left,test-1,3,13,\nturn left,test-0,3,13,\nturn left,new,0,10,\n"
    )
    report = verify.check_split(dataset, "test", tmp_path, False)
    assert [video.id for video in report.missing] == ["new_000000_000010"]
    assert report.surplus == tuple(f"test-{i}_000003_000013" for i in (0, 2, 3, 4))
    assert verify.check_split(dataset, "test", None, False).listed is None


def test_verify_finds_a_flipped_bit_and_a_cut(data_dir, tmp_path):
    shutil.copytree(data_dir / "tfds", tmp_path / "tfds")
    dataset = datasets.load("kinetics-400", tmp_path)
    whole = {split: part.files for split, part in dataset.splits.items()}
    flipped, cut = (Path(whole[split][0]) for split in ("train", "test"))
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    cut.write_bytes(cut.read_bytes()[:-10])
    for split, path, what in (
        ("train", flipped, "corrupted"),
        ("test", cut, "record 4: truncated"),
    ):
        report = verify.check_split(dataset, split, dataset.annotations, False)
        [broken] = report.broken
        assert path.name in broken and what in broken
        assert report.missing


def test_files_that_are_not_there_are_found_without_a_dataset(tmp_path):
    for split in ("train", "val"):
        write_csv(
            tmp_path / f"{split}.csv",
            [("wave", f"{split}{i}", 0, 1, "") for i in (0, 1)],
        )
        (tmp_path / f"{split}0.mp4").touch()
    (tmp_path / "val1.mkv").touch()
    found = verify.check_folder(tmp_path, tmp_path)
    assert found == {"train": (2, ["train1_000000_000001"]), "validation": (2, [])}
    with pytest.raises(FileNotFoundError, match="no CSV file of any split"):
        verify.check_folder(tmp_path, tmp_path / "train")
