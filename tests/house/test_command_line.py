"""What commands do not accept is named, with what they do."""

import errno
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import r3d_rs
from r3d_rs.cli import main

ROOT = Path(__file__).parents[2]

#: Pages with commands in blocks of code.
PAGES = [ROOT / "README.md", *sorted((ROOT / "book").glob("*.md"))]


def call(*words):
    return CliRunner().invoke(main, words, prog_name="r3d-rs")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("lst", "No such command 'lst'. Did you mean 'list'?"),
        (
            "data prepare ucf101 --vidoes a",
            "'--vidoes'. (Did you mean one of: '--validation', '--videos'?)",
        ),
        (
            "run ablation/SE --dataset kinetics-40",
            "'--dataset': received 'kinetics-40'; did you mean kinetics-400,",
        ),
        ("data verify else", "'DATASET': received 'else'. Allowed: pantomime, pant"),
        (
            "run scaling/RS-51",
            "'EXPERIMENT': received 'scaling/RS-51'; did you mean scaling/RS-50,",
        ),
        ("run ablation/SE -p threads", "received 'threads', expected NAME=VALUE"),
        ("run ablation/SE --seed one", "'--seed': 'one' is not a valid integer"),
        (
            "list scaling/RS-51 --checkpoints no/such",
            "experiment: none begins with 'scaling/RS-51'; allowed are scaling/R3D-50",
        ),
        (
            "list scaling --dataset ucf --checkpoints no/such",
            "dataset: none begins with 'ucf'; allowed are pantomime-20",
        ),
        (
            "rerun --results no/such",
            "'--results': received no/such, which is not a folder",
        ),
        ("cost --results no/such", "'--results': received no/such, which is not a fo"),
        ("report tables --results no/such", "received no/such, which is not a folder"),
        (
            "report views --point RS-51",
            "'--point': received 'RS-51'; did you mean RS-5",
        ),
        (
            "run finetune/pantomime-30 --dataset pantomime-20",
            "--dataset: received 'pantomime-20'; finetune/pantomime-30 trains on panto",
        ),
        ("tpu plan RS-51", "received 'RS-51'; did you mean RS-50,"),
        ("tpu plan --clips 0", "'--clips': 0 is not in the range x>=1"),
        ("predict a.mp4", "--network names a published network or the folder"),
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
def test_wrong_words_are_named_with_what_is_allowed(words, message):
    done = call(*words.split())
    assert done.exit_code == 2
    assert "\nError: " in done.stderr
    assert message in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("seed: received -1"), "seed: received -1"),
        (
            FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a.mp4"),
            "a.mp4: No such file or directory",
        ),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device"),
        (MemoryError(), "out of memory"),
        (RuntimeError("can't start new thread"), "can't start new thread"),
        (
            ModuleNotFoundError("No module named 'av'", name="av"),
            "the Python package 'av' is not installed: in a checkout of"
            f" {r3d_rs.REPOSITORY}, `pip install -e '.[data,study]'` brings it",
        ),
    ],
)
def test_an_expected_failure_is_one_message(error, message, monkeypatch):
    def fail(**options):
        raise error

    monkeypatch.setattr(main.commands["predict"], "callback", fail)
    done = call("predict", "a.mp4", "--network", "b")
    assert (done.exit_code, done.output) == (1, f"Error: {message}\n")


@pytest.mark.parametrize(
    "words",
    [
        "data prepare kinetics-400 --videos {}",
        "data prepare kinetics-400 --annotations {}",
        "data prepare kinetics-400 --records {}",
        "data prepare kinetics-400 --records a --labels {}",
        "data inspect pantomime-20 --picture {}",
        "data verify kinetics-400 --data-dir {}",
        "list --results {}",
        "run ablation/SE --checkpoints {}",
        "rerun --keep {}",
        "rerun --folder {}",
        "rerun --made {}",
        "report views --results {}",
        "predict {} --network a",
        "predict a.mp4 --network {}",
    ],
)
def test_an_address_is_no_folder(words, tmp_path, monkeypatch):
    """It would become a folder named after its scheme."""
    monkeypatch.chdir(tmp_path)
    for address in ("gs://bucket/a", "s3://bucket", "https://host/a.csv", "hdfs:/a"):
        done = call(*words.format(address).split())
        assert done.exit_code == 2
        assert f"received '{address}', an address of" in " ".join(done.output.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "said"), [(KeyboardInterrupt(), "\nAborted!\n"), (BrokenPipeError(), "")]
)
def test_whoever_ends_a_command_sees_no_traceback(error, said, monkeypatch):
    """By Ctrl-C, or by reading only some of what it prints."""
    if isinstance(error, OSError):
        error.errno = errno.EPIPE

    def stop(**options):
        raise error

    monkeypatch.setattr(main.commands["cost"], "callback", stop)
    done = call("cost", "--results", str(ROOT / "results"))
    assert (done.exit_code, done.output) == (1, said)


def commands(group=main, words=()):
    """Yield all commands and groups with the words that call them."""
    yield words, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*words, name))


@pytest.mark.parametrize(
    ("words", "command"),
    [pytest.param(*one, id=" ".join(one[0])) for one in commands()],
)
def test_help_explains_every_command_and_option(words, command):
    done = call(*words, "--help")
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: {' '.join(['r3d-rs', *words])} ")
    assert "..." not in done.output.replace("ARGS]...", "")  # a sentence is cut there
    for option in command.params:
        assert isinstance(option, click.Argument) or option.help.endswith("."), option


def test_the_version_is_the_packages():
    assert call("--version").output == f"r3d-rs {r3d_rs.__version__}\n"


def test_help_loads_click_alone():
    """Modules of all commands are imported, but not what they call."""
    words = ["-X", "importtime", "-m", "r3d_rs", "data", "prepare", "--help"]
    done = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: python -m r3d_rs data prepare ")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {"click", "r3d_rs.cli", "r3d_rs.report.commands"} <= loaded
    heavy = {"numpy", "pandas", "scipy", "matplotlib", "keras", "jax", "tensorflow"}
    assert not loaded & heavy


def shown():
    """Return the commands in the pages' blocks of code."""
    blocks = re.compile(r"^(?:    (?:\w+=\w+ )?)?r3d-rs (.*?)(?: +#.*)?$", re.MULTILINE)
    return [
        pytest.param(shlex.split(words), id=f"{page.stem}: {words}")
        for page in PAGES
        for words in blocks.findall(page.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("words", shown())
def test_commands_of_the_pages_are_those_of_the_command_line(words, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(click.Command, "invoke", lambda command, ctx: None)
    assert call(*words).exit_code == 0


def test_the_pages_show_commands():
    assert len(shown()) > 10
