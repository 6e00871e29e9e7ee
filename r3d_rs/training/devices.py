"""The devices that a run computes on: one, or all that are available."""

import contextlib
import dataclasses
import functools
import os

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices of a run.

    Attributes:
        kind: "cpu", "gpu" or "tpu".
        count: number of devices in all processes; each takes an equal part of a batch.
        process: number of this process, from 0.
        processes: number of processes; more than one only on JAX.
        strategy: TensorFlow's strategy for several devices; None otherwise.
    """

    kind: str
    count: int
    process: int = 0
    processes: int = 1
    strategy: object = None

    def scope(self):
        """Return the context in which a model must be created."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def check(self, batch_size: int, micro_batches: int = 1) -> None:
        """Check that the devices divide a batch and each of its micro-batches.

        Raises:
            ValueError: if they do not, naming the batch size and the devices.
        """
        if batch_size % (self.count * micro_batches):
            parts = f" and {micro_batches} micro-batches" if micro_batches > 1 else ""
            raise ValueError(
                f"batch_size is {batch_size}, but there are {self}{parts}: allowed are"
                f" multiples of {self.count * micro_batches}"
            )

    def __str__(self) -> str:
        """Return the devices in words, such as "4 gpu devices, on jax"."""
        several = f" in {self.processes} processes" if self.processes > 1 else ""
        backend = keras.backend.backend()
        plural = "" if self.count == 1 else "s"
        return f"{self.count} {self.kind} device{plural}{several}, on {backend}"


def connect() -> None:
    """Connect the processes of a JAX run; call this before anything is computed.

    Three environment variables describe the processes:
    `KERAS_DISTRIBUTION_JOB_ADDRESSES` (host and port of the first process),
    `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID`. On a TPU
    pod, which knows its hosts, the number of processes is enough. If none is set, there
    is one process.
    """
    several = any(name.startswith("KERAS_DISTRIBUTION_") for name in os.environ)
    if several and keras.backend.backend() == "jax":
        import jax

        if not jax.distributed.is_initialized():
            keras.distribution.initialize()


def same_everywhere(name: str, value: int) -> None:
    """Check that all processes have the same number.

    Raises:
        ValueError: if they differ, naming the number and each process's value.
    """
    if keras.backend.backend() != "jax":
        return
    import jax

    if jax.process_count() == 1:
        return
    from jax.experimental import multihost_utils

    found = multihost_utils.process_allgather(np.array(value)).tolist()
    if len(set(found)) > 1:
        raise ValueError(
            f"{name}: the processes have {found}; allowed is one number: they must"
            " share the folder of the checkpoints"
        )


def is_first() -> bool:
    """Return whether this process is the first, which writes the results."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return jax.process_index() == 0


@contextlib.contextmanager
def alone():
    """Let this process create variables that the others do not create.

    By default, Keras places a variable on the devices of all processes, and JAX checks
    that all processes have the same value. A process that does this alone waits for the
    others, and mistakes their next message for the answer.
    """
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def divided(batch: np.ndarray):
    """Return a batch, divided equally among JAX's devices.

    Args:
        batch: `(clip, …)`, the same in all processes.

    Returns:
        The batch as one array of all processes, padded with zeros to a multiple of the
        number of devices. With one device, the batch is unchanged.
    """
    shardings = _shardings()
    if shardings is None:
        return batch
    import jax

    split, _ = shardings
    surplus = -len(batch) % split.mesh.size
    batch = np.pad(batch, [(0, surplus)] + [(0, 0)] * (batch.ndim - 1))
    return jax.make_array_from_callback(batch.shape, split, lambda part: batch[part])


def _shardings():
    """Return JAX's shardings for a batch and for copies; None on a single device."""
    distribution = keras.distribution.distribution()
    if distribution is None or keras.backend.backend() != "jax":
        return None
    from jax.sharding import NamedSharding, PartitionSpec

    mesh = distribution.device_mesh.backend_mesh
    parts = PartitionSpec(distribution.batch_dim_name)
    return NamedSharding(mesh, parts), NamedSharding(mesh, PartitionSpec())


class Gathered(keras.layers.Layer):
    """Layer that gathers the devices' parts of a batch for all processes."""

    def call(self, x):
        """Return the whole batch."""
        shardings = _shardings()
        if shardings is None:
            return x
        import jax

        return jax.lax.with_sharding_constraint(x, shardings[1])


def accelerators() -> tuple[str, int]:
    """Return the accelerators' name in JAX or TensorFlow, and their number.

    Returns:
        A pair such as ("TPU v5 lite", 8); ("", 0) if there are no accelerators.
    """
    if keras.backend.backend() == "jax":
        import jax

        found = jax.devices()
        kind = found[0].device_kind
        return ("", 0) if found[0].platform == "cpu" else (kind, len(found))
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        return "", 0
    details = tf.config.experimental.get_device_details(found[0])
    return details.get("device_name", "GPU"), len(found)


def gpu_memory() -> int:
    """Return the bytes of GPU memory that JAX may use; 0 if none or on TensorFlow."""
    if keras.backend.backend() != "jax":
        return 0
    import jax

    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform == "gpu" else None
    return int((stats or {}).get("bytes_limit", 0))


def multiply_in_float32() -> None:
    """Make accelerators multiply float32 numbers at full precision.

    By default, GPUs first round the factors to TF32, and TPUs to bfloat16. The change
    applies to everything compiled afterwards. Without accelerators, nothing changes.
    """
    if not accelerators()[1]:
        return
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "float32")
    else:
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)


def find() -> Devices:
    """Return all available devices, and make Keras use them for data parallelism.

    Normalization then uses the statistics of the whole batch on JAX, and of each
    device's part on TensorFlow.
    """
    if keras.backend.backend() == "jax":
        import jax

        devices = jax.devices()
        if len(devices) > 1:
            keras.distribution.set_distribution(
                keras.distribution.DataParallel(
                    devices=keras.distribution.list_devices(), auto_shard_dataset=False
                )
            )
        return Devices(
            devices[0].platform,
            len(devices),
            jax.process_index(),
            jax.process_count(),
        )
    import tensorflow as tf

    kind = "gpu" if tf.config.list_logical_devices("GPU") else "cpu"
    devices = tf.config.list_logical_devices(kind.upper())
    strategy = None
    if len(devices) > 1:
        strategy = _mirrored(tuple(device.name for device in devices))
    return Devices(kind, len(devices), strategy=strategy)


@functools.cache
def _mirrored(names: tuple[str, ...]):
    """Return TensorFlow's strategy for some devices, one per process.

    Sums over devices in a second strategy would wait for sums in the first.
    """
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(names))
