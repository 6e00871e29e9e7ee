"""Run one experiment: papermill executes its notebook in a separate process."""

import contextlib
import dataclasses
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from r3d_rs import REPOSITORY
from r3d_rs.data.names import canonical_name
from r3d_rs.experiments import executed, record, registry
from r3d_rs.paths import checkout, study_path

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

#: Folder of notebooks that are being executed, have failed or were stopped.
RUNNING = Path("build/runs")

#: Log lines of papermill, its kernel and TensorFlow that are not shown.
NOISE = re.compile(
    r"(Input|Output) Notebook:|(Executing|Ending) Cell \d|Executing notebook with"
    r"|\[IPKernelApp\]|WARNING: All log messages before absl|[IW]0000 |<Figure size"
    r"|To enable the following instructions"
)

#: Notebook parameters that this module sets: from the experiment, the dataset and the
#: seed, and from the folders of records and checkpoints.
GIVEN = {
    *("dataset", "seed", "point", "row", "toggles", "stage", "backbone", "parent"),
    *("results", "checkpoints"),
}

#: Notebook parameters that locate files and do not change a run.
WHERE = {"data_dir", "tensorboard"}


def extra_parameters(papermill: Mapping) -> dict[str, object]:
    """Return the extra parameters that a run's notebook received, such as threads.

    Papermill writes them into the metadata of the executed notebook.
    """
    received, left = papermill.get("parameters", {}), GIVEN | WHERE
    return {name: value for name, value in received.items() if name not in left}


def executing_folder(results: str | Path) -> Path:
    """Return the folder in which notebooks are executed for a folder of records.

    Each folder of records has its own, so the same run can be made for two of them at
    once.
    """
    name = os.path.relpath(results, checkout())
    if not re.fullmatch(r"[a-z][a-z-]{,30}", name):  # not usable as a folder's name
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return study_path("folder", RUNNING / name)


@dataclasses.dataclass(frozen=True)
class Request:
    """A request for one run.

    Args:
        experiment: a name in `registry.all_experiments`, or "finetune/NAME" with any
            dataset's name. The network to fine-tune is in `parameters`.
        dataset: dataset to run on; replaced by NAME for "finetune/NAME".
        seed: seeds weights, order and crops.
        results: folder of the records.
        checkpoints: folder of the runs' checkpoints and trained networks.
        parameters: extra parameters of the notebook.
    """

    experiment: str
    dataset: str
    seed: int = 0
    results: str | Path = record.OWN
    checkpoints: str | Path = "build/checkpoints"
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        """Resolve the folders and the dataset's name.

        Raises:
            ValueError: if a folder is a URL, or the dataset is unknown.
        """
        for name in ("results", "checkpoints"):
            found = study_path(name, getattr(self, name))
            object.__setattr__(self, name, found)
        study, _, name = self.experiment.partition("/")
        dataset = name if study == "finetune" else self.dataset
        where = self.parameters.get("data_dir")
        object.__setattr__(self, "dataset", canonical_name(dataset, where))

    @property
    def found(self) -> registry.Experiment:
        """The requested experiment.

        Raises:
            ValueError: if the experiment is unknown, naming those that exist.
            FileNotFoundError: if the network to fine-tune does not exist.
        """
        if self.experiment.startswith("finetune/"):
            network = self.parameters.get("network", registry.NETWORK)
            return registry.of_parameters("finetune", {"network": network})
        return registry.get(self.experiment)

    @property
    def target(self) -> Path:
        """Path of the record."""
        place = (self.dataset, self.found.study, self.found.point)
        return record.path(self.results, *place, self.seed)


def run(request: Request) -> Path:
    """Run an experiment, and keep its executed notebook beside its record.

    Published runs keep only the notebook of seed 0: other seeds' notebooks add nothing
    to their records. A run that was stopped after writing its record, but before
    keeping its notebook, is not repeated. Only its notebook is kept then.

    Returns:
        Path of the record.

    Raises:
        ChildProcessError: if the run failed, naming its executed notebook.
        FileNotFoundError, ValueError: as in `command`.
    """
    papermill = command(request)
    target, results = request.target, request.results
    output = _output(target, results)
    for folder in (output.parent, Path(results)):
        folder.mkdir(parents=True, exist_ok=True)
    if lacks_notebook(target, results):
        return _keep(output, target, results)
    if rest := _shown(papermill):
        what = executed.error(output) or rest
        raise ChildProcessError(
            f"{request.experiment} on {request.dataset}, seed {request.seed}, failed:"
            f" {what}\nnotebook: {output}"
        )
    return _keep(output, target, results)


