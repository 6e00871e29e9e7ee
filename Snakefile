# The study's engine: runs that are missing or stale, then tables, figures and the book.
#
#   snakemake --profile profiles/local --dry-run
#   snakemake --profile profiles/local --config only="scaling/RS-50 scaling/R3D-50" seeds=2
#
# What is stale is told by the hashes of recipes in the records (r3d_rs/operations/plan.py), not
# by the times of files; a run's marker has the hash in its name.

import shlex
import sys

from snakemake.exceptions import WorkflowError

from r3d_rs.operations import plan

PLAN = plan.make(
    only=config.get("only", ""),
    datasets=config.get("datasets", "pantomime-20 pantomime-30 pantomime-web"),
    seeds=int(config.get("seeds", 3)),
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


# A lock of the operating system's, which ends with the process. Snakemake's own would
# stay where it was killed (the profiles have `nolock`).
onstart:
    try:
        plan.hold(PLAN.results)
    except plan.RunningError as error:
        raise WorkflowError(str(error)) from None


localrules: all, book


rule all:
    input: PLAN.book


rule run:
    output: touch(plan.MARKER)
    input: lambda wildcards: PLAN.needs(wildcards)
    threads: 1
    shell:
        "{sys.executable:q} -m r3d_rs run {wildcards.study}/{wildcards.point}"
        " --dataset {wildcards.dataset} --seed {wildcards.seed}"
        " --results {PLAN.results:q} --checkpoints {PLAN.checkpoints:q}"
        " -p threads={threads} {PARAMETERS}"


rule data:
    output: touch("build/study/data/{dataset}")
    shell: "{sys.executable:q} -m r3d_rs data prepare {wildcards.dataset}"


rule book:
    output: touch(PLAN.book)
    input: PLAN.markers
    shell: "make tables && make book"
