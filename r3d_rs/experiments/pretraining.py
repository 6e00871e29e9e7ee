"""Pre-training on web videos and fine-tuning (Table 5), one run at a time."""

from r3d_rs.experiments import parameters, parents, run
from r3d_rs.recipes import points
from r3d_rs.recipes.scales import STAGES, of_stage


def checked(
    *, stage: str, point: str, dataset: str, seed: int, parent: str = "", **options
) -> run.Run:
    """Check the parameters of a run of pre-training or fine-tuning (Table 5).

    Args:
        stage: a name in `STAGES`.
        point: a name in `points.SCALING`; the paper's is RS-200@f48.
        dataset: a name in `datasets.DATASETS`.
        seed: of everything random, from 0.
        parent: folder of the run to fine-tune; "" with the other stages.
        **options: as `run.checked` has them.

    Raises:
        ValueError: naming the parameter, the value received and the values allowed, or
            listing what of a parent does not fit.
        FileNotFoundError: naming a file of the parent that is not there.
    """
    parameters.check("stage", stage, str, allowed=STAGES)
    parameters.check("point", point, str)
    parameters.check("parent", parent, str)
    if (stage == "fine-tune") != bool(parent):
        raise ValueError(
            f"parameter parent: received {parent!r} with stage {stage!r}; allowed is"
            " the folder of a finished run with fine-tune, '' with the other stages"
        )
    points.point(point)
    this = run.checked(
        STAGES[stage].study,
        point,
        dataset,
        seed,
        lambda name: of_stage(stage, point, name),
        **options,
    )
    if parent:
        this.parent = parents.of_run(parent, this.recipe)
    return this