def command(request: Request) -> list[str]:
    """Return the papermill command that executes an experiment's notebook.

    Raises:
        ValueError: if the experiment or the dataset is unknown, naming those allowed;
            or if an extra parameter is in `GIVEN`.
        FileNotFoundError: if there is no checkout with the notebooks, or the network
            to fine-tune does not exist.
    """
    experiment, dataset = request.found, request.dataset
    if experiment.datasets and dataset not in experiment.datasets:
        raise ValueError(
            f"parameter dataset: received {dataset!r} for {experiment.name}, allowed"
            f" are {', '.join(experiment.datasets)}"
        )
    if wrong := sorted(GIVEN & set(request.parameters)):
        raise ValueError(
            f"parameter {wrong[0]}: received {request.parameters[wrong[0]]!r}, but it"
            " is set by the experiment and the options of this command"
        )
    notebook = NOTEBOOKS / f"{experiment.notebook}.ipynb"
    if not notebook.is_file():
        raise FileNotFoundError(
            f"{notebook} does not exist; a run needs a checkout with the notebooks:"
            f" git clone {REPOSITORY}"
        )
    received = {
        **experiment.received(dataset, request.seed, request.checkpoints),
        "results": str(request.results),
        "checkpoints": str(request.checkpoints),
    }
    # `-r` passes a text unchanged; `-p` would turn "2024" into a number.
    options = [
        part
        for key, value in received.items()
        for part in ("-r" if isinstance(value, str) else "-p", key, str(value))
    ]
    for key, value in request.parameters.items():
        if key not in received:
            options += ["-p", key, str(value)]
    output = _output(request.target, request.results)
    papermill = [sys.executable, "-m", "papermill", "--log-output", "--no-progress-bar"]
    return [*papermill, str(notebook), str(output), *options]


def _shown(papermill: list[str]) -> str:
    """Run papermill and print what the notebook prints.

    Returns:
        Papermill's traceback, or its exit code, if it fails; "" if it succeeds.
    """
    rest = []
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            papermill,
            env=_surroundings(Path(folder)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
        _ended_with(process),
    ):
        for line in process.stdout:
            if rest or line.startswith("Traceback (most recent call last)"):
                rest.append(line)
            elif line.strip() and not NOISE.match(line):
                print(line, end="", flush=True)
    failure = "".join(rest).strip() or f"papermill ended with {process.returncode}"
    return failure if process.returncode else ""


@contextlib.contextmanager
def _ended_with(process: subprocess.Popen) -> Iterator[None]:
    """Terminate papermill, and with it the notebook, when this process gets SIGTERM.

    Otherwise papermill would keep training after `kill`, a scheduler or a shutdown has
    ended this process.
    """

    def end(*_) -> None:
        process.terminate()
        sys.exit(128 + signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can handle signals
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _surroundings(folder: Path) -> dict[str, str]:
    """Return papermill's environment, with this Python as the notebooks' kernel.

    By default Jupyter uses the kernel `python3` from the home folder, which may be
    another Python. It also writes to the home folder; if that is read-only, it writes
    to `folder` instead.
    """
    kernel = folder / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    call = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(
        json.dumps({"argv": call, "display_name": "Python 3", "language": "python"})
    )
    before = os.environ.get("JUPYTER_PATH")
    paths = [str(folder), *([before] if before else ())]
    found = os.environ | {"JUPYTER_PATH": os.pathsep.join(paths)}
    if not os.access(os.path.expanduser("~"), os.W_OK):
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
            found.setdefault(name, str(folder / "jupyter"))
        for name in ("IPYTHONDIR", "MPLCONFIGDIR"):
            found.setdefault(name, str(folder / name.lower()))
    return found


def lacks_notebook(target: Path, results: str | Path) -> bool:
    """Return whether a run wrote its record but did not keep its notebook."""
    return target.exists() and executed.is_finished(_output(target, results))


def _output(target: Path, results: str | Path) -> Path:
    return executing_folder(results) / target.relative_to(results).with_suffix(".ipynb")


def _keep(output: Path, target: Path, results: str | Path) -> Path:
    shipped = study_path("results", record.PUBLISHED)
    published = Path(results).resolve() == shipped.resolve()
    if target.stem == "seed-0" or not published:
        executed.keep(output, target.with_suffix(".ipynb"))
    output.unlink()  # its folder then holds only running, failed and stopped runs
    return target
