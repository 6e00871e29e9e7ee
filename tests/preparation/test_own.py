"""Datasets of your own: folders of videos, their division, and what is refused."""

import os
import shlex
import shutil
import warnings

import pytest

from r3d_rs.data import datasets, names
from r3d_rs.files import try_lock
from r3d_rs.preparation import own, preparation
from tests.shared.tiny import clock, in_process, write_video

#: Warnings that are expected here, and are not what is tested.
pytestmark = [
    pytest.mark.filterwarnings("ignore:videos are divided one by one"),
    pytest.mark.filterwarnings("ignore:a mirror image of"),
]

TWO = {"Füße heben/a.mp4": "Füße heben", "jump up/a.mkv": "jump up"}


def touch(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


@pytest.fixture
def turns(tmp_path):
    """A folder of five videos of each of two classes."""
    for number in range(10):
        label = ("turn left", "turn right")[number % 2]
        write_video(tmp_path / "turns" / label / f"{number}.mp4", clock(2))
    return tmp_path / "turns"


def prepare(videos, **options):
    """Prepare a folder of videos as "mine", beside it."""
    with in_process():
        how = {"videos": videos} | options
        return preparation.prepare("mine", videos.parent / "data", False, **how)


def classes(folder, **options):
    return own.find(folder, own.Options(**options))


def of(folder):
    """Let each of two classes have a video of every person and take."""
    touch(
        folder, *(f"{c}/{p}-{t}.mp4" for c in "xy" for p in "abcde" for t in range(10))
    )


def test_a_subfolder_is_a_class_whatever_its_name_and_its_containers(tmp_path):
    for label in ("Füße heben", "jump up"):
        folder = tmp_path / "videos" / label
        folder.mkdir(parents=True)
        for i, ending in enumerate(("mp4", "mkv", "avi", "mp4")):
            write_video(folder / f"take {i}.{ending}", clock(6))
    touch(tmp_path / "videos", "jump up/notes.txt", ".hidden/b.mp4")
    how = {"videos": tmp_path / "videos", "workers": 1, "progress": False}
    made = preparation.prepare("mine", tmp_path, **how)
    assert made.classes == ("Füße heben", "jump up")
    assert [made.num_videos(s) for s in ("train", "validation", "test")] == [6, 2, 0]
    assert made.evaluated == "validation" and made.may_flip == (True, True)
    again = preparation.prepare("mine", tmp_path, **how)
    assert again.frames("train").ids.tolist() == made.frames("train").ids.tolist()
    assert datasets.load("mine", tmp_path).kind.scale == "small"
    assert names.own_names(tmp_path) == ["mine"]
    # What is there is not silently another.
    with pytest.raises(ValueError, match=r"dataset mine is already prepared, but diff"):
        preparation.prepare("mine", tmp_path, own=own.Options(draw=1), **how)
    with pytest.raises(
        ValueError, match=r"^parameter dataset: received 'yours', allow"
    ):
        datasets.load("yours", tmp_path)


def test_folders_of_splits_are_kept(tmp_path):
    touch(tmp_path, "train/x/1.mp4", "train/y/1.mp4", "val/x/2.mp4", "testing/y/3.mp4")
    (tmp_path / "val" / "y").mkdir()  # a split may lack a class
    assert classes(tmp_path) == {
        "train": {"train/x/1.mp4": "x", "train/y/1.mp4": "y"},
        "validation": {"val/x/2.mp4": "x"},
        "test": {"testing/y/3.mp4": "y"},
    }
    with pytest.raises(
        ValueError, match=r"folders of splits .* validation is not allow"
    ):
        classes(tmp_path, validation=0.5)
    touch(tmp_path, "walk/x/1.mp4")
    with pytest.raises(ValueError, match=r"and also 'walk'; allowed are either splits"):
        classes(tmp_path)


@pytest.mark.parametrize("draw", range(4))
@pytest.mark.parametrize("group", ["/([a-e])-", "/(?:(a)|([b-e]))-", "[a-e](?=-)"])
def test_a_group_is_in_one_split(tmp_path, draw, group):
    of(tmp_path)
    found = classes(tmp_path, group=group, validation=0.4, draw=draw)
    people = {s: {path[2] for path in own} for s, own in found.items()}
    assert not people["train"] & people["validation"]
    assert (len(found["train"]), len(found["validation"])) == (60, 40)
    assert (
        set(found["train"].values()) == set(found["validation"].values()) == {"x", "y"}
    )


def test_divisions_differ_by_their_draw_and_not_by_chance(tmp_path):
    of(tmp_path)
    draws = [classes(tmp_path, draw=n)["validation"] for n in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert [list(draws[0].values()).count(c) for c in "xy"] == [10, 10]


def test_a_division_by_videos_is_warned_of(tmp_path):
    of(tmp_path)
    with pytest.warns(UserWarning, match="--group says which belong together"):
        classes(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classes(tmp_path, group="/([a-e])-")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((), "has no videos; expected is a subfolder for each class"),
        (("a.mp4",), r"has no videos; .*; a\.mp4 is in no subfolder"),
        (("x/1.mp4", "x/2.mp4"), "has only one class, 'x'; expected two or more"),
        (
            ("x/1.mp4", "x/2.mp4", "y/1.mp4"),
            "class 'y' has one video; expected two",
        ),
        (("x/1.txt", "y/1.txt"), "has no videos; expected is a subfolder for each"),
        (
            ("x/1.mp4", "y/1.mp4", "z/1.gif", "z/a/2.png", "z/.hidden"),
            r"z: the class has no videos, found \.gif, \.png; allowed are \.3g2, ",
        ),
        (("x/1.mp4", "y/1.mp4", "z/a"), "z: .* no videos, found files without endings"),
        (("x/1.mp4", "y/1.mp4", "z/.a"), "z: .* no videos, found no files that can be"),
        (
            ("train/x/1.mp4", "train/y/1.gif"),
            r"train/y: the class has no videos, found",
        ),
        ((" x/1.mp4", "y/1.mp4"), "a class is called ' x', expected one line"),
        (
            ("caf\udce9/1.mp4", "y/1.mp4"),
            r"a class is called 'caf\\udce9', expected one",
        ),
        (
            ("x/caf\udce9.mp4", "y/1.mp4"),
            r"a video is called 'x/caf\\udce9\.mp4', expected one line in UTF-8",
        ),
        (
            ("x/a\nb.mp4", "y/1.mp4"),
            r"a video is called 'x/a\\nb\.mp4', expected one li",
        ),
        (("train/x/1.mp4", "train/x/2.mp4"), "has only one class"),
    ],
)
def test_a_folder_that_is_no_dataset_is_named(tmp_path, paths, message):
    touch(tmp_path, *paths)
    with pytest.raises(ValueError, match=message) as caught:
        classes(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"validation": 1.5},
            r"^parameter validation: received 1\.5, allowed is a sha",
        ),
        ({"group": "("}, r"^parameter group: received '\(', which is not a regular ex"),
        ({"group": "z(.)"}, r"received 'z\(\.\)', which matches nothing in 'x/a-0'"),
        ({"group": "z*"}, r"received 'z\*', which matches nothing in 'x/a-0'"),
        ({"group": "a(z*)"}, r"received 'a\(z\*\)', which matches nothing in 'x/a-0'"),
        ({"group": "^(.)"}, "no division of these with every class in training"),
    ],
)
def test_a_wrong_division_is_named(tmp_path, options, message):
    of(tmp_path)
    with pytest.raises(ValueError, match=message):
        classes(tmp_path, **options)


