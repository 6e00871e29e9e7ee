"""The classes: how joint angles move over time.

An action is a function from its phase to a pose. A pose maps channels to arrays over
time. Channels that it does not name keep their values in `STANDING`. Angles are in
degrees, with the positive direction in parentheses:

- pelvis: `yaw` (to the figure's left), `pitch` (forward);
- chest and head: `spine`, `neck` (forward), `twist` (to the left);
- arms: `shoulder` (forward and up), `side` (away from the body), `turn` (of the upper
  arm about its axis), `elbow`;
- legs: `hip` (forward), `spread` (away from the body), `knee`.

Channels of limbs have the prefix `l_` or `r_`. `x` (to the figure's right), `y` (up)
and `z` (forward) shift the body, in metres.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping

import numpy as np

from r3d_rs.pantomime.exact import cosine, sine

Pose = dict[str, np.ndarray]

_LIMBS = ("shoulder", "side", "turn", "elbow", "hip", "spread", "knee")
STANDING = {
    **dict.fromkeys(("yaw", "pitch", "spine", "twist", "neck", "x", "y", "z"), 0.0),
    **{f"{s}_{limb}": 0.0 for s in "lr" for limb in _LIMBS},
    **{f"{s}_side": 9.0 for s in "lr"},
    **{f"{s}_elbow": 12.0 for s in "lr"},
    **{f"{s}_spread": 3.0 for s in "lr"},
}


def keyframes(*frames: tuple[float, Mapping[str, float]]) -> Callable:
    """Return an action that interpolates linearly between poses at given phases.

    A limb channel without `l_` or `r_` applies to both limbs. A channel that only some
    poses name has its value in `STANDING` in the others.
    """
    poses = [(phase, _both(pose)) for phase, pose in frames]
    names = {name for _, pose in poses for name in pose}

    def action(phase: np.ndarray) -> Pose:
        return {
            name: _piecewise(
                phase, [(at, pose.get(name, STANDING[name])) for at, pose in poses]
            )
            for name in sorted(names)
        }

    return action


def _both(pose: Mapping[str, float]) -> dict[str, float]:
    both = {}
    for name, value in pose.items():
        for channel in (f"l_{name}", f"r_{name}") if name in _LIMBS else (name,):
            both[channel] = value
    return both


def _piecewise(phase: np.ndarray, points: list[tuple[float, float]]) -> np.ndarray:
    value = np.full(phase.shape, points[0][1])
    for (start, a), (end, b) in itertools.pairwise(points):
        share = np.clip((phase - start) / (end - start), 0.0, 1.0)
        value = value + (b - a) * share
    return value


def _up(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0)


def _walk(phase: np.ndarray) -> Pose:
    s, c = sine(720.0 * phase), cosine(720.0 * phase)
    return {
        "z": 1.7 * (phase - 0.5),
        "pitch": np.full_like(phase, 3.0),
        "l_hip": 5.0 + 30.0 * s,
        "r_hip": 5.0 - 30.0 * s,
        "l_knee": 8.0 + 50.0 * _up(c),
        "r_knee": 8.0 + 50.0 * _up(-c),
        "l_shoulder": -28.0 * s,
        "r_shoulder": 28.0 * s,
        "l_elbow": np.full_like(phase, 25.0),
        "r_elbow": np.full_like(phase, 25.0),
    }


def _turn_left(phase: np.ndarray) -> Pose:
    s = sine(720.0 * phase)
    return {
        "yaw": 150.0 * (phase - 0.5),
        "l_hip": 22.0 * _up(s),
        "r_hip": 22.0 * _up(-s),
        "l_knee": 40.0 * _up(s),
        "r_knee": 40.0 * _up(-s),
        # Arms stretched forward show which way the figure faces.
        **dict.fromkeys(("l_shoulder", "r_shoulder"), 80.0 + 0.0 * s),
        **dict.fromkeys(("l_elbow", "r_elbow"), 4.0 + 0.0 * s),
    }


def _step_left(phase: np.ndarray) -> Pose:
    lead, close = _up(sine(360.0 * phase)), _up(-sine(360.0 * phase))
    apart = sine(180.0 * phase)
    return {
        "x": -0.9 * (phase - 0.5),
        "l_spread": 3.0 + 20.0 * apart + 16.0 * lead,
        "r_spread": 3.0 + 20.0 * apart + 8.0 * close,
        "l_knee": 25.0 * lead,
        "l_hip": 12.0 * lead,
        "r_knee": 25.0 * close,
        "r_hip": 12.0 * close,
        "l_side": 15.0 + 15.0 * apart,
        "r_side": 15.0 + 15.0 * apart,
    }


def _swim(phase: np.ndarray) -> Pose:
    angle = 360.0 * phase
    bend = np.full_like(phase, 12.0)
    return {
        "l_shoulder": 180.0 - angle,
        "r_shoulder": -angle,
        "l_side": bend,
        "r_side": bend,
        "pitch": bend,
        "l_hip": bend,
        "r_hip": bend,
        "twist": 18.0 * sine(angle),
    }


def _kick(phase: np.ndarray) -> Pose:
    swing = 0.5 - 0.5 * cosine(360.0 * phase)
    return {
        "r_hip": -22.0 + 115.0 * swing,
        "r_knee": 12.0 + 220.0 * swing * (1.0 - swing),
        "l_knee": 8.0 + 8.0 * swing,
        "l_hip": 4.0 + 4.0 * swing,
        "spine": 5.0 - 22.0 * swing,
        "l_side": 25.0 + 25.0 * swing,
        "r_side": 25.0 + 25.0 * swing,
    }


def _punch(phase: np.ndarray) -> Pose:
    s = sine(360.0 * phase)
    left, right = _up(s), _up(-s)
    return {
        "l_shoulder": 25.0 + 65.0 * left,
        "r_shoulder": 25.0 + 65.0 * right,
        "l_elbow": 125.0 - 120.0 * left,
        "r_elbow": 125.0 - 120.0 * right,
        "twist": -30.0 * s,
        "l_hip": np.full_like(s, 18.0),
        "r_hip": np.full_like(s, -12.0),
        "l_knee": np.full_like(s, 18.0),
        "r_knee": np.full_like(s, 12.0),
    }


def _wave(phase: np.ndarray) -> Pose:
    s = sine(360.0 * phase)
    return {
        "r_side": 100.0 + 8.0 * s,
        "r_turn": np.full_like(s, 90.0),
        "r_elbow": 60.0 - 50.0 * s,
    }


def _clap(phase: np.ndarray) -> Pose:
    apart = 0.5 - 0.5 * cosine(360.0 * phase)
    return {
        **dict.fromkeys(("l_shoulder", "r_shoulder"), 75.0 + 0.0 * apart),
        **dict.fromkeys(("l_side", "r_side"), -14.0 + 60.0 * apart),
        **dict.fromkeys(("l_elbow", "r_elbow"), 15.0 + 10.0 * apart),
    }


def _jump(phase: np.ndarray) -> Pose:
    s = sine(360.0 * phase)
    air, crouch = _up(s), _up(-s)
    return {
        "y": 0.36 * air,
        **dict.fromkeys(("l_hip", "r_hip"), 55.0 * crouch),
        **dict.fromkeys(("l_knee", "r_knee"), 85.0 * crouch),
        "spine": 25.0 * crouch,
        **dict.fromkeys(("l_shoulder", "r_shoulder"), 70.0 * air - 40.0 * crouch),
    }


def _squat(phase: np.ndarray) -> Pose:
    low = 0.5 - 0.5 * cosine(360.0 * phase)
    return {
        **dict.fromkeys(("l_hip", "r_hip"), 105.0 * low),
        **dict.fromkeys(("l_knee", "r_knee"), 115.0 * low),
        **dict.fromkeys(("l_spread", "r_spread"), 5.0 + 10.0 * low),
        "pitch": 10.0 * low,
        "spine": 15.0 * low,
        **dict.fromkeys(("l_shoulder", "r_shoulder"), 80.0 * low),
    }


@dataclasses.dataclass(frozen=True)
class Action:
    """One class: a motion, and how a video runs through it."""

    pose: Callable[[np.ndarray], Pose]
    """Function from the phase to joint angles."""
    period: tuple[float, float] | None = None
    """Range of frames per cycle; None runs once, from phase 0 to 1."""
    reverse: bool = False
    """Whether the motion runs backwards."""
    sided: bool = False
    """Whether left and right define the class. If so, limbs are never exchanged."""
    on_feet: float = 1.0
    """What stays in place: the feet (1), the pelvis (0) or a point in between."""
    prop: str | None = None
    """Object that the figure acts with: "stool", "box" or "ball"."""


def _pair(forward: str, backward: str, action: Action) -> dict[str, Action]:
    return {forward: action, backward: dataclasses.replace(action, reverse=True)}


_SIT = keyframes(
    (0.0, {}),
    (0.5, {"spine": 32, "pitch": 8, "hip": 60, "knee": 58, "shoulder": 35}),
    (1.0, {"spine": 4, "hip": 88, "knee": 88, "shoulder": 25, "elbow": 45}),
)
_FALL = keyframes(
    (0.0, {}),
    (0.35, {"pitch": 28, "hip": 45, "knee": 62, "shoulder": 60}),
    (0.7, {"pitch": 66, "hip": 20, "knee": 45, "shoulder": 115, "side": 20}),
    (1.0, {"pitch": 88, "knee": 6, "shoulder": 150, "elbow": 25, "side": 25}),
)
_PUSH = keyframes(
    (0.0, {"shoulder": 12, "elbow": 112, "spine": -8, "l_hip": 12, "l_knee": 12}),
    (
        1.0,
        {
            "shoulder": 68,
            "elbow": 6,
            "spine": 24,
            "pitch": 6,
            "l_hip": 50,
            "l_knee": 45,
            "r_hip": -22,
            "r_knee": 4,
        },
    ),
)
_RAISE = keyframes((0.0, {}), (1.0, {"side": 160, "elbow": 6}))
_BOW = keyframes(
    (0.0, {}),
    (1.0, {"spine": 55, "pitch": 32, "hip": 36, "neck": 18, "shoulder": 40}),
)
_THROW = keyframes(
    (0.0, {"r_shoulder": 150, "r_elbow": 95, "spine": -14, "r_hip": -10, "l_hip": 25}),
    (0.5, {"r_shoulder": 125, "r_elbow": 20, "spine": 8, "l_hip": 30, "l_knee": 20}),
    (1.0, {"r_shoulder": 35, "r_elbow": 10, "spine": 28, "l_hip": 30, "l_knee": 28}),
)
_LIFT_LEG = keyframes(
    (0.0, {}), (1.0, {"r_hip": 95, "r_knee": 85, "side": 35, "spine": -4})
)
_OPEN_ARMS = keyframes(
    (0.0, {"shoulder": 85, "side": -6, "elbow": 4}),
    (1.0, {"shoulder": 85, "side": 92, "elbow": 4}),
)

ACTIONS: dict[str, Action] = {
    **_pair("sit down", "stand up", Action(_SIT, prop="stool")),
    **_pair("fall", "get up", Action(_FALL, on_feet=0.45)),
    **_pair("push", "pull", Action(_PUSH, on_feet=0.6, prop="box")),
    **_pair("raise arms", "lower arms", Action(_RAISE)),
    **_pair("bow", "straighten", Action(_BOW)),
    **_pair("step left", "step right", Action(_step_left, sided=True, on_feet=0.0)),
    **_pair("throw", "catch", Action(_THROW, on_feet=0.5, prop="ball")),
    "kick": Action(_kick, period=(13, 19), on_feet=0.0),
    "punch": Action(_punch, period=(12, 17)),
    "wave": Action(_wave, period=(11, 15)),
    "clap": Action(_clap, period=(11, 15)),
    "jump": Action(_jump, period=(13, 19)),
    "squat": Action(_squat, period=(15, 21)),
    **_pair("walk forward", "walk backward", Action(_walk, on_feet=0.0)),
    **_pair("turn left", "turn right", Action(_turn_left, sided=True, on_feet=0.0)),
    **_pair("lift leg", "lower leg", Action(_LIFT_LEG, on_feet=0.0)),
    **_pair("open arms", "close arms", Action(_OPEN_ARMS)),
    **_pair("swim forward", "swim backward", Action(_swim, period=(15, 20))),
}

#: Pantomime-30's classes in the order of their labels; Pantomime-20 has the first 20.
CLASSES_30 = tuple(ACTIONS)
#: Pantomime-20's classes, in the order of their labels.
CLASSES_20 = CLASSES_30[:20]
#: The class that a mirror image shows, for each class that a mirror changes.
FLIP_CHANGES = {
    "turn left": "turn right",
    "turn right": "turn left",
    "step left": "step right",
    "step right": "step left",
}
