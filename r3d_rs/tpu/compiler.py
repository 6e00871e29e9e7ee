"""Compile the training and evaluation steps for a TPU, without a TPU.

Google's compiler (the package `libtpu`) runs on any Linux machine. It takes shapes
instead of arrays, and a description of the chips instead of the chips. Its results tell
whether a step fits, and how much memory, arithmetic and traffic it needs.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import math
import os
import re
import time
from collections.abc import Callable

from r3d_rs.recipes.recipe import Recipe
from r3d_rs.tpu import hlo_cost
from r3d_rs.tpu.chips import Topology


@dataclasses.dataclass(frozen=True)
class Compiled:
    """The compiler's results for one step on one device.

    Attributes:
        fits: whether the step fits the device's memory.
        arguments: bytes of the inputs: weights, optimizer state and clips.
        outputs: bytes of the outputs that do not reuse an argument's memory.
        temporaries: bytes of intermediate results.
        needed: bytes in total. If the compiler refuses the program as too large, the
            bytes that its error reports.
        limit: bytes available on the device. If the compiler refuses the program, the
            limit that its error reports.
        flops: operations, counted by `hlo_cost.cost`.
        bytes_accessed: bytes of traffic to and from memory, counted in the same way.
        seconds: time of compiling.
    """

    fits: bool
    arguments: float = math.nan
    outputs: float = math.nan
    temporaries: float = math.nan
    needed: float = math.nan
    limit: float = math.nan
    flops: float = math.nan
    bytes_accessed: float = math.nan
    seconds: float = math.nan


def compile_training(
    recipe: Recipe, num_classes: int, where: Topology, clips: int
) -> Compiled:
    """Compile the training step of `fit` for a slice, dividing batches over devices.

    Args:
        recipe: recipe of the run; its batch size is ignored. With several
            micro-batches, the step for one of them is compiled.
        num_classes: number of classes.
        where: the slice.
        clips: clips per device.

    Raises:
        ModuleNotFoundError: if `libtpu` is not installed.
        ValueError: if the backend is not JAX, or the compiler does not know the slice.
    """
    from r3d_rs.training import fit

    lower = lowering(where)
    model = fit.compiled(recipe, num_classes, steps_per_epoch=1000)
    model.optimizer.build(model.trainable_variables)
    return lower(model, "train", (recipe.frames, recipe.size), num_classes, clips)


def compile_evaluation(
    recipe: Recipe, num_classes: int, where: Topology, clips: int
) -> Compiled:
    """Compile the step of `multiview.predict_clips`; see `compile_training`.

    The step is for one device. In a run, each device gets its part of a batch
    (`devices.divided`).
    """
    from r3d_rs.training import fit, loop

    lower = lowering(where)
    model = fit.build_model(recipe, num_classes, size=recipe.eval_size)
    model.compile(jit_compile=loop.jit_compile())
    return lower(
        model, "predict", (recipe.frames, recipe.eval_size), num_classes, clips
    )


def lowering(where: Topology) -> Callable[..., Compiled]:
    """Return a function that compiles a model's step for a slice.

    The step is Keras' own, jitted as in `JAXTrainer.make_train_function`. Training uses
    the shardings of `DataParallel`: clips are divided over the devices, and everything
    else is on every device.
    """
    import keras

    if keras.backend.backend() != "jax":
        raise ValueError(
            f"backend: Keras uses {keras.backend.backend()!r}, but TPUs need 'jax';"
            " set KERAS_BACKEND=jax"
        )
    if importlib.util.find_spec("libtpu") is None:
        raise ModuleNotFoundError(
            "compiling for a TPU needs its compiler, which runs on any Linux machine:"
            ' pip install -e ".[tpu]"'
        )
    # Do not ask the metadata server for a TPU: there may be no TPU and no network.
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    # Only one process can use a TPU, but any number can compile.
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    import jax
    from jax.experimental import topologies
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    from r3d_rs.models.platform import compiling_for_tpu

    if not jax.config.jax_platforms:
        jax.config.update("jax_platforms", "cpu")

    # A slice smaller than a host needs the host's bounds.
    small = where.chips < 4
    bounds = (*where.shape, *(1,) * (3 - len(where.shape)))
    options = {"chips_per_host_bounds": bounds} if small else {}
    if where.chip.megacore:
        options["chip_config_name"] = "megacore"
    try:
        described = topologies.get_topology_desc(
            platform="tpu", topology_name=where.name, **options
        )
    except jax.errors.JaxRuntimeError as error:
        first = str(error).splitlines()[0]
        raise ValueError(
            f"topology: the compiler has no {where.name!r}: {first}"
        ) from error
    mesh = Mesh(described.devices, ("batch",))
    divided = NamedSharding(mesh, PartitionSpec("batch"))
    whole = NamedSharding(mesh, PartitionSpec())

    def shape_of(variable):
        return jax.ShapeDtypeStruct(variable.shape, variable.dtype, sharding=whole)

    def compile_step(model, kind, size, num_classes, clips) -> Compiled:
        # `Model.predict_on_batch` does not divide: every device gets all clips.
        copies = 1 if kind == "predict" else len(described.devices)
        batch, placed = clips * copies, whole if kind == "predict" else divided
        frames, pixels = size
        x, y = (
            jax.ShapeDtypeStruct((batch, *shape), "float32", sharding=placed)
            for shape in ((frames, pixels, pixels, 3), (num_classes,))
        )
        lists = [model.trainable_variables, model.non_trainable_variables]
        if kind == "train":
            model._symbolic_build(data_batch=(x, y))
            lists += [model.optimizer.variables, model.metrics_variables]
            step, data = model.train_step, (x, y)
        else:
            step, data = _predicting(model), (x,)
        state = tuple([shape_of(variable) for variable in one] for one in lists)
        jitted = jax.jit(
            step,
            donate_argnums=0,
            out_shardings=(None, whole),
        )
        start = time.perf_counter()
        with compiling_for_tpu():
            lowered = jitted.lower(state, data)
        try:
            made = lowered.compile()
        except jax.errors.JaxRuntimeError as error:
            needed, limit = memory_asked(str(error))
            seconds = time.perf_counter() - start
            return Compiled(False, needed=needed, limit=limit, seconds=seconds)
        seconds = time.perf_counter() - start
        memory = made.memory_analysis()
        flops, bytes_accessed = hlo_cost.cost(made.as_text())
        outputs = memory.output_size_in_bytes - memory.alias_size_in_bytes
        parts = (memory.argument_size_in_bytes, outputs, memory.temp_size_in_bytes)
        code = memory.generated_code_size_in_bytes
        needed, limit = sum(parts) + code, where.chip.memory / where.chip.devices
        return Compiled(
            needed <= limit,  # the compiler accepts some larger programs
            *parts,
            needed=needed,
            limit=limit,
            flops=flops,
            bytes_accessed=bytes_accessed,
            seconds=seconds,
        )

    return compile_step


def _predicting(model) -> Callable:
    # As in `JAXTrainer.make_predict_function`.
    def predict_step(state, data):
        outputs, others = model.predict_step(state, data)
        return outputs, (state[0], others)

    return predict_step


_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def memory_asked(message: str) -> tuple[float, float]:
    """Parse the bytes needed and available from the compiler's out-of-memory error.

    For some programs the error gives only the bytes of the temporaries.

    Raises:
        ValueError: if the error is about something else; it gives its first line.
    """
    size = r"([\d.]+)([KMGT])"
    found = re.search(f"Used {size} of {size} hbm", message) or re.search(
        rf"temporaries \({size}\) exceeds available HBM \({size}\)", message
    )
    if not found:
        raise ValueError(f"the step does not compile: {message.splitlines()[0]}")
    asked, unit, allowed, other = found.groups()
    return float(asked) * _UNITS[unit], float(allowed) * _UNITS[other]


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    return {name: importlib.metadata.version(name) for name in ("jax", "libtpu")}