def test_classes_that_are_told_by_side_are_not_mirrored(tmp_path):
    splits = {"train": {"1": "turn left", "2": "turn right", "3": "jump"}}
    kind = own.kind_of(splits, ("turn left", "turn right"))
    made = datasets.Dataset("mine", ("jump", "turn left", "turn right"), {}, None, kind)
    assert made.may_flip == (True, False, False)
    with pytest.raises(
        ValueError, match=r"received 'left', allowed are 'jump', 'turn left'"
    ):
        own.kind_of(splits, ("left",))


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        (("left", "right"), "--no-flip left,right"),
        (("left up", "right"), "--no-flip 'left up' --no-flip right"),
        (("left,up", "right"), "--no-flip left,up --no-flip right"),
    ],
)
def test_the_options_that_a_warning_names_can_be_pasted(labels, options):
    splits = {"train": {"1": "jump, up", **dict(zip("23", labels, strict=True))}}
    with pytest.warns(UserWarning, match=f"; {options} leaves them as they are"):
        own.kind_of(splits)
    given = tuple(shlex.split(options)[1::2])
    assert own.kind_of(splits, given).no_flip == labels
    given = (f"{labels[1]} , {labels[1]}", "jump, up")
    assert own.kind_of(splits, given).no_flip == (labels[1], "jump, up")


def test_a_list_with_a_header_alone_is_no_split_that_is_evaluated():
    splits = {"train": {"1": "x", "2": "y"}, "validation": {}, "test": {"3": "x"}}
    assert own.kind_of(splits).evaluated == "test"


# In parts, again, and two at once.


