"""Short of disk, permission, file handles or memory: one clear error, nothing lost.

The same command with enough of it ends with the same bytes.
"""

import contextlib
import errno
import functools
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from r3d_rs.data import datasets
from r3d_rs.experiments import record
from r3d_rs.preparation import processes
from r3d_rs.videos import clip
from tests.shared import kill, tiny_run
from tests.shared.made_up import made_up, made_up_scores
from tests.shared.tiny import write_videos

NOBODY = 65534

#: How native code, as TensorFlow's, ends a process without memory: it fails a check,
#: lacks one, or waits for ever. Nothing is promised of what it says then.
CRASHED = (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGKILL)


def is_clear(code: int, said: str, *words) -> bool:
    """Return whether a failure was told in one line at the end, with these words.

    Threads of other packages may have told of their own failures before.
    """
    told = code == 1 and "error: " in said.splitlines()[-1].lower()
    return told and all(str(word) in said for word in words)


@contextlib.contextmanager
def disk(size: float):
    """Mount a disk of so many bytes on a new folder, if this user may."""
    folder = Path(tempfile.mkdtemp())
    command = ["mount", "-t", "tmpfs", "-o", f"size={int(size)}", "tmpfs", folder]
    if os.getuid() or subprocess.run(command).returncode:
        folder.rmdir()
        pytest.skip("mounting needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def enlarge(folder: Path, size: float):
    subprocess.run(["mount", "-o", f"remount,size={int(size)}", folder], check=True)


def limited(kind: int, value: int):
    resource.setrlimit(kind, (value, value))


def with_more(megabytes: int):
    """Let this process allocate only so many more."""
    status = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in status if line.startswith("VmData")]
    limited(resource.RLIMIT_DATA, 1024 * int(line.split()[1]) + megabytes * 2**20)


# Preparation.


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    write_videos(folder, {"train": 100, "validate": 5})
    return folder


@pytest.fixture(scope="module")
def prepared(videos, tmp_path_factory):
    """A dataset that was never short of anything."""
    folder = tmp_path_factory.mktemp("prepared")
    tiny_run.prepare(videos, folder)
    return folder


def prepare(videos, data_dir, **options):
    """Prepare a dataset by the command line."""
    command = ("data", "prepare", tiny_run.NAME, "--videos", videos)
    return kill.command(*command, "--data-dir", data_dir, **options)


def goes_on(videos, data_dir, expected):
    """Prepare once more: finished shards are not written again."""
    before = kill.files(data_dir)
    done = {
        before[name.removesuffix(".json") + ".tfrecord"]
        for name in before
        if "/partial/" in name and name.endswith(".json")
    }
    tiny_run.prepare(videos, data_dir)
    assert kill.tree(data_dir) == kill.tree(expected)
    assert done <= set(kill.files(data_dir).values())


@pytest.mark.slow
def test_a_full_disk_in_preparation(videos, prepared):
    size = sum(map(len, kill.tree(prepared).values()))
    with disk(0.6 * size) as folder:
        code, said = prepare(videos, folder)
        assert is_clear(code, said, "No space left on device", folder), said
        enlarge(folder, 4 * size)
        goes_on(videos, folder, prepared)


@pytest.mark.slow
@pytest.mark.parametrize("most", [15, 30])
def test_no_file_handles_in_preparation(videos, prepared, tmp_path, most):
    """No video is set aside because the machine has no handle to open it."""
    before = functools.partial(limited, resource.RLIMIT_NOFILE, most)
    code, said = prepare(videos, tmp_path, before=before)
    assert code == 0 or is_clear(code, said), said
    goes_on(videos, tmp_path, prepared)


@pytest.mark.slow
@pytest.mark.parametrize("megabytes", [20, 200])
def test_no_memory_in_preparation(videos, prepared, tmp_path, megabytes):
    """Neither for the process that writes nor for those that decode."""
    before = functools.partial(with_more, megabytes)
    code, said = prepare(videos, tmp_path, before=before)
    assert code in (0, *CRASHED) or is_clear(code, said), said
    goes_on(videos, tmp_path, prepared)


def starved(path, short_side, megabytes):
    """Decode a video when the machine has no memory for it."""
    with_more(megabytes)
    return clip.encoded(path, short_side)


@pytest.mark.slow
def test_no_memory_to_decode(videos):
    """The video is not set aside for it: that is an error."""
    path = min(videos.rglob("*.mp4"))
    with pytest.raises(ChildProcessError, match="what is finished stays"):
        next(processes.isolated_map(starved, [(path, 4000, 1)], 1))


# Runs and records.


@pytest.fixture(scope="module")
def whole_run(data_dir, tmp_path_factory):
    """The folder of a run that was never short of anything."""
    folder = tmp_path_factory.mktemp("whole")
    tiny_run.do(data_dir, folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.4, 0.9])
def test_a_full_disk_in_a_run(data_dir, whole_run, share):
    """It fills while states, the network or the record are written."""
    size = sum(map(len, kill.tree(whole_run).values()))
    with disk(share * size) as folder:
        code, said = kill.ended(tiny_run.do, data_dir, folder)
        assert is_clear(code, said, "No space left on device", folder), said
        assert not record.find(folder / "results")
        enlarge(folder, 20 * size)
        tiny_run.do(data_dir, folder)
        assert tiny_run.outcome(folder) == tiny_run.outcome(whole_run)


@pytest.mark.parametrize("pages", range(1, 8))
def test_a_full_disk_of_records(pages):
    """A record is there with its scores, or not at all."""
    # Pages of a tmpfs have 4096 bytes, and so has each folder.
    with disk(4096 * pages) as folder:
        results, scores = folder / "results", made_up_scores()
        with contextlib.suppress(OSError):
            results.joinpath("pantomime-20", "scaling", "RS-50").mkdir(parents=True)
        try:
            record.write(made_up(), results, scores)
        except OSError as error:
            assert error.errno == errno.ENOSPC and str(folder) in str(error)
        for found in record.find(results):
            record.scores_of(results, found)
        enlarge(folder, 2**20)
        record.write(made_up(), results, scores)
        [found] = record.find(results)
        assert len(record.scores_of(results, found).ids) == len(scores["ids"])
        assert not [name for name in kill.tree(results) if ".tmp" in name]


# Folders that may not be written.


@pytest.fixture
def others_folder():
    """A folder that other users may read, unlike pytest's."""
    if os.getuid():
        pytest.skip("becoming another user needs root")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody():
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def write(results):
    """Write a record; an expected failure is one line."""
    try:
        record.write(made_up(), results, made_up_scores())
    except OSError as error:
        sys.exit(f"error: {error}")


@pytest.mark.slow
def test_no_permission(videos, others_folder):
    for code, said in (
        prepare(videos, others_folder / "data", before=as_nobody),
        kill.ended(write, others_folder / "results", before=as_nobody),
    ):
        assert is_clear(code, said, "Permission denied"), said
    assert not list(others_folder.iterdir())


@pytest.mark.slow
def test_a_read_only_disk(videos, prepared):
    """A dataset there can be used; nothing can be made there, and that is said."""
    with disk(2**30) as folder:
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        code, said = prepare(videos, folder)
        assert code == 0, said
        assert datasets.load(tiny_run.NAME, folder).num_videos("train") == 100
        for code, said in (
            prepare(videos, folder / "new"),
            kill.ended(tiny_run.do, prepared, folder / "run"),
        ):
            assert is_clear(code, said, "Read-only file system", folder), said
