"""The command line: `python -m r3d_rs --help`."""

import argparse
import sys
from pathlib import Path


def prepare(arguments) -> None:
    """Prepare a dataset."""
    from r3d_rs.data import datasets

    dataset = datasets.prepare(arguments.dataset, arguments.data_dir)
    for split in ("train", "validation", "test"):
        print(f"{dataset.name} {split}: {dataset.num_videos(split)} videos")


def points(arguments) -> None:
    """List the points with the paper's number and the runs there are."""
    from r3d_rs.study import experiments, record

    runs = record.find(Path(arguments.results))
    print(f"{'point':<12} {'paper top-1':>11}  runs (dataset: seeds)")
    for name, point in experiments.SCALING.items():
        seeds = {}
        for run in runs:
            experiment = run["experiment"]
            if experiment["point"] == name:
                seeds.setdefault(experiment["dataset"], []).append(experiment["seed"])
        done = "; ".join(
            f"{dataset}: {', '.join(map(str, sorted(numbers)))}"
            for dataset, numbers in seeds.items()
        )
        paper = "not given" if point.paper_top1 is None else point.paper_top1
        print(f"{name:<12} {paper:>11}  {done or 'not run'}")


def tables(arguments) -> None:
    """Rebuild the tables and figures from the records."""
    from r3d_rs.study import exact, figures
    from r3d_rs.study import tables as study_tables

    results = Path(arguments.results)
    if arguments.exact:
        exact.write(results)
    for path in [*study_tables.build(results), *figures.build(results)]:
        print(path)


def probes(arguments) -> None:
    """Measure how much of a dataset's accuracy is motion."""
    from r3d_rs.data import datasets
    from r3d_rs.study import experiments, run
    from r3d_rs.study import probes as study_probes

    dataset = datasets.prepare(arguments.dataset, arguments.data_dir)
    recipe = run.recipe_of(experiments.point("RS-50"), dataset.name)
    print(study_probes.write(dataset, recipe, Path(arguments.results)))


def parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    top = argparse.ArgumentParser(prog="python -m r3d_rs", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="command")

    data = commands.add_parser("data", help="datasets")
    actions = data.add_subparsers(required=True, metavar="action")
    action = actions.add_parser("prepare", help=prepare.__doc__)
    action.add_argument("dataset")
    action.add_argument("--data-dir", help="folder of the datasets (R3D_RS_DATA)")
    action.set_defaults(command=prepare)

    command = commands.add_parser("list", help=points.__doc__)
    command.add_argument("--results", default="results")
    command.set_defaults(command=points)

    command = commands.add_parser("probes", help=probes.__doc__)
    command.add_argument("--dataset", default="pantomime-20")
    command.add_argument("--data-dir", help="folder of the datasets (R3D_RS_DATA)")
    command.add_argument("--results", default="results")
    command.set_defaults(command=probes)

    command = commands.add_parser("tables", help=tables.__doc__)
    command.add_argument("--results", default="results")
    command.add_argument(
        "--exact", action="store_true", help="count parameters and multiply-adds anew"
    )
    command.set_defaults(command=tables)
    return top


def main() -> None:
    """Run a command; an expected failure is one line on the error stream."""
    arguments = parser().parse_args()
    try:
        arguments.command(arguments)
    except (ValueError, OSError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
