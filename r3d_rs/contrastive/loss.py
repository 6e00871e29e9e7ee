"""NT-Xent, the contrastive loss, with negatives from all devices.

Source: tf-models-official 2.20.0, `projects/video_ssl/losses`; Chen et al., "A Simple
Framework for Contrastive Learning of Visual Representations", ICML 2020.
"""

import keras
from keras import ops

#: Subtracted from the logit of a view with itself.
_NEVER = 1e9


def logits_and_targets(projections, temperature: float):
    """Compare the views on this device with the views on all devices.

    Args:
        projections: projections of this device's pairs, `(batch, 2, size)`.
        temperature: divisor of the cosine similarities.

    Returns:
        Logits `(2, batch, 2 * total)` and targets `(batch,)`. The first logits compare
        each first view with all second views, then with all first views. The second
        logits compare each second view with all first views, then with all second
        views. A view never matches itself. Each target is the index of the other view
        of the same pair.
    """
    projections = ops.cast(projections, "float32")
    own = projections / ops.sqrt(
        ops.maximum(ops.sum(projections**2, -1, keepdims=True), 1e-12)
    )
    everyones, offset = _of_all_devices(own)
    first, second = own[:, 0], own[:, 1]
    firsts, seconds = everyones[:, 0], everyones[:, 1]
    targets = ops.arange(ops.shape(own)[0]) + offset
    itself = _NEVER * ops.one_hot(targets, ops.shape(everyones)[0], dtype="float32")

    def similarity(one, others):
        return ops.matmul(one, ops.transpose(others)) / temperature

    forth = [similarity(first, seconds), similarity(first, firsts) - itself]
    back = [similarity(second, firsts), similarity(second, seconds) - itself]
    return ops.stack([ops.concatenate(forth, 1), ops.concatenate(back, 1)]), targets


def _of_all_devices(x):
    """Concatenate the arrays of all devices; also return this device's offset in it.

    On JAX, an array already covers the whole batch.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        replica = tf.distribute.get_replica_context()
        if replica and replica.num_replicas_in_sync > 1:
            rank = replica.replica_id_in_sync_group
            return replica.all_gather(x, axis=0), rank * tf.shape(x)[0]
    return x, 0


class NTXent(keras.losses.Loss):
    """Cross-entropy of finding the other view of a pair among the views of all pairs.

    Args:
        temperature: divisor of the cosine similarities.
        directions: "sum" or "mean" of the two losses, from first to second view and
            back.
        scale: factor of the loss; the number of devices if losses are summed over them.
    """

    def __init__(self, temperature, directions="sum", scale=1):
        """Store the settings."""
        if directions not in ("sum", "mean"):
            raise ValueError(f"directions is {directions!r}; allowed are sum, mean")
        super().__init__(name="nt_xent")
        self.temperature = temperature
        self.directions = directions
        self.scale = scale

    def call(self, y_true, y_pred):
        """Return the loss of each pair, `(batch,)`; `y_true` is not used."""
        logits, targets = logits_and_targets(y_pred, self.temperature)
        right = ops.one_hot(targets, ops.shape(logits)[-1], dtype="float32")
        losses = -ops.sum(right * ops.log_softmax(logits), -1)
        combine = ops.sum if self.directions == "sum" else ops.mean
        return self.scale * combine(losses, 0)


def accuracy(y_true, y_pred):
    """Return whether each first view is most similar to its own second view.

    Only second views are compared. The result is 1 or 0 for each pair, `(batch,)`.
    """
    logits, targets = logits_and_targets(y_pred, 1.0)
    seconds = logits[0, :, : ops.shape(logits)[-1] // 2]
    found = ops.cast(ops.argmax(seconds, -1), "int32")
    return ops.cast(found == ops.cast(targets, "int32"), "float32")
