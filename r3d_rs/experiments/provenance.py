"""Provenance of a run: processor, versions and commit, for its record."""

import contextlib
import json
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from r3d_rs.cores import usable_cores

#: Packages whose versions decide what a run computes.
PACKAGES = (
    "av",
    "jax",
    "keras",
    "numpy",
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-datasets",
)

#: Vector instructions by their flag in /proc/cpuinfo, the widest first.
VECTORS = {
    "avx512_vnni": "AVX-512 VNNI",
    "avx512f": "AVX-512",
    "avx2": "AVX2",
}

#: Separator between the number of accelerators and their name.
TIMES = " × "


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages of `PACKAGES`."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def device() -> str:
    """Name the accelerators, if any, and the processor and cores this run may use.

    If TensorFlow has fewer threads than there are cores, as with runs side by side, the
    text ends with "1 of 2 cores".
    """
    import keras
    import tensorflow as tf

    from r3d_rs.training import devices

    kind, count = devices.accelerators()
    found = f"{count}{TIMES}{kind}, " if count else ""
    cores = usable_cores()
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    fewer = keras.backend.backend() == "tensorflow" and 0 < threads < cores
    used = f"{threads} of " if fewer else ""
    plural = "" if cores == 1 else "s"
    return f"{found}{processor()}, {used}{cores} core{plural}"


def cores(device: str) -> int:
    """Return the number of cores that a run used, from the text of `device`."""
    return int(re.search(r"(\d+) (?:of \d+ )?cores?$", device)[1])


def accelerators(device: str) -> str:
    """Return the accelerators in the text of `device`; "" if there are none."""
    first = device.split(", ")[0]
    return first if TIMES in first else ""


def processor() -> str:
    """Return the processor's model and vector instructions, or the platform's name.

    Both are read on Linux only. Some machines give processors of several generations
    the same name, and vector instructions decide in which order a sum is computed.
    """
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        about = {n.strip(): v.strip() for n, _, v in (x.partition(":") for x in lines)}
        flags = about.get("flags", "").split()
        widest = (f" with {name}" for flag, name in VECTORS.items() if flag in flags)
        if model := about.get("model name"):
            return model + next(widest, "")
    return platform.processor() or platform.machine()


def commit() -> str:
    """Return the commit of the code, with "+changes" if its files differ from it.

    Without a checkout, return the commit that pip installed from, or "unknown".
    """
    folder = Path(__file__).parent

    def git(*arguments):
        return subprocess.run(
            ["git", "-C", folder, *arguments],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        git("ls-files", "--error-unmatch", "--", __file__)  # not in another checkout
        changed = git("status", "--porcelain", "--untracked-files=no", "--", folder)
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    origin = None
    with contextlib.suppress(metadata.PackageNotFoundError):  # an unpacked archive
        origin = metadata.distribution("r3d-rs").read_text("direct_url.json")
    about = json.loads(origin or "{}")
    return about.get("vcs_info", {}).get("commit_id", "unknown")
