"""The command line: `r3d-rs --help`, or `python -m r3d_rs --help`."""

import argparse
import shlex
import sys
from pathlib import Path

import r3d_rs

#: What ends a command with a message alone. RuntimeError: no memory for a thread.
EXPECTED = (ValueError, OSError, ModuleNotFoundError, MemoryError, RuntimeError)


def prepare(arguments) -> None:
    """Prepare a dataset."""
    from r3d_rs.data import datasets, model_garden, preparation

    name = datasets.canonical_name(arguments.dataset)
    others = ("videos", "annotations", "short_side", "max_aside", "workers")
    given = [name for name in others if getattr(arguments, name) is not None]
    if arguments.records and given:
        raise ValueError(
            f"--{given[0].replace('_', '-')}: not allowed with --records, which are"
            " used as they are"
        )
    if arguments.labels and not arguments.records:
        raise ValueError("--labels: allowed only with --records, whose classes it has")
    if arguments.records:
        model_garden.use_records(
            name, arguments.records, arguments.data_dir, labels=arguments.labels
        )
        dataset = datasets.load(name, arguments.data_dir)
    else:
        options = {
            "videos": arguments.videos,
            "annotations": arguments.annotations,
            "short_side": arguments.short_side,
            "max_aside": arguments.max_aside,
            "workers": arguments.workers,
        }
        options = {key: value for key, value in options.items() if value is not None}
        dataset = preparation.prepare(name, arguments.data_dir, **options)
    for split, part in dataset.splits.items():
        aside = sum(video.split == split for video in dataset.aside)
        note = f", {aside} set aside (data verify lists them)" if aside else ""
        print(f"{dataset.name} {split}: {part.num_videos} videos{note}")


def inspect(arguments) -> None:
    """Show what a prepared dataset holds, and draw a contact sheet."""
    from r3d_rs.data import datasets
    from r3d_rs.data import inspect as overview

    dataset = datasets.load(arguments.dataset, arguments.data_dir)
    print(f"{dataset.name}: {len(dataset.classes)} classes")
    print(overview.summary(dataset).to_string())
    picture = arguments.picture or f"{dataset.name}.png"
    overview.contact_sheet(dataset, "train").savefig(picture, dpi=100)
    print(f"contact sheet: {picture}")


def verify(arguments) -> None:
    """Compare a dataset with its CSV files, and read all its records."""
    from r3d_rs.data import datasets
    from r3d_rs.data import verify as checks
    from r3d_rs.data.names import data_directory

    name = datasets.canonical_name(arguments.dataset)
    videos = Path(arguments.videos or data_directory(arguments.data_dir) / name)
    annotations = arguments.annotations and Path(arguments.annotations)
    if not datasets.is_prepared(name, arguments.data_dir):
        print(f"{name} is not prepared; this is about its files in {videos}")
        for split, (total, absent) in checks.check_folder(
            videos, annotations or videos
        ).items():
            print(f"{split}: {total} videos are listed, {len(absent)} have no file")
            print("".join(f"  {ident}\n" for ident in absent), end="")
        return
    dataset = datasets.load(name, arguments.data_dir)
    expected = datasets.DATASETS[name].num_classes
    print(f"{name}: {len(dataset.classes)} classes, of {expected} when complete")
    reports = []
    for split in dataset.splits:
        reports.append(
            checks.check_split(dataset, split, annotations or dataset.annotations)
        )
        print_report(reports[-1], dataset.evaluated)
    if any(report.broken or report.surplus for report in reports):
        sys.exit("the dataset has broken or unlisted videos: see above")


def print_report(report, evaluated: str) -> None:
    """Print what `verify` found about a split."""
    listed = "no CSV file" if report.listed is None else report.listed.total()
    note = ", whose accuracy is reported" if report.split == evaluated else ""
    print(f"\n{report.split}{note}: {report.stored.total()} stored, listed: {listed}")
    print(f"  SHA-256 of the sorted ids: {report.sha256}")
    for label, (count, stored) in report.short.items():
        print(f"  class {label}: {stored} of {count}")
    for video in report.missing:
        print(f"  missing: {video.id} ({video.label}): {video.reason}")
    for ident in report.surplus:
        print(f"  not listed, or under another class: {ident}")
    for text in report.broken:
        print(f"  broken: {text}")


