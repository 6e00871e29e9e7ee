"""A network's training step under its framework's profiler, for `operations.py`.

    KERAS_BACKEND=jax python operations_side.py POINT DATASET STEPS

prints JSON: `versions`, `seconds` of a step without the profiler, and `operations`, by
kind how many there are in a step and the seconds that they take under the profiler.
"""

import collections
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

# One core, so that the times of operations add up to the step's.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])

import step_ours  # noqa: E402
from jax.profiler import ProfileData, start_trace, stop_trace  # noqa: E402

from r3d_rs.recipes import points, scales  # noqa: E402
from r3d_rs.recipes import recipe as recipes  # noqa: E402

#: Of XLA, what consists of other operations.
OUTER = {"while", "call", "conditional"}


def kind(line: str, event) -> str | None:
    """Return the kind of an operation that a profiler saw; None for anything else.

    Args:
        line: the thread's name.
        event: of `ProfileData`.
    """
    if line.startswith("tf_Compute"):  # TensorFlow's are "path of the layer:kind"
        path, colon, name = event.name.rpartition(":")
        return name if colon and not path.endswith(":") else None
    if line.startswith("tf_XLA") and "hlo_op" in dict(event.stats):
        name = re.sub(r"\.(\d|clone|remat).*", "", event.name)
        return None if name in OUTER else name
    return None


def profiled(run, steps: int) -> dict[str, list]:
    """Return number and seconds of a step's operations, by kind."""
    with tempfile.TemporaryDirectory() as folder:
        if step_ours.backend() == "tensorflow":
            from tensorflow.profiler import experimental

            with experimental.Profile(folder):
                run(steps)
        else:
            start_trace(folder)
            run(steps)
            stop_trace()
        [path] = Path(folder).rglob("*.xplane.pb")
        data = ProfileData.from_file(str(path))
    counts, seconds = collections.Counter(), collections.Counter()
    for plane in data.planes:
        for line in plane.lines:
            for event in line.events:
                if name := kind(line.name, event):
                    counts[name] += 1 / steps
                    seconds[name] += event.duration_ns * 1e-9 / steps
    return {name: [counts[name], seconds[name]] for name in counts}


def main() -> None:
    """Measure, and print."""
    _, point, dataset, steps = sys.argv
    recipe = scales.of_point(points.point(point), dataset)
    settings = {"recipe": recipes.as_dict(recipe), "task": "training", "classes": 20}
    about, run, _ = step_ours.build(settings)
    run(2)
    start = time.perf_counter()
    run(int(steps))
    found = {"versions": about["versions"]}
    found["seconds"] = (time.perf_counter() - start) / int(steps)
    found["operations"] = profiled(run, int(steps))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
