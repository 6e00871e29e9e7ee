"""What commands do not accept is named, with what they do."""

import pytest

from r3d_rs import __main__ as command_line

pytestmark = pytest.mark.one_backend  # the backend does not matter


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
        ("list --results no/such", "--results: received no/such, which is no folder"),
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
