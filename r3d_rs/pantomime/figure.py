"""The figure: a skeleton posed by joint angles, and the shapes of its body."""

import dataclasses

import numpy as np

from r3d_rs.pantomime.exact import cosine, sine

#: Lengths and radii of an adult's body parts, as shares of the height.
PARTS = {
    "hips": 0.060,
    "spine": 0.285,
    "shoulders": 0.120,
    "neck": 0.065,
    "head": 0.080,
    "upper_arm": 0.170,
    "forearm": 0.165,
    "thigh": 0.245,
    "shank": 0.240,
    "foot": 0.105,
}

_AXES = {
    "right": ("up", "forward"),
    "up": ("forward", "right"),
    "forward": ("right", "up"),
}


@dataclasses.dataclass(frozen=True)
class Frame:
    """Three orthogonal directions, each of shape `(time, 3)`."""

    right: np.ndarray
    up: np.ndarray
    forward: np.ndarray

    def about(self, axis: str, degrees: np.ndarray) -> "Frame":
        """Return the frame turned about one of its own axes.

        A turn about `right` moves up to forward, a turn about `up` moves forward to
        right, and a turn about `forward` moves right to up.
        """
        one, other = _AXES[axis]
        a, b = getattr(self, one), getattr(self, other)
        c, s = cosine(degrees)[:, None], sine(degrees)[:, None]
        return dataclasses.replace(self, **{one: c * a + s * b, other: c * b - s * a})


@dataclasses.dataclass(frozen=True)
class Shape:
    """A moving capsule, or a sphere if its ends coincide."""

    start: np.ndarray
    """`(time, 3)`, metres; `end` likewise."""
    end: np.ndarray
    start_radius: float
    end_radius: float
    color: tuple[float, float, float]


def joints(
    pose: dict[str, np.ndarray], height: float, on_feet: float
) -> dict[str, np.ndarray]:
    """Return the positions of the joints, each `(time, 3)`: right, up, forward.

    Positions are in metres. The figure's lowest point is on the ground (up = 0), raised
    by the pose's `y`. `front` is the direction in which the chest faces.

    Args:
        pose: all channels over time, as in `actions`.
        height: height of the figure, in metres.
        on_feet: what stays in place, as in `Action`.
    """
    time = len(pose["yaw"])
    part = {name: share * height for name, share in PARTS.items()}
    zero = np.zeros(time)
    axes = [np.stack([zero + float(i == j) for j in range(3)], 1) for i in range(3)]
    pelvis = Frame(*axes).about("up", -pose["yaw"]).about("right", pose["pitch"])
    chest = pelvis.about("right", pose["spine"]).about("up", -pose["twist"])
    head = chest.about("right", pose["neck"])

    at = {"pelvis": np.zeros((time, 3))}
    at["chest"] = at["pelvis"] + part["spine"] * chest.up
    at["head"] = at["chest"] + part["neck"] * chest.up + part["head"] * head.up
    at["hair"] = at["head"] + 0.02 * height * head.up - 0.022 * height * head.forward
    # A cap's peak and a rucksack show which way the figure faces.
    at["brow"] = at["head"] + 0.035 * height * head.up
    at["peak"] = at["brow"] + 0.15 * height * head.forward
    behind = at["chest"] - 0.125 * height * chest.forward
    at["pack_top"] = behind - 0.03 * height * chest.up
    at["pack_bottom"] = behind - 0.15 * height * chest.up
    at["front"] = chest.forward
    for side, sign in (("l", -1.0), ("r", 1.0)):
        _arm(at, pose, part, chest, side, sign)
        _leg(at, pose, part, pelvis, side, sign)

    lowest = at["pelvis"][:, 1] - 0.08 * height
    for name, margin in (("hand", 0.03), ("toe", 0.03), ("ankle", 0.045)):
        for side in "lr":
            point = at[f"{side}_{name}"][:, 1] - margin * height
            lowest = np.minimum(lowest, point)
    lowest = np.minimum(lowest, at["head"][:, 1] - part["head"])
    feet = (at["l_ankle"] + at["r_ankle"]) * (0.5 * on_feet)
    shift = np.stack(
        [pose["x"] - feet[:, 0], pose["y"] - lowest, pose["z"] - feet[:, 2]], 1
    )
    return {k: v if k == "front" else v + shift for k, v in at.items()}