def test_what_the_first_part_says_holds_for_all(turns):
    both = ("turn left", "turn right")
    said = own.Options(draw=1, no_flip=both)
    assert prepare(turns, part="1/2", own=said, short_side=36) is None
    # What is left out is what was said.
    assert prepare(turns, part="2/2", own=own.Options(draw=1)) is None
    kept = {path: path.read_bytes() for path in turns.parent.rglob("lists/*.csv")}
    for options, message in (
        ({"no_flip": both[:1]}, "no_flip is 'turn left', but 'turn left,turn right'"),
        ({"draw": 2}, "8 videos in train, but the dataset has 8 others; 2 v"),
        ({"short_side": 48}, "short_side is 48, but 36 in the dataset"),
    ):
        how = {"short_side": options.pop("short_side", None)}
        how["own"] = own.Options(**{"draw": 1} | options)
        message = f"mine is partly prepared, but differently: {message}"
        for part in ("2/2", None):
            with pytest.raises(ValueError, match=message):
                prepare(turns, part=part, **how)
    assert kept == {path: path.read_bytes() for path in kept}
    merged = preparation.merge("mine", turns.parent / "data", False)
    assert merged.may_flip == (False, False) and merged.kind.short_side == 36
    assert merged.num_videos("train") == 8


def test_what_is_prepared_is_kept_without_the_videos(turns):
    made = prepare(turns, own=own.Options(draw=1), short_side=36)
    assert made.kind.short_side == 36
    shutil.rmtree(turns)
    assert prepare(turns, own=own.Options(draw=1), short_side=36).splits == made.splits
    with pytest.raises(
        ValueError, match=r"differently: no_flip is 'turn left', but ''"
    ):
        prepare(turns, own=own.Options(no_flip=("turn left",)))
    with pytest.raises(FileNotFoundError, match="there is no such folder of videos"):
        preparation.prepare("other", turns.parent / "data", videos=turns)


def test_one_process_at_a_time_says_what_a_dataset_is(turns, monkeypatch):
    describe, free = preparation.describe, []

    def watched(place, *options):
        with place.lock.open() as lock:
            free.append((try_lock(lock, shared=True), try_lock(lock)))
        if free[-1][0]:  # other parts go on, but do not describe
            with (place.partial / ".lock").open() as lock:
                assert not try_lock(lock)
        return describe(place, *options)

    monkeypatch.setattr(preparation, "describe", watched)
    prepare(turns, part="1/1")
    prepare(turns)
    assert free == [(True, False), (False, False)]


def test_lists_that_are_as_they_were_are_left_alone(tmp_path):
    splits = {"train": {"1": "x", "2": "y"}, "validation": {"3": "x"}}
    own.write_lists(splits, tmp_path)
    os.utime(tmp_path / "train.csv", (1, 1))
    own.write_lists({**splits, "validation": {"2": "x"}}, tmp_path)
    assert (tmp_path / "train.csv").stat().st_mtime == 1
    assert (tmp_path / "validation.csv").read_text() == "label,path\nx,2\n"
    own.write_lists({"train": splits["train"]}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("part", [None, "1/1"])
def test_warnings_name_the_line_that_prepares(turns, part):
    with in_process(), pytest.warns(UserWarning) as caught:
        preparation.prepare("mine", turns.parent, False, videos=turns, part=part)
    assert [warning.filename for warning in caught] == [__file__] * 2


def test_lists_with_paths_are_taken_as_they_are(tmp_path):
    for name in ("a 1", "b", "c"):
        write_video(tmp_path / f"{name}.mp4", clock(6))
    (tmp_path / "train.csv").write_text("label,path\nx,a 1.mp4\ny,b.mp4\nx,gone.mp4\n")
    (tmp_path / "val.csv").write_text("path,label\nc.mp4,y\n")
    made = preparation.prepare(
        "listed",
        tmp_path / "d",
        videos=tmp_path,
        workers=1,
        progress=False,
        max_aside=0.4,
    )
    assert sorted(made.frames("train").ids.tolist()) == ["a 1.mp4", "b.mp4"]
    assert [video.id for video in made.aside] == ["gone.mp4"]
    with pytest.raises(ValueError, match=r"has lists .*, so group is not allowed"):
        preparation.prepare(
            "more", tmp_path / "d", videos=tmp_path, own=own.Options(group="a")
        )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pantomime-20", "is not made of videos that you list"),
        ("my videos", "received 'my videos', which is not a valid name; allowed are"),
        ("../x", "which is not a valid name"),
        ("ä", "which is not a valid name"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path, name, message):
    touch(tmp_path, *TWO)
    with pytest.raises(ValueError, match=message):
        preparation.prepare(name, tmp_path / "d", videos=tmp_path)


def test_what_is_said_of_your_own_videos_is_refused_for_others(tmp_path):
    with pytest.raises(
        ValueError, match="received group, allowed only for a dataset of"
    ):
        preparation.prepare("kinetics-400", tmp_path, own=own.Options(group="a"))


def test_a_division_without_the_videos_is_refused(turns):
    prepare(turns)
    with pytest.raises(ValueError, match=r"mine: received draw, allowed .* its videos"):
        preparation.prepare("mine", turns.parent / "data", own=own.Options(draw=1))
