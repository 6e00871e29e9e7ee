"""A run of two hosts of two devices each, one of which is preempted.

Both follow the book's TPU chapter on the loopback address: every process executes the
same notebook by papermill. One is killed; the same commands again end with one record.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import nbformat
import pytest

from r3d_rs.experiments import record
from tests.shared import tiny_run
from tests.shared.engine import environment
from tests.shared.kill import ROOT
from tests.shared.tiny import VIDEOS

HOSTS, EPOCHS = 2, 4
DEVICES = "--xla_force_host_platform_device_count=2"


def start(folder, data_dir):
    """Start the notebook on all hosts; what each starts can be killed with it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    hosts = []
    for number in range(HOSTS):
        command = [
            *(sys.executable, "-m", "papermill", "--no-progress-bar"),
            *(ROOT / "notebooks" / "scaling.ipynb", folder / f"host-{number}.ipynb"),
            *("-p", "dataset", tiny_run.NAME, "-p", "epochs", EPOCHS),
            *("-p", "scale", "tiny"),
            *(
                "-p",
                "results",
                folder / "results",
                "-p",
                "checkpoints",
                folder / "runs",
            ),
        ]
        variables = {
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {DEVICES}",
            "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
            "KERAS_DISTRIBUTION_NUM_PROCESSES": str(HOSTS),
            "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
        }
        with (folder / f"host-{number}.log").open("w") as log:
            hosts.append(
                subprocess.Popen(
                    list(map(str, command)),
                    cwd=ROOT,
                    env=environment(data_dir) | variables,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
    return hosts


def kill(*hosts):
    for host in hosts:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.killpg(host.pid, signal.SIGKILL)
        host.wait()


def said(folder):
    return [(folder / f"host-{n}.log").read_text()[-2000:] for n in range(HOSTS)]


def printed(folder, number):
    """Return what a host's notebook printed."""
    cells = nbformat.read(folder / f"host-{number}.ipynb", as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text", "") for output in outputs)


@pytest.mark.slow
def test_a_host_is_preempted(data_dir, tmp_path):
    folder = tmp_path.joinpath("runs", tiny_run.NAME, *tiny_run.POINT)
    hosts = start(tmp_path, data_dir)
    try:
        deadline = time.monotonic() + 600
        while not list(folder.glob("epoch-*.npz")):
            assert time.monotonic() < deadline, said(tmp_path)
            assert all(host.poll() is None for host in hosts), said(tmp_path)
            time.sleep(0.1)
        kill(hosts[1])
        assert hosts[0].wait(timeout=300)  # the other ends with an error
    finally:
        kill(*hosts)
    assert not list(tmp_path.rglob("seed-0.json"))

    hosts = start(tmp_path, data_dir)
    try:
        assert [host.wait(timeout=600) for host in hosts] == [0, 0], said(tmp_path)
    finally:
        kill(*hosts)
    [found] = record.find(tmp_path / "results")
    assert found["history"]["epoch"] == list(range(1, EPOCHS + 1))
    assert found["metrics"]["num_videos"] == VIDEOS["validate"]
    for number in range(HOSTS):
        text = printed(tmp_path, number)
        assert f"epoch 1 of {EPOCHS}:" not in text
        assert f"epoch {EPOCHS} of {EPOCHS}:" in text
