"""Short of disk, permission, file handles or memory: one clear error, and nothing lost.

The same again with enough of it ends as if nothing had been.
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

from r3d_rs.data import clip, datasets, preparation, processes
from r3d_rs.experiments import record
from tests.faults.test_killed import outcome, tree
from tests.shared import kill, tiny_run
from tests.shared.made_up import made_up, made_up_scores
from tests.shared.tally import LONG, random, tallied, times
from tests.shared.tiny import write_videos

pytestmark = pytest.mark.slow

PART = "shortage"
NOBODY = 65534
MEGABYTE = 2**20

#: How native code, as TensorFlow's, ends a process without memory: it fails a check,
#: lacks one, or waits for ever. Nothing is promised of what it says then.
CRASHED = (-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGKILL)


def is_clear(code: int, said: str) -> bool:
    """Say whether a failure was an expected one, told in one line at the end.

    Threads of other packages may have told of their own failures before.
    """
    return code == 1 and "error: " in said.splitlines()[-1].lower()


@contextlib.contextmanager
def mounted(*options):
    """Mount something on a new folder, if this user may."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        done = subprocess.run(
            ["mount", *map(str, options), folder], capture_output=True, text=True
        )
    except OSError as error:
        pytest.skip(f"mounting needs root and the program mount: {error}")
    if done.returncode:
        folder.rmdir()
        pytest.skip(f"mounting needs root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def disk(size: float):
    """Mount a disk of so many bytes."""
    return mounted("-t", "tmpfs", "-o", f"size={int(size)}", "tmpfs")


def enlarge(folder: Path, size: float):
    subprocess.run(["mount", "-o", f"remount,size={int(size)}", folder], check=True)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    write_videos(folder, {"train": 100, "validate": 5})
    return folder


def prepare(videos, data_dir, **options):
    """Prepare a dataset by the command line."""
    command = ("data", "prepare", tiny_run.NAME, "--videos", videos)
    return kill.command(*command, "--data-dir", data_dir, **options)


@pytest.fixture(scope="module")
def prepared(videos, tmp_path_factory):
    """A dataset that was never short of anything."""
    folder = tmp_path_factory.mktemp("prepared")
    preparation.prepare(tiny_run.NAME, folder, progress=False, videos=videos)
    return folder


def finished_shards(data_dir):
    """Return inode and time of the shards that a preparation has finished."""
    files = kill.files(data_dir)
    return {
        files[name.removesuffix(".json") + ".tfrecord"]
        for name in files
        if "/partial/" in name and name.endswith(".json")
    }


def check_preparation(
    tally, videos, data_dir, expected, how, code, said, crashes=False
):
    """See that a preparation failed in one line, and that the next goes on."""
    if code == 0:
        tally.count(tree(data_dir) == expected, f"{how}: another dataset")
        return
    if not (crashes and code in CRASHED):
        tally.count(is_clear(code, said), f"{how}: {code}, it said {said[-2000:]!r}")
    before = finished_shards(data_dir)
    preparation.prepare(tiny_run.NAME, data_dir, progress=False, videos=videos)
    tally.count(tree(data_dir) == expected, f"{how}: another dataset")
    again = before - set(kill.files(data_dir).values())
    tally.count(not again, f"{how}: {len(again)} shards were written again")


def test_a_full_disk_in_preparation(videos, prepared):
    expected, generator = tree(prepared), random("full disk")
    size = sum(map(len, expected.values()))
    fault = "preparation on a full disk"
    with tallied(PART, fault, "test_a_full_disk_in_preparation") as tally:
        for _ in range(times(2, 12)):
            share = generator.uniform(0.05, 0.95)
            with disk(share * size) as folder:
                code, said = prepare(videos, folder)
                how = f"a disk of {share:.0%} of what it takes"
                named = "No space left on device" in said and str(folder) in said
                tally.count(named, f"{how}: it said {said[-2000:]!r}")
                enlarge(folder, 4 * size)
                check_preparation(tally, videos, folder, expected, how, code, said)


def do(data_dir, folder):
    """Do a run; an expected failure is one line, as the command line has it."""
    try:
        tiny_run.do(data_dir, folder)
    except (OSError, ValueError, MemoryError) as error:
        sys.exit(f"{type(error).__name__}: {str(error) or 'out of memory'}")


@pytest.fixture(scope="module")
def whole_run(prepared, tmp_path_factory):
    """What a run gives that is never short of anything, and the bytes it takes."""
    folder = tmp_path_factory.mktemp("whole")
    tiny_run.do(prepared, folder)
    return outcome(folder), sum(map(len, tree(folder).values()))


def check_run(tally, data_dir, folder, expected, how, code, said, crashes=False):
    """See that a run failed in one line or not at all, and that the next goes on."""
    if code == 0:
        tally.count(outcome(folder) == expected, f"{how}: another outcome")
        return
    if not (crashes and code in CRASHED):
        tally.count(is_clear(code, said), f"{how}: {code}, it said {said[-2000:]!r}")
    found = record.find(folder / "results")
    tally.count(not found, f"{how}: it failed and there is a record")
    tiny_run.do(data_dir, folder)
    tally.count(outcome(folder) == expected, f"{how}: another outcome after")


def test_a_full_disk_in_a_run(prepared, whole_run):
    """It fills while states, the network or the record are written."""
    expected, size = whole_run
    generator, fault = random("full disk in a run"), "a run on a full disk"
    with tallied(PART, fault, "test_a_full_disk_in_a_run") as tally:
        for _ in range(times(1, 10)):
            share = generator.uniform(0.1, 1.5)
            with disk(share * size) as folder:
                code, said = kill.ended(do, prepared, folder)
                how = f"a disk of {share:.0%} of what it leaves"
                if code:
                    named = "No space left on device" in said and str(folder) in said
                    tally.count(named, f"{how}: it said {said[-2000:]!r}")
                enlarge(folder, 20 * size)
                check_run(tally, prepared, folder, expected, how, code, said)


def test_a_full_disk_of_records(tmp_path):
    generator, fault = random("full disk of records"), "a record on a full disk"
    with tallied(PART, fault, "test_a_full_disk_of_records") as tally:
        for _ in range(times(10, 200)):
            # Pages of a tmpfs have 4096 bytes, and so has each folder.
            with disk(4096 * int(generator.integers(1, 8))) as folder:
                names = ("pantomime-20", "scaling", "RS-50", "seed-0.json")
                target = folder.joinpath("results", *names)
                target.parent.mkdir(parents=True)
                with contextlib.suppress(OSError):
                    (folder / "ballast").write_bytes(
                        bytes(int(generator.integers(30000)))
                    )
                try:
                    record.write(made_up(), folder / "results", made_up_scores())
                except OSError as error:
                    tally.count(
                        error.errno == errno.ENOSPC and str(folder) in str(error),
                        repr(error),
                    )
                for found in record.find(folder / "results"):
                    record.scores_of(folder / "results", found)
                enlarge(folder, 2**20)
                record.write(made_up(), folder / "results", made_up_scores())
                [found] = record.find(folder / "results")
                scores = record.scores_of(folder / "results", found)
                left = [n for n in tree(folder / "results") if n.endswith(".tmp")]
                tally.count(len(scores.ids) == 40 and not left, f"{left} are left")


def test_a_folder_that_may_only_be_read(videos, prepared):
    """A dataset there can be loaded; nothing can be made there, and that is said."""
    fault = "a folder that may only be read"
    with (
        tallied(PART, fault, "test_a_folder_that_may_only_be_read") as tally,
        mounted("--bind", "-o", "ro", prepared) as read_only,
    ):
        code, said = prepare(videos, read_only)
        tally.count(code == 0, f"a dataset that is prepared: {said}")
        found = datasets.load(tiny_run.NAME, read_only)
        tally.count(found.num_videos("train") == 100, "it cannot be loaded")
        for what, code, said in (
            ("preparation", *prepare(videos, read_only / "new")),
            ("a run", *kill.ended(do, prepared, read_only / "run")),
            ("a run's results", *kill.ended(write, read_only / "results")),
        ):
            named = "Read-only file system" in said and str(read_only) in said
            clear = named and is_clear(code, said)
            tally.count(clear, f"{what}: exit code {code}: {said}")


def write(results):
    """Write a record; an expected failure is one line."""
    try:
        record.write(made_up(), results, made_up_scores())
    except OSError as error:
        sys.exit(f"{type(error).__name__}: {error}")


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


def test_no_permission(videos, others_folder):
    """Another user may not write to a folder, or not read a video."""
    shutil.copytree(videos, others_folder / "videos")
    mine = others_folder / "mine"
    mine.mkdir(mode=0o755)
    fault = "no permission"
    with tallied(PART, fault, "test_no_permission") as tally:
        for what, code, said in (
            ("preparation", *prepare(videos, mine / "data", before=as_nobody)),
            ("a record", *kill.ended(write, mine / "results", before=as_nobody)),
        ):
            clear = "Permission denied" in said and is_clear(code, said)
            tally.count(clear, f"{what}: exit code {code}: {said}")
        tally.count(not list(mine.iterdir()), f"{list(mine.iterdir())} are left")


def limited(kind: int, value: int):
    resource.setrlimit(kind, (value, value))


def test_no_file_handles_in_preparation(videos, prepared, tmp_path):
    """No video is set aside because the machine has no handle to open it."""
    expected, generator = tree(prepared), random("handles")
    fault = "preparation with few file handles"
    with tallied(PART, fault, "test_no_file_handles_in_preparation") as tally:
        for number in range(times(3, 20)):
            folder, most = tmp_path / str(number), int(generator.integers(12, 60))
            before = functools.partial(limited, resource.RLIMIT_NOFILE, most)
            code, said = prepare(videos, folder, before=before)
            how = f"{most} handles"
            check_preparation(tally, videos, folder, expected, how, code, said)


@pytest.mark.skipif(not LONG, reason="of the long version: R3D_RS_FAULTS=long")
def test_no_file_handles_in_a_run(prepared, whole_run, tmp_path):
    generator, fault = random("handles in a run"), "a run with few file handles"
    with tallied(PART, fault, "test_no_file_handles_in_a_run") as tally:
        for number in range(12):
            folder, most = tmp_path / str(number), int(generator.integers(4, 12))
            before = functools.partial(limited, resource.RLIMIT_NOFILE, most)
            code, said = kill.ended(do, prepared, folder, before=before)
            check_run(
                tally, prepared, folder, whole_run[0], f"{most} handles", code, said
            )


@pytest.mark.skipif(not LONG, reason="of the long version: R3D_RS_FAULTS=long")
def test_no_memory_in_a_run(prepared, whole_run, tmp_path):
    generator, fault = random("memory in a run"), "a run with little memory"
    with tallied(PART, fault, "test_no_memory_in_a_run") as tally:
        for number in range(12):
            folder, most = tmp_path / str(number), int(generator.integers(600))
            before = functools.partial(with_more, most)
            code, said = kill.ended(do, prepared, folder, before=before)
            how, expected = f"{most} MB more", whole_run[0]
            check_run(tally, prepared, folder, expected, how, code, said, crashes=True)


def allocated() -> int:
    """Return how many bytes this process has allocated."""
    [line] = [
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmData")
    ]
    return 1024 * int(line.split()[1])


def with_more(megabytes: int):
    """Let this process allocate only so many more."""
    limited(resource.RLIMIT_DATA, allocated() + megabytes * MEGABYTE)


def test_no_memory_in_preparation(videos, prepared, tmp_path):
    """The process that writes, and with a lower limit those that decode."""
    expected, generator = tree(prepared), random("memory")
    fault = "preparation with little memory"
    with tallied(PART, fault, "test_no_memory_in_preparation") as tally:
        for number in range(times(3, 20)):
            folder, most = tmp_path / str(number), int(generator.integers(300))
            before = functools.partial(with_more, most)
            code, said = prepare(videos, folder, before=before)
            how = f"{most} MB more"
            check_preparation(
                tally, videos, folder, expected, how, code, said, crashes=True
            )


def starved(path, short_side, megabytes):
    """Decode a video when the machine has no memory for it."""
    with_more(megabytes)
    return clip.encoded(path, short_side)


def test_no_memory_to_decode(videos):
    """The video is not set aside for it: that is an error."""
    paths = sorted(videos.rglob("*.mp4"))[: times(1, 100)]
    with tallied(PART, "decoding with no memory", "test_no_memory_to_decode") as tally:
        for path in paths:
            calls = processes.isolated_map(starved, [(path, 4000, 1)], 1)
            try:
                tally.count(False, f"{path}: {next(calls)!r}"[:200])
            except ChildProcessError as error:
                tally.count("what is finished stays" in str(error), repr(error))
