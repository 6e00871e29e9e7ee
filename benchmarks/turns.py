"""Sides that are measured in turn, each in a process of its own."""

import contextlib
import json
import math
import os
import signal
import subprocess
import tempfile
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).parent


class Worker:
    """A process that measures when told to, and does nothing in between.

    It is stopped by a signal right after each answer, so that none of its threads runs
    while another side is measured, nor does work that would count as a start.
    """

    def __init__(
        self,
        python: Path,
        script: str,
        settings: dict,
        environment: Mapping[str, str] | None = None,
    ):
        """Start the process, and wait for its first answer.

        Args:
            python: of the side's environment.
            script: in this folder; it calls `worker.serve`.
            settings: the first request.
            environment: variables besides those of this process.

        Raises:
            RuntimeError: with the end of the error stream, when the process ends.
        """
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        variables = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": ""}
        self._process = subprocess.Popen(
            [python, HERE / script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | variables | dict(environment or {}),
        )
        try:
            self.about = self.ask(**settings)
        except BaseException:
            self.close()
            raise

    def ask(self, **request) -> dict:
        """Wake the process, send it a request, and stop it again once it answers.

        Raises:
            RuntimeError: with the end of the error stream, when the process ends.
        """
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            reply = self._process.stdout.readline()
        except BrokenPipeError:
            reply = ""
        if not reply:
            status = self._process.wait()
            self._errors.seek(0)  # the process wrote by the same place in the file
            ended = "was killed (out of memory?)" if status == -signal.SIGKILL else ""
            raise RuntimeError(
                f"{self._process.args[1]} {ended or f'ended with status {status}'}:"
                f" {self._errors.read()[-2000:]}"
            )
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(reply)

    def __enter__(self) -> "Worker":
        """Return the worker."""
        return self

    def __exit__(self, *_) -> None:
        """End the process."""
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # a request that it never read
            self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()


def in_turn(
    workers: Mapping[Hashable, Worker],
    requests: Mapping[Hashable, dict],
    repetitions: int,
) -> Iterator[dict[Hashable, dict]]:
    """Ask the sides in turn, every second time in reversed order.

    Args:
        workers: by side.
        requests: by side.
        repetitions: how often.

    Yields:
        The answers of a repetition by side.
    """
    for repetition in range(repetitions):
        order = list(workers)[:: -1 if repetition % 2 else 1]
        yield {side: workers[side].ask(**requests[side]) for side in order}


def steps_in_turn(
    workers: Mapping[str, Worker], repetitions: int, seconds: float
) -> dict[str, dict]:
    """Let sides that do steps (`worker.stepping`) do them in turn.

    Args:
        workers: by side.
        repetitions: how often.
        seconds: about how long a side's turn is; one step at least.

    Returns:
        By side: `seconds` of a step, one number a repetition, `steps` of a turn, and
        `peak` and `device_peak`, the largest memory in bytes, resident and on an
        accelerator.

    Raises:
        RuntimeError: naming a side whose loss is not finite.
    """
    requests = {
        side: {"steps": max(1, round(seconds / worker.ask(steps=1)["seconds"]))}
        for side, worker in workers.items()
    }
    measured = {side: {"seconds": [], **request} for side, request in requests.items()}
    for replies in in_turn(workers, requests, repetitions):
        for side, reply in replies.items():
            if not math.isfinite(reply["value"]):
                raise RuntimeError(f"{side}: the loss is {reply['value']}")
            one = measured[side]
            one["seconds"].append(reply["seconds"] / one["steps"])
            one |= {name: reply[name] for name in ("peak", "device_peak")}
    return measured