def overview(arguments) -> None:
    """List every experiment: the paper's number, the published one and yours."""
    from r3d_rs.operations import status

    table = status.overview(Path(arguments.results), Path(arguments.checkpoints))
    for column in ("experiment", "dataset"):
        start, known = getattr(arguments, column), table[column].unique()
        table = table[table[column].str.startswith(start)]
        if table.empty:
            raise ValueError(
                f"{column}: none begins with {start!r}; allowed are {', '.join(known)}"
            )
    print(table.to_string(index=False))


def existing(folder: str) -> Path:
    """Return a folder of records, which has to be there."""
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"--results: received {folder}, which is no folder; the published records"
            f" are in a checkout: git clone {r3d_rs.REPOSITORY}"
        )
    return Path(folder)


def pairs(texts: list[str]) -> dict[str, str]:
    """Return parameters of a notebook from "name=value" texts."""
    for text in texts:
        if "=" not in text:
            raise ValueError(f"parameter: received {text!r}, expected is NAME=VALUE")
    return dict(text.split("=", 1) for text in texts)


def run(arguments) -> None:
    """Run one experiment by papermill, and compare it with the published runs."""
    from r3d_rs.operations import engine

    received = {
        "results": arguments.results,
        "checkpoints": arguments.checkpoints,
        "parameters": pairs(arguments.parameter),
    }
    experiment = (arguments.experiment, arguments.dataset, arguments.seed)
    if arguments.dry_run:
        print(shlex.join(engine.command(*experiment, **received)))
        return
    path = engine.run(*experiment, **received)
    from r3d_rs.experiments import published

    print(f"\nrecord: {path}\nnotebook: {path.with_suffix('.ipynb')}\n")
    print(published.shown(path))


def rerun(arguments) -> None:
    """Make some runs again, drawn by a seed, and compare their records."""
    from r3d_rs.experiments import record
    from r3d_rs.operations import rerun as reruns

    results, parameters = existing(arguments.results), pairs(arguments.parameter)
    if arguments.made and (arguments.folder or parameters):
        raise ValueError(
            "--made: compares records that are there, allowed with it is neither"
            " --folder nor -p, which are for making them"
        )
    folder = Path(arguments.folder or "build/reruns")
    runs = reruns.candidates(results)
    drawn = reruns.draw(runs, arguments.seed, arguments.count)
    draw = f"seed {arguments.seed}, {len(drawn)} of {len(runs)}"
    print(f"drawn by {draw} records:")
    for one in drawn:
        print("  {dataset}/{study}/{point}/seed-{seed}".format(**one["experiment"]))
    for one in drawn:
        if made := arguments.made:
            path = record.path(made, **one["experiment"])
            if not path.exists():
                print(f"{path}: not made")
                continue
            row = reruns.compared(results, one, made, record.read(path))
        else:
            row = reruns.again(results, one, folder, parameters)
        print(reruns.keep(Path(arguments.keep), {**row, "draw": draw}))
    print(reruns.described(results, Path(arguments.keep)))


def tables(arguments) -> None:
    """Rebuild the published tables and figures from the published records."""
    from r3d_rs.experiments import published
    from r3d_rs.operations import exact
    from r3d_rs.report import figures, stale
    from r3d_rs.report import tables as study_tables

    results = existing(arguments.results)
    if arguments.check:
        if found := stale.files(results):
            names = ", ".join(str(path) for path in found)
            sys.exit(f"not what the records give, run `make tables`: {names}")
        return
    if arguments.exact:
        exact.write(results)
    files = [*study_tables.build(results), *figures.build(results)]
    for path in [*files, published.write(results)]:
        print(path)


def cost(arguments) -> None:
    """Say what the study takes on Kinetics, and what to run first with less."""
    from r3d_rs.operations import cost as study_cost

    results = existing(arguments.results)
    print(study_cost.table(results).to_string(index=False), end="\n\n")
    print(study_cost.order(results).to_string(index=False))


def views(arguments) -> None:
    """Evaluate trained networks with more and more views."""
    from r3d_rs.data import datasets
    from r3d_rs.report import views_curve

    print(
        views_curve.write(
            Path(arguments.checkpoints),
            Path(arguments.results),
            datasets.canonical_name(arguments.dataset),
            arguments.points,
            arguments.seeds,
            arguments.data_dir,
        )
    )


def saliency(arguments) -> None:
    """Compute where a trained network looks in some test videos."""
    from r3d_rs.report import saliency as maps

    results = Path(arguments.results)
    print(maps.write(arguments.checkpoint, results, data_dir=arguments.data_dir))


