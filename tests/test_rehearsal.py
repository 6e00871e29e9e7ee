"""A run of several hosts, as on a slice of a TPU: two processes of two devices each.

They follow the sequence of the book's TPU chapter on the loopback address: every
process executes the same notebook by papermill, one is killed, and the same commands
again go on and end with one record.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from r3d_rs.data import datasets
from r3d_rs.study import record

ROOT = Path(__file__).parents[1]
EPOCHS = 3


def start(folder, number, address):
    """Start one of the two hosts; all it starts can be killed together."""
    command = [
        *(sys.executable, "-m", "papermill", "--no-progress-bar"),
        *(ROOT / "notebooks" / "scaling.ipynb", folder / f"host-{number}.ipynb"),
        *("-p", "dataset", "pantomime", "-p", "epochs", str(EPOCHS)),
        *("-p", "results", folder / "results", "-p", "checkpoints", folder / "runs"),
    ]
    variables = {
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
    }
    return subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        env=os.environ | variables,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def both(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [start(folder, number, address) for number in (0, 1)]


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def outputs(notebook):
    cells = nbformat.read(notebook, as_version=4).cells
    return "\n".join(
        output.get("text", "") for cell in cells for output in cell.get("outputs", [])
    )


@pytest.mark.slow
def test_a_host_is_preempted_and_the_run_ends_with_one_record(tmp_path):
    datasets.prepare("pantomime-20")
    run = tmp_path / "runs" / "pantomime-20" / "scaling" / "RS-50" / "seed-0"

    hosts = both(tmp_path)
    try:
        deadline = time.monotonic() + 600
        while not (run / "epoch-0001.npz").exists():
            assert time.monotonic() < deadline, "no epoch ended"
            assert all(host.poll() is None for host in hosts), hosts[0].stderr.read()
            time.sleep(0.1)
        kill(hosts[1])
        # The other host cannot go on alone, and does not wait for ever.
        assert hosts[0].wait(timeout=300) != 0
    finally:
        for host in hosts:
            if host.poll() is None:
                kill(host)
    assert not list(tmp_path.rglob("seed-0.json"))

    hosts = both(tmp_path)
    for host in hosts:
        _, errors = host.communicate(timeout=900)
        assert host.returncode == 0, errors[-3000:]
    [path] = (tmp_path / "results").rglob("seed-*.json")
    found = record.read(path)
    assert found["history"]["epoch"] == list(range(1, EPOCHS + 1))
    assert found["metrics"]["num_videos"] == 2000
    about = json.loads((run / "run.json").read_text())
    assert about["recipe_hash"] == found["recipe_hash"]
    # Neither host began anew.
    for number in (0, 1):
        text = outputs(tmp_path / f"host-{number}.ipynb")
        assert f"Epoch 1/{EPOCHS}" not in text and f"Epoch {EPOCHS}/{EPOCHS}" in text
