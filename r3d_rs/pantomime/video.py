"""Make one video: a random figure acts out a class in a random place."""

import numpy as np

from r3d_rs.pantomime.actions import ACTIONS, STANDING, Action, Pose
from r3d_rs.pantomime.exact import Draws, sine
from r3d_rs.pantomime.figure import Shape, joints, shapes
from r3d_rs.pantomime.render import render
from r3d_rs.pantomime.scene import (
    FRAMES,
    HEIGHT,
    VARIATION,
    draw_background,
    draw_camera,
    draw_clothes,
    draw_distractors,
    draw_occluder,
)

SPLITS = ("train", "validate", "test")


def video(name: str, seed: int, split: str, index: int, stream: int = 0) -> np.ndarray:
    """Return the frames of a video, uint8 `(time, height, width, 3)`.

    Args:
        name: name of the class, one of `CLASSES_30`.
        seed: seed of the dataset.
        split: "train", "validate" or "test".
        index: number of the video in the split.
        stream: number of the random stream; other streams give independent videos.
    """
    draws = Draws(seed, SPLITS.index(split) + len(SPLITS) * stream, index)
    action = ACTIONS[name]
    height = draws.between(*VARIATION.height)
    girth = draws.between(*VARIATION.girth)
    camera = draw_camera(draws, height)
    phase = _phase(draws, action)
    at = joints(_motion(draws, action, phase), height, action.on_feet)
    lightness = draws.between(0.48, 0.52)
    clothes = draw_clothes(draws, lightness)
    _, horizon, _, _ = camera.project(np.array([0.0, 0.0, 0.0]))
    edge = float(horizon) - draws.between(0.05, 0.3) * HEIGHT
    background = draw_background(draws, lightness, edge)
    things = shapes(at, height, girth, clothes)
    things += draw_distractors(draws, camera)
    things += _prop(draws, action, phase, at, height)
    return render(things, camera, background, draw_occluder(draws))


def _phase(draws: Draws, action: Action) -> np.ndarray:
    """Return the action's phase over the frames.

    A motion that happens once has a random onset, duration and time warp. The warp is
    symmetric in time, so a random frame is equally likely under an action and its
    reverse.
    """
    time = np.arange(FRAMES, dtype=np.float64)
    duration = draws.between(*VARIATION.transition)
    onset = draws.between(0.0, FRAMES - 1.0 - duration)
    smooth = draws.between(0.2, 0.8)
    offset = draws.between(0.0, 1.0)
    if action.period is not None:
        phase = offset + time / draws.between(*action.period)
        return -phase if action.reverse else phase
    u = np.clip((time - onset) / duration, 0.0, 1.0)
    phase = u + smooth * (u * u * (3.0 - 2.0 * u) - u)
    return 1.0 - phase if action.reverse else phase


def _motion(draws: Draws, action: Action, phase: np.ndarray) -> Pose:
    """Return all channels of the pose over time."""
    amplitude = draws.between(*VARIATION.amplitude)
    mirrored = draws.chance(0.5) and not action.sided
    acted = action.pose(phase)
    time = np.arange(FRAMES, dtype=np.float64)
    pose = {}
    for channel, rest in STANDING.items():
        value = acted.get(channel, np.full(FRAMES, rest))
        value = rest + (value - rest) * amplitude
        wave = sine(
            360.0 * (draws.between(0.0, 1.0) + time / draws.between(10.0, 25.0))
        )
        if channel not in ("x", "y", "z", "pitch", "l_hip", "r_hip"):
            value = value + draws.between(0.2, 1.0) * VARIATION.sway * wave
        pose[channel] = value
    return _exchange_limbs(pose) if mirrored else pose


def _exchange_limbs(pose: Pose) -> Pose:
    """Return the pose with left and right limbs exchanged and the twist negated."""
    other = {"l_": "r_", "r_": "l_"}
    swapped = {other.get(k[:2], k[:2]) + k[2:]: v for k, v in pose.items()}
    return {**swapped, "twist": -pose["twist"]}


def _prop(
    draws: Draws, action: Action, phase: np.ndarray, at: Pose, height: float
) -> list[Shape]:
    """Return the shapes of the object that the figure acts with."""
    color = tuple(draws.between(0.3, 0.7) for _ in range(3))
    if action.prop == "stool":
        # The stool stands where the pelvis is lowest.
        seat = at["pelvis"][np.argmin(at["pelvis"][:, 1])] * np.array([1.0, 0.0, 1.0])
        low, high = (
            np.tile(seat + np.array([0.0, up * height, 0.0]), (FRAMES, 1))
            for up in (0.03, 0.13)
        )
        return [Shape(low, high, 0.10 * height, 0.10 * height, color)]
    if action.prop == "box":
        middle = (at["l_hand"] + at["r_hand"]) * 0.5 + 0.08 * height * at["front"]
        across = (at["r_hand"] - at["l_hand"]) * 0.35
        ends = (middle - across, middle + across)
        return [Shape(*ends, 0.085 * height, 0.085 * height, color)]
    if action.prop == "ball":
        return [_ball(at, phase, height, color)]
    return []


def _ball(at: Pose, phase: np.ndarray, height: float, color: tuple) -> Shape:
    """Return a ball that leaves the hand at phase 0.5, or reaches it in reverse."""
    hand = max(("l_hand", "r_hand"), key=lambda name: float(at[name][:, 1].max()))
    release = int(np.argmin(np.abs(phase - 0.5)))
    flight = np.maximum(phase - 0.5, 0.0)[:, None]
    path = at[hand][release] + flight * (3.0 * at["front"][release])
    path = path - flight * flight * np.array([0.0, 2.5, 0.0])
    place = np.where(phase[:, None] > 0.5, path, at[hand])
    return Shape(place, place, 0.06 * height, 0.06 * height, color)
