"""A run of several hosts, as on a slice of a TPU: two processes of two devices each.

They follow the sequence of the book's TPU chapter on the loopback address: every
process executes the same notebook by papermill, one is killed, and the same commands
again go on and end with one record. Of the long version alone; it writes
`results/tpu/rehearsal.json`, which that chapter shows.
"""

import contextlib
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

from r3d_rs.data import preparation
from r3d_rs.experiments import record
from r3d_rs.operations import tpu
from tests.shared.tally import LONG, RESULTS, tallied

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not LONG, reason="of the long version: R3D_RS_FAULTS=long"),
]

ROOT = Path(__file__).parents[2]
HOSTS, DEVICES, EPOCHS = 2, 2, 3


def start(folder, number, address):
    """Start one of the hosts; all that it starts can be killed together."""
    command = [
        *(sys.executable, "-m", "papermill", "--no-progress-bar"),
        *(ROOT / "notebooks" / "scaling.ipynb", folder / f"host-{number}.ipynb"),
        *("-p", "dataset", "pantomime", "-p", "epochs", str(EPOCHS)),
        *("-p", "results", folder / "results", "-p", "checkpoints", folder / "runs"),
    ]
    variables = {
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES}",
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(HOSTS),
        "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
    }
    with (folder / f"host-{number}.log").open("w") as log:
        return subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env=os.environ | variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def all_hosts(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    return [start(folder, number, address) for number in range(HOSTS)]


def kill(host):
    with contextlib.suppress(ProcessLookupError):  # it has ended
        os.killpg(host.pid, signal.SIGKILL)
    host.wait()


def printed(folder, number):
    """Return what a host's notebook printed."""
    cells = nbformat.read(folder / f"host-{number}.ipynb", as_version=4).cells
    return "\n".join(
        output.get("text", "") for cell in cells for output in cell.get("outputs", [])
    )


def said(folder):
    return [(folder / f"host-{n}.log").read_text()[-2000:] for n in range(HOSTS)]


def test_a_host_is_preempted(tmp_path):
    preparation.prepare("pantomime-20")
    run = tmp_path / "runs" / "pantomime-20" / "scaling" / "RS-50" / "seed-0"
    about = {"hosts": HOSTS, "devices of each": DEVICES, "epochs": EPOCHS}

    hosts = all_hosts(tmp_path)
    try:
        begin = time.monotonic()
        while not (run / "epoch-0001.npz").exists():
            assert time.monotonic() < begin + 900, said(tmp_path)
            assert all(host.poll() is None for host in hosts), said(tmp_path)
            time.sleep(0.1)
        about["seconds until host 1 was killed"] = round(time.monotonic() - begin)
        kill(hosts[1])
        begin = time.monotonic()
        about["exit status of host 0 then"] = hosts[0].wait(timeout=300)
        about["seconds until it ended"] = round(time.monotonic() - begin)
    finally:
        for host in hosts:
            kill(host)
    with tallied(
        "hosts", "one of two hosts killed", "test_a_host_is_preempted"
    ) as tally:
        alone = about["exit status of host 0 then"]
        tally.count(alone != 0, "the other host ended as if all were well")
        early = list(tmp_path.rglob("seed-0.json"))
        tally.count(not early, "there is a record of a run that did not end")

        begin = time.monotonic()
        hosts = all_hosts(tmp_path)
        try:
            ends = [host.wait(timeout=1200) for host in hosts]
        finally:
            for host in hosts:
                kill(host)
        assert ends == [0] * HOSTS, said(tmp_path)
        about["seconds of the same commands again"] = round(time.monotonic() - begin)
        paths = list((tmp_path / "results").rglob("seed-*.json"))
        tally.count(len(paths) == 1, f"there are {len(paths)} records")
        found = record.read(paths[0])
        about["records"] = len(paths)
        about["epochs in its history"] = len(found["history"]["epoch"])
        about["test videos"] = found["metrics"]["num_videos"]
        epochs = list(range(1, EPOCHS + 1))
        tally.count(found["history"]["epoch"] == epochs, "epochs are missing")
        tally.count(found["metrics"]["num_videos"] == 2000, "videos are missing")
        for number in range(HOSTS):
            text = printed(tmp_path, number)
            again = (
                f"Epoch 1/{EPOCHS}" in text or f"Epoch {EPOCHS}/{EPOCHS}" not in text
            )
            tally.count(not again, f"host {number} began anew")
    path = tpu.rehearsal_path(RESULTS)
    path.write_text(json.dumps(about | {"backend": found["backend"]}, indent=1) + "\n")