def probes(arguments) -> None:
    """Measure how much of a dataset's accuracy is motion."""
    from r3d_rs.data import preparation
    from r3d_rs.recipes import points, scales
    from r3d_rs.report import probes as study_probes

    dataset = preparation.prepare(arguments.dataset, arguments.data_dir)
    recipe = scales.of_point(points.point("RS-50"), dataset.name)
    print(study_probes.write(dataset, recipe, Path(arguments.results)))


def predict(arguments) -> None:
    """Say what a video shows, by a trained network."""
    from r3d_rs.evaluation import trained

    found = trained.predict(
        arguments.video, checkpoint=arguments.checkpoint, top_k=arguments.top_k
    )
    for name, probability in found:
        print(f"{probability:6.1%}  {name}")


def plan(arguments) -> None:
    """Compile a point for TPUs, which need not be there, and bound its cost."""
    import os

    os.environ.setdefault("KERAS_BACKEND", "jax")
    from r3d_rs.operations import tpu

    results = Path(arguments.results)
    if arguments.keep:
        print(tpu.keep_fits(Path("results")))
        return
    if arguments.clips is not None and arguments.clips < 1:
        raise ValueError(f"--clips: received {arguments.clips}, allowed is 1 or more")
    program = tpu.Program(
        arguments.point,
        tpu.EVALUATION if arguments.evaluation else tpu.TRAINING,
        arguments.topology,
        arguments.clips or 8,
        arguments.rematerialize,
        arguments.accumulate,
    )
    if arguments.clips:
        row = tpu.compiled(program, results)
    else:
        row = tpu.largest(program, results)
    print(tpu.report(row) if row else "not even one clip fits")


def program() -> str:
    """Return the name that this command line was started by."""
    script = Path(sys.argv[0]).stem
    return script if script == "r3d-rs" else "python -m r3d_rs"


def parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    top = argparse.ArgumentParser(
        prog=program(),
        description="Prepare datasets, run experiments, and compare their results.",
        epilog=f"The study: {r3d_rs.REPOSITORY}",
    )
    top.add_argument(
        "--version", action="version", version=f"r3d-rs {r3d_rs.__version__}"
    )
    commands = top.add_subparsers(required=True, metavar="command")

    data = commands.add_parser("data", help="datasets")
    actions = data.add_subparsers(required=True, metavar="action")
    for function in (prepare, inspect, verify):
        action = actions.add_parser(function.__name__, help=function.__doc__)
        action.add_argument("dataset", help="such as pantomime-20 or kinetics-400")
        action.add_argument("--data-dir", help="folder of the datasets (R3D_RS_DATA)")
        action.set_defaults(command=function)
        if function is inspect:
            action.add_argument("--picture", help="file of the contact sheet")
            continue
        action.add_argument("--videos", help="folder of the video files")
        action.add_argument("--annotations", help="folder of the CSV files")
        if function is prepare:
            add_prepare_options(action)

    command = commands.add_parser("list", help=overview.__doc__)
    command.add_argument("experiment", nargs="?", default="", help="how names begin")
    command.add_argument("--dataset", default="", help="how its name begins")
    add_folders(command)
    command.set_defaults(command=overview)

    command = commands.add_parser("run", help=run.__doc__)
    command.add_argument("experiment", help="a name that `list` prints")
    command.add_argument("--dataset", default="pantomime-20")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--dry-run", action="store_true", help="print papermill's command instead"
    )
    add_parameter(command)
    add_folders(command)
    command.set_defaults(command=run)

    command = commands.add_parser("rerun", help=rerun.__doc__)
    command.add_argument("--seed", type=int, default=0, help="of the draw (0)")
    command.add_argument("--count", type=int, default=3, help="how many runs (3)")
    add_parameter(command)
    command.add_argument(
        "--results", default="results", help="folder of the published records"
    )
    command.add_argument(
        "--keep", default="runs", help="folder of reruns.csv, which gets a row each"
    )
    command.add_argument(
        "--folder", help="for the records and networks anew (build/reruns)"
    )
    command.add_argument(
        "--made",
        type=Path,
        help="folder of records that were made elsewhere, to compare instead",
    )
    command.set_defaults(command=rerun)

    command = commands.add_parser("probes", help=probes.__doc__)
    command.add_argument("--dataset", default="pantomime-20")
    command.add_argument("--data-dir", help="folder of the datasets (R3D_RS_DATA)")
    command.add_argument("--results", default="runs", help="folder of the records")
    command.set_defaults(command=probes)

    command = commands.add_parser("cost", help=cost.__doc__)
    command.add_argument(
        "--results", default="results", help="folder of the published records"
    )
    command.set_defaults(command=cost)

    command = commands.add_parser("views", help=views.__doc__)
    command.add_argument("--dataset", default="pantomime-20")
    command.add_argument("--points", nargs="+", default=["R3D-50", "RS-50"])
    command.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    command.add_argument("--data-dir", help="folder of the datasets (R3D_RS_DATA)")
    add_folders(command)
    command.set_defaults(command=views)

    command = commands.add_parser("saliency", help=saliency.__doc__)
    command.add_argument("checkpoint", type=Path, help="folder of a finished run")
    command.add_argument("--data-dir", help="folder of the datasets (R3D_RS_DATA)")
    command.add_argument("--results", default="runs", help="folder of the records")
    command.set_defaults(command=saliency)

    command = commands.add_parser("plan", help=plan.__doc__)
    command.add_argument(
        "point",
        nargs="?",
        default="RS-50",
        help="of Fig. 2 or a row of Table 2 (RS-50)",
    )
    command.add_argument(
        "--topology", default="v5e:1x1", help="slice of chips (v5e:1x1)"
    )
    command.add_argument(
        "--clips", type=int, help="that a device sees at once; the most that fit"
    )
    command.add_argument(
        "--evaluation", action="store_true", help="predict views instead of training"
    )
    command.add_argument(
        "--rematerialize", action="store_true", help="keep only the blocks' inputs"
    )
    command.add_argument(
        "--accumulate", action="store_true", help="sum gradients over micro-batches"
    )
    command.add_argument(
        "--keep", action="store_true", help="let runs divide batches by what was found"
    )
    command.add_argument("--results", default="runs", help="folder of the records")
    command.set_defaults(command=plan)

    command = commands.add_parser("predict", help=predict.__doc__)
    command.add_argument("video", help="any video file")
    command.add_argument("--checkpoint", required=True, help="folder of a finished run")
    command.add_argument("--top-k", type=int, default=5, help="classes to print (5)")
    command.set_defaults(command=predict)

    command = commands.add_parser("tables", help=tables.__doc__)
    command.add_argument(
        "--results", default="results", help="folder of the published records"
    )
    command.add_argument(
        "--exact", action="store_true", help="count parameters and multiply-adds anew"
    )
    command.add_argument(
        "--check", action="store_true", help="fail where the files are not up to date"
    )
    command.set_defaults(command=tables)
    return top


def add_parameter(command: argparse.ArgumentParser) -> None:
    """Add further parameters of a notebook."""
    command.add_argument(
        *("-p", "--parameter"),
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the notebook, such as threads=1",
    )


def add_folders(command: argparse.ArgumentParser) -> None:
    """Add where records and checkpoints are."""
    command.add_argument("--results", default="runs", help="folder of the records")
    command.add_argument(
        "--checkpoints", default="build/checkpoints", help="folder of the checkpoints"
    )


def add_prepare_options(action: argparse.ArgumentParser) -> None:
    """Add what only `data prepare` has."""
    action.add_argument("--short-side", type=int, help="of the stored frames, pixels")
    action.add_argument(
        "--max-aside",
        type=float,
        help="share of a split's videos that may be missing or broken (0.05)",
    )
    action.add_argument("--workers", type=int, help="processes to decode in")
    action.add_argument("--records", help="folder of Model Garden's TFRecords, to use")
    action.add_argument("--labels", help="file with their classes, one a line")


def described(error: Exception) -> str:
    """Return an expected failure in words, without the class of its exception."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            f"the Python package {error.name!r} is not installed: in a checkout of"
            f" {r3d_rs.REPOSITORY}, `pip install -e '.[data,study]'` brings it"
        )
    if isinstance(error, OSError) and error.strerror:
        file = "" if error.filename is None else f"{error.filename}: "
        return f"{file}{error.strerror}"
    return str(error) or "out of memory"


def main() -> None:
    """Run a command; an expected failure is one message on the error stream."""
    arguments = parser().parse_args()
    try:
        from r3d_rs.experiments import executed  # imports pandas: too slow for --help

        executed.quiet()
        arguments.command(arguments)
    except EXPECTED as error:
        sys.exit(f"{program()}: error: {described(error)}")


if __name__ == "__main__":
    main()