def _arm(at, pose, part, chest, side, sign):
    shoulder = at["chest"] + sign * part["shoulders"] * chest.right
    upper = chest.about("right", -pose[f"{side}_shoulder"])
    # The right arm swings from down to right; the left arm is mirrored.
    upper = upper.about("forward", sign * pose[f"{side}_side"])
    upper = upper.about("up", sign * pose[f"{side}_turn"])
    fore = upper.about("right", -pose[f"{side}_elbow"])
    at[f"{side}_shoulder"] = shoulder
    at[f"{side}_elbow"] = shoulder - part["upper_arm"] * upper.up
    at[f"{side}_hand"] = at[f"{side}_elbow"] - part["forearm"] * fore.up


def _leg(at, pose, part, pelvis, side, sign):
    hip = at["pelvis"] + sign * part["hips"] * pelvis.right
    thigh = pelvis.about("right", -pose[f"{side}_hip"])
    thigh = thigh.about("forward", sign * pose[f"{side}_spread"])
    shank = thigh.about("right", pose[f"{side}_knee"])
    # The ankle keeps the sole level as far as it can bend.
    tilt = pose["pitch"] - pose[f"{side}_hip"] + pose[f"{side}_knee"]
    foot = shank.about("right", -np.clip(tilt, -25.0, 45.0))
    at[f"{side}_hip"] = hip
    at[f"{side}_knee"] = hip - part["thigh"] * thigh.up
    at[f"{side}_ankle"] = at[f"{side}_knee"] - part["shank"] * shank.up
    heel = at[f"{side}_ankle"] - (0.015 * part["foot"] / 0.105) * foot.up
    at[f"{side}_toe"] = heel + part["foot"] * foot.forward


@dataclasses.dataclass(frozen=True)
class Clothes:
    """Colors of the figure, RGB in [0, 1], and lengths of its clothes."""

    skin: tuple[float, float, float]
    hair: tuple[float, float, float]
    shirt: tuple[float, float, float]
    trousers: tuple[float, float, float]
    shoes: tuple[float, float, float]
    cap: tuple[float, float, float]
    rucksack: tuple[float, float, float]
    long_sleeves: bool
    long_trousers: bool


def shapes(
    at: dict[str, np.ndarray], height: float, girth: float, clothes: Clothes
) -> list[Shape]:
    """Return the shapes of a figure with the joints `at`.

    Args:
        at: positions of the joints, as `joints` returns them.
        height: height of the figure, in metres.
        girth: factor of all radii except the head's.
        clothes: colors and lengths of the clothes.
    """

    def shape(start, end, start_radius, end_radius, color):
        thick = height * girth
        return Shape(
            at[start], at[end], thick * start_radius, thick * end_radius, color
        )

    sleeves = clothes.shirt if clothes.long_sleeves else clothes.skin
    legs = clothes.trousers if clothes.long_trousers else clothes.skin
    body = [
        shape("l_hip", "r_hip", 0.068, 0.068, clothes.trousers),
        shape("pelvis", "chest", 0.080, 0.088, clothes.shirt),
        shape("l_shoulder", "r_shoulder", 0.050, 0.050, clothes.shirt),
        shape("chest", "head", 0.036, 0.036, clothes.skin),
        Shape(at["head"], at["head"], *[PARTS["head"] * height] * 2, clothes.skin),
        Shape(at["hair"], at["hair"], *[PARTS["head"] * height] * 2, clothes.hair),
        shape("brow", "peak", 0.045, 0.03, clothes.cap),
        shape("pack_top", "pack_bottom", 0.075, 0.085, clothes.rucksack),
    ]
    for s in "lr":
        body += [
            shape(f"{s}_shoulder", f"{s}_elbow", 0.044, 0.038, clothes.shirt),
            shape(f"{s}_elbow", f"{s}_hand", 0.037, 0.030, sleeves),
            shape(f"{s}_hand", f"{s}_hand", 0.040, 0.040, clothes.skin),
            shape(f"{s}_hip", f"{s}_knee", 0.062, 0.050, clothes.trousers),
            shape(f"{s}_knee", f"{s}_ankle", 0.048, 0.038, legs),
            shape(f"{s}_ankle", f"{s}_toe", 0.042, 0.034, clothes.shoes),
        ]
    return body
