"""One run of the scaling study, with the seconds of its parts as JSON.

    KERAS_BACKEND=jax python run_side.py STARTED POINT DATASET EPOCHS

It calls what the notebook calls, in its order. STARTED is the time by
`time.monotonic` when the process was started, which on Linux all processes share.
Records and checkpoints are left in the current folder.
"""

import json
import os
import sys
import time


class Laps:
    """A stopwatch: what has passed since the last lap goes to a part by name."""

    def __init__(self, started: float):
        """Start."""
        self.parts, self._last = {}, started

    def end(self, name: str) -> None:
        """Add the time since the last lap to a part."""
        now = time.monotonic()
        self.parts[name] = self.parts.get(name, 0.0) + now - self._last
        self._last = now


laps = Laps(float(sys.argv[1]))

import keras  # noqa: E402
import worker  # noqa: E402

from r3d_rs.data import pipeline  # noqa: E402
from r3d_rs.evaluation import multiview  # noqa: E402, F401 - imported by the run
from r3d_rs.experiments import pictures, run  # noqa: E402, F401
from r3d_rs.training import fit  # noqa: E402


class FirstStep(keras.callbacks.Callback):
    """Ends the laps of the first step, and of an epoch's other steps."""

    def __init__(self, alone: bool):
        """Start; `alone` ends the process after the first step."""
        super().__init__()
        self.alone = alone

    def on_train_batch_end(self, batch, logs=None):
        """Wait until the first step is done."""
        if "first step" not in laps.parts:
            float(logs["loss"])
            laps.end("first step")
            if self.alone:
                tell()
                os._exit(0)

    def on_epoch_end(self, epoch, logs=None):
        """End the epoch's steps."""
        laps.end("other steps")


class Kept(keras.callbacks.Callback):
    """Ends the lap in which the run's own callbacks save its state."""

    def on_epoch_end(self, epoch, logs=None):
        """End the lap."""
        laps.end("checkpoints")


def lapped(function, before: str, after: str):
    """Return a function that ends a lap before it runs, and one after it."""

    def wrapped(*args, **kwargs):
        laps.end(before)
        result = function(*args, **kwargs)
        laps.end(after)
        return result

    return wrapped


def with_laps(original, alone: bool):
    """Return `Model.fit` with our callbacks around the run's."""

    def wrapped(self, *args, callbacks=(), **kwargs):
        laps.end("building")
        around = [FirstStep(alone), *callbacks, Kept()]
        return original(self, *args, callbacks=around, **kwargs)

    return wrapped


def tell() -> None:
    """Print the parts."""
    peak = worker.memory()["peak"]
    print(json.dumps({"parts": laps.parts, "peak": peak}), flush=True)


def main() -> None:
    """Run."""
    _, _, point, dataset, epochs = sys.argv
    pipeline.training_clips = lapped(pipeline.training_clips, "building", "data")
    fit.compiled = lapped(fit.compiled, "building", "building")
    keras.Model.fit = with_laps(keras.Model.fit, alone=epochs == "0")
    laps.end("Python and imports")
    this = run.scaling(point=point, dataset=dataset, seed=0, epochs=int(epochs) or 1)
    data = this.load_data()
    laps.end("data")
    history = this.train(data)
    laps.end("checkpoints")
    evaluation = this.evaluate(data)
    laps.end("evaluation")
    this.curves(history)
    this.sample_clips(data)
    this.example_predictions(data, evaluation)
    laps.end("pictures")
    this.write_record(evaluation)
    laps.end("record")
    tell()


if __name__ == "__main__":
    main()
