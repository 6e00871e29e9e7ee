# The study's engine. It makes missing and stale runs, then tables, figures and the book.
#
#   snakemake --profile profiles/local --dry-run
#   snakemake --profile profiles/local --config only="scaling/RS-50 scaling/R3D-50" seeds=2
#   snakemake --profile profiles/slurm --config videos=VIDEOS parts=64 \
#     -- build/study/data/kinetics-400
#
# The last command prepares a dataset of videos in parts, in parallel, and merges them.
#
# A run is stale if its record has another recipe's hash (r3d_rs/operations/plan.py). File
# times do not matter: a run's marker has the hash in its name.

import shlex
import sys

from snakemake.exceptions import WorkflowError

from r3d_rs.data.names import DATASETS
from r3d_rs.operations import plan

PLAN = plan.make(
    only=config.get("only", ""),
    datasets=config.get("datasets", "pantomime-20 pantomime-30 pantomime-web"),
    seeds=int(config["seeds"]) if "seeds" in config else None,
    results=config.get("results", "results"),
    checkpoints=config.get("checkpoints", "build/checkpoints"),
    scale=config.get("scale", ""),
)
print(PLAN.summary(), file=sys.stderr)
PARAMETERS = "".join(
    f" -p {shlex.quote(pair)}" for pair in str(config.get("parameters", "")).split()
)
if PLAN.scale:
    PARAMETERS += f" -p scale={shlex.quote(PLAN.scale)}"
# A dataset of videos can be prepared in parts. These options control how.
PARTS = int(config.get("parts", 1))
PREPARE = " ".join(
    f"--{option.replace('_', '-')} {shlex.quote(str(config[option]))}"
    for option in ("videos", "annotations", "short_side", "max_aside")
    if option in config
)


def parts(wildcards):
    """Return the parts that a dataset waits for; none if it is not divided."""
    if PARTS == 1 or DATASETS[wildcards.dataset].source != "videos":
        return []
    folder = f"{plan.FOLDER}/parts/{wildcards.dataset}"
    return [f"{folder}/{part}-of-{PARTS}" for part in range(1, PARTS + 1)]


def prepare(wildcards, input):
    """Return the command that prepares a dataset, or merges its parts."""
    if DATASETS[wildcards.dataset].source != "videos":
        return f"prepare {wildcards.dataset}"
    if input:
        return f"merge {wildcards.dataset}"
    return f"prepare {wildcards.dataset} {PREPARE}"


# An operating system lock, which ends with the process. Snakemake's own lock would remain
# after a kill, so the profiles set `nolock`.
onstart:
    try:
        plan.lock(PLAN.results)
    except plan.RunningError as error:
        raise WorkflowError(str(error)) from None


localrules: all, book


rule all:
    input: PLAN.book


rule run:
    output: touch(plan.MARKER)
    input: lambda wildcards: PLAN.needs(wildcards)
    threads: 1
    priority: lambda wildcards: PLAN.priority(wildcards)
    shell:
        "{sys.executable:q} -m r3d_rs run {wildcards.study}/{wildcards.point}"
        " --dataset {wildcards.dataset} --seed {wildcards.seed}"
        " --results {PLAN.results:q} --checkpoints {PLAN.checkpoints:q}"
        " -p threads={threads} {PARAMETERS}"


rule part:
    output: touch("build/study/parts/{dataset}/{part}-of-{total}")
    threads: 2
    shell:
        "{sys.executable:q} -m r3d_rs data prepare {wildcards.dataset}"
        " --part {wildcards.part}/{wildcards.total} --workers {threads} {PREPARE}"


rule data:
    output: touch("build/study/data/{dataset}")
    input: parts
    params: command=prepare
    shell: "{sys.executable:q} -m r3d_rs data {params.command}"


rule book:
    output: touch(PLAN.book)
    input: PLAN.markers
    shell: "make tables && make book"
