"""Color augmentations, drawn once per clip and applied to all of its frames.

Source: `video_ssl_preprocess_ops.py` of the official implementation, tf-models-official
2.20.0. Clips are float32 `(time, height, width, 3)` in [0, 1]. Seeds are two integers.
"""

import tensorflow as tf

from r3d_rs.recipes.contrastive import ContrastiveRecipe


def augment(clip, recipe: ContrastiveRecipe, view: int, seed):
    """Apply jitter, grayscale, blur and solarization with the recipe's probabilities.

    Args:
        clip: clip to augment.
        recipe: gives the probabilities and the jitter's strength.
        view: index of the view in its pair, 0 or 1.
        seed: seeds every draw.

    Returns:
        The augmented clip, in [0, 1].
    """
    draws = tf.random.split(seed, 6)

    def sometimes(change, probability, draw, clip):
        if not probability:
            return clip
        drawn = tf.random.stateless_uniform([], draw) < probability
        return tf.cond(drawn, lambda: change(clip), lambda: clip)

    clip = sometimes(
        lambda clip: jitter(clip, recipe.jitter_strength, draws[1]),
        recipe.jitter_probability,
        draws[0],
        clip,
    )
    clip = sometimes(grayscale, recipe.gray_probability, draws[2], clip)
    sigma = tf.random.stateless_uniform([], draws[4], 0.1, 2.0)
    blurs, solarizes = recipe.blur_probability[view], recipe.solarize_probability[view]
    clip = sometimes(lambda clip: blur(clip, sigma), blurs, draws[3], clip)
    clip = sometimes(solarize, solarizes, draws[5], clip)
    return tf.clip_by_value(clip, 0.0, 1.0)


def jitter(clip, strength: float, seed):
    """Change brightness, contrast, saturation and hue, in random order.

    Brightness, contrast and saturation are multiplied by factors within
    `0.8 * strength` of 1. Hue is shifted by up to `0.2 * strength`. Values are clipped
    to [0, 1] after each change. Contrast is relative to each channel's mean over all
    frames.
    """
    draws = tf.random.split(seed, 5)

    def factor(draw):
        least = max(1 - 0.8 * strength, 0.0)
        return tf.random.stateless_uniform([], draw, least, 1 + 0.8 * strength)

    def hue(clip):
        limit = 0.2 * strength
        turn = tf.random.stateless_uniform([], draws[3], -limit, limit)
        return tf.image.adjust_hue(clip, turn)

    changes = (
        lambda clip: clip * factor(draws[0]),
        lambda clip: contrast(clip, factor(draws[1])),
        lambda clip: tf.image.adjust_saturation(clip, factor(draws[2])),
        hue,
    )
    order = tf.random.experimental.stateless_shuffle(tf.range(4), draws[4])
    for place in range(4):
        branches = [lambda change=change, clip=clip: change(clip) for change in changes]
        clip = tf.clip_by_value(tf.switch_case(order[place], branches), 0.0, 1.0)
    return clip


def contrast(clip, factor):
    """Multiply a clip's differences from each channel's mean by a factor."""
    mean = tf.reduce_mean(clip, [0, 1, 2])
    return (clip - mean) * factor + mean


def grayscale(clip):
    """Convert a clip to gray, with three equal channels."""
    return tf.repeat(tf.image.rgb_to_grayscale(clip), 3, -1)


def blur(clip, sigma):
    """Blur a clip with a Gaussian of `sigma` pixels and zero padding.

    As in the official implementation, the kernel's radius is a twentieth of the height:
    11 pixels for 224.
    """
    radius = clip.shape[1] // 10 // 2
    x = tf.range(-radius, radius + 1, dtype=tf.float32)
    weights = tf.exp(-(x**2) / (2 * sigma**2))
    weights /= tf.reduce_sum(weights)
    for shape in ([1, -1, 1, 1], [-1, 1, 1, 1]):
        kernel = tf.repeat(tf.reshape(weights, shape), 3, 2)
        clip = tf.nn.depthwise_conv2d(clip, kernel, [1, 1, 1, 1], "SAME")
    return clip


def solarize(clip):
    """Invert values of 0.5 or more."""
    return tf.where(clip < 0.5, clip, 1 - clip)
