"""What XLA compiles is kept for the next process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from r3d_rs.training import compilation_cache

pytestmark = [
    pytest.mark.both_backends,
    pytest.mark.skipif(
        keras.backend.backend() != "jax", reason="TensorFlow keeps nothing it compiles"
    ),
]

#: Draws numbers, again after each damage; prints the folder, how often a program was
#: read from it, and the numbers.
SCRIPT = """
import json, pathlib, sys
from jax import monitoring
from r3d_rs.training import compilation_cache
hits = []
monitoring.register_event_listener(
    lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None
)
folder = compilation_cache.enable(sys.argv[1])
import jax

def flip(path):
    kept = bytearray(path.read_bytes())
    kept[len(kept) // 2] ^= 1
    path.write_bytes(kept)

def cut(path):
    path.write_bytes(path.read_bytes()[:100])

found = []
for damage in [None] + [flip, cut] * (sys.argv[2] == "damage"):
    for path in folder.iterdir() if damage else ():
        damage(path)
    jax.clear_caches()
    hits.clear()
    numbers = jax.random.truncated_normal(jax.random.key(0), -2, 2, (3, 5, 7))
    found.append([len(hits), numbers.tolist()])
print(json.dumps([str(folder), found]))
"""


def process(folder, damage="none"):
    # As a run has them: programs that are optimized take long enough to be kept.
    own = {"JAX_COMPILATION_CACHE_DIR": "", "XLA_FLAGS": ""}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder, damage],
        env=os.environ | own,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_second_process_reads_what_the_first_has_compiled(tmp_path):
    """A damaged or half-written program is compiled again."""
    place, [[hits, numbers]] = process(tmp_path)
    assert (place, hits) == (str(tmp_path / "compiled"), 0)
    assert list(Path(place).iterdir())
    place, [read, *damaged] = process(tmp_path, "damage")
    assert place == str(tmp_path / "compiled")
    assert read[0] > 0 and read[1] == numbers
    assert damaged == [[0, numbers]] * 2


def test_a_folder_that_jax_was_told_of_is_kept(tmp_path):
    import jax

    worth = jax.config.jax_persistent_cache_min_compile_time_secs
    try:
        own = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
        assert compilation_cache.enable(tmp_path) == own
    finally:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", worth)
    assert not (tmp_path / "compiled").exists()
