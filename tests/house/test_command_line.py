"""What commands do not accept is named, with what they do."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import r3d_rs
from r3d_rs import __main__ as command_line

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "list scaling/RS-51 --checkpoints no/such",
            "experiment: none begins with 'scaling/RS-51'; allowed",
        ),
        (
            "list scaling --dataset ucf --checkpoints no/such",
            "dataset: none begins with 'ucf'; allowed are p",
        ),
        ("rerun --results no/such", "--results: received no/such, which is no folder"),
        ("cost --results no/such", "--results: received no/such, which is no folder"),
        ("tables --results no/such", "--results: received no/such, which is no folder"),
        ("plan --clips 0", "--clips: received 0, allowed is 1 or more"),
        (
            "data prepare kinetics-400 --labels a",
            "--labels: allowed only with --records",
        ),
        (
            "data prepare kinetics-400 --records a --short-side 9",
            "--short-side: not allowed with --records",
        ),
    ],
)
def test_wrong_options_are_named(words, message):
    arguments = command_line.parser().parse_args(words.split())
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        arguments.command(arguments)


NAMES = {
    "/usr/local/bin/r3d-rs": "r3d-rs",
    "/home/r3d-rs/r3d_rs/__main__.py": "python -m r3d_rs",
}
ERRORS = [
    (ValueError("seed: received -1"), "seed: received -1"),
    (
        FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a.mp4"),
        "a.mp4: No such file or directory",
    ),
    (
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        "No space left on device",
    ),
    (MemoryError(), "out of memory"),
    (RuntimeError("can't start new thread"), "can't start new thread"),
    (
        ModuleNotFoundError("No module named 'av'", name="av"),
        "the Python package 'av' is not installed: in a checkout of"
        f" {r3d_rs.REPOSITORY}, `pip install -e '.[data,study]'` brings it",
    ),
]


@pytest.mark.parametrize(("script", "name"), NAMES.items())
@pytest.mark.parametrize(("error", "message"), ERRORS)
def test_an_expected_failure_is_a_message_of_the_program(
    script, name, error, message, monkeypatch
):
    def fail(arguments):
        raise error

    monkeypatch.setattr(command_line, "predict", fail)
    monkeypatch.setattr("sys.argv", [script, "predict", "a.mp4", "--checkpoint", "b"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == f"{name}: error: {message}"


@pytest.mark.parametrize(("script", "name"), NAMES.items())
def test_usage_names_the_program_that_was_started(script, name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [script, "walk"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"usage: {name} [-h]")
    assert f"{name}: error: argument command: invalid choice: 'walk'" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--version", f"r3d-rs {r3d_rs.__version__}\n"),
        ("--help", "usage: r3d-rs [-h]"),
        ("data prepare --help", "usage: r3d-rs data prepare [-h]"),
    ],
)
def test_version_and_help_load_python_alone(options, said):
    code = (
        "import atexit, sys; from r3d_rs.__main__ import main;"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        f"sys.argv = ['r3d-rs', *{options.split()}]; main()"
    )
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(said)
    loaded = {module.split(".")[0] for module in done.stderr.split()}
    assert loaded <= {*sys.stdlib_module_names, "__main__", "r3d_rs"}
