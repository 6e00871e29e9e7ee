"""What XLA compiles is kept for the next process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from r3d_rs.training import compiled

pytestmark = [
    pytest.mark.both_backends,
    pytest.mark.skipif(
        keras.backend.backend() != "jax", reason="TensorFlow keeps nothing it compiles"
    ),
]

#: Draws numbers; prints the folder, how many programs were read from it, and them.
SCRIPT = """
import json, sys
from jax import monitoring
hits = []
monitoring.register_event_listener(
    lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None
)
from r3d_rs.training import compiled
folder = compiled.keep(sys.argv[1])
import jax
numbers = jax.random.truncated_normal(jax.random.key(0), -2, 2, (3, 5, 7))
print(json.dumps([str(folder), len(hits), numbers.tolist()]))
"""


def process(folder):
    # As a run has them: programs that are optimized take long enough to be kept.
    own = {"JAX_COMPILATION_CACHE_DIR": "", "XLA_FLAGS": ""}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder],
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_a_second_process_reads_what_the_first_has_compiled(tmp_path):
    place = tmp_path / "compiled"
    folder, hits, numbers = process(tmp_path)
    files = list(place.iterdir())
    assert (folder, hits) == (str(place), 0)
    assert files
    assert process(tmp_path) == [folder, len(files), numbers]

    # A damaged or half-written one is compiled again. On a machine that is busy later
    # processes keep programs, too, that were compiled too fast at first.
    for path in place.iterdir():
        kept = bytearray(path.read_bytes())
        kept[len(kept) // 2] ^= 1
        path.write_bytes(kept)
    assert process(tmp_path) == [folder, 0, numbers]
    for path in place.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert process(tmp_path) == [folder, 0, numbers]


def test_a_folder_that_jax_was_told_of_is_kept(tmp_path):
    import jax

    worth = jax.config.jax_persistent_cache_min_compile_time_secs
    try:
        own = Path(os.environ["JAX_COMPILATION_CACHE_DIR"])
        assert compiled.keep(tmp_path) == own
    finally:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", worth)
    assert not (tmp_path / "compiled").exists()
