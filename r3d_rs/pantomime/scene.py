"""Random parts of a video other than its motion: camera, clothes and surroundings."""

import dataclasses

import numpy as np

from r3d_rs.pantomime.exact import Draws, cosine, sine
from r3d_rs.pantomime.figure import Clothes, Shape

#: Number of frames in a video, their height and width in pixels, and frames per second.
FRAMES, HEIGHT, WIDTH, RATE = 40, 64, 80, 12


@dataclasses.dataclass(frozen=True)
class Variation:
    """How much videos differ: ranges of uniform draws, and probabilities."""

    transition: tuple[float, float] = (18.0, 34.0)
    """Duration of a motion that happens once, in frames."""
    amplitude: tuple[float, float] = (0.65, 1.1)
    """Factor of all joint angles and shifts, relative to standing."""
    sway: float = 3.0
    """Largest idle oscillation of a joint, in degrees."""
    azimuth: tuple[float, float] = (20.0, 65.0)
    """Camera's angle to the figure's front, to either side, in degrees."""
    elevation: tuple[float, float] = (4.0, 20.0)
    """Camera's angle above the horizontal, in degrees."""
    distance: tuple[float, float] = (4.0, 6.5)
    """Camera's distance from the point it looks at, in metres."""
    size: tuple[float, float] = (0.54, 0.76)
    """Height of the standing figure, as a share of the picture's height."""
    shift: tuple[float, float] = (9.0, 2.5)
    """Largest horizontal and vertical offset of the figure, in pixels."""
    height: tuple[float, float] = (1.5, 1.9)
    """Height of the body, in metres."""
    girth: tuple[float, float] = (0.9, 1.2)
    """Factor of all radii of the body except the head's."""
    contrast: tuple[float, float] = (0.24, 0.5)
    """Difference in lightness between clothes and surroundings, in [0, 1]."""
    texture: float = 0.03
    """Strength of the surroundings' texture, in lightness."""
    second_distractor: float = 0.5
    """Probability of a second distractor."""
    occluder: float = 0.12
    """Probability of a pillar or bar in front of everything."""


VARIATION = Variation()


@dataclasses.dataclass(frozen=True)
class Camera:
    """A perspective camera that looks at a point above the figure's place."""

    azimuth: float
    elevation: float
    distance: float
    focal: float
    """Focal length, in pixels."""
    target: float
    """Height of the point that the camera looks at, in metres."""
    center: tuple[float, float]
    """Position (x, y) of that point in the picture, in pixels."""

    def project(self, points: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return x and y in pixels, the scale in pixels per metre, and depth in metres.

        Points are `(..., 3)`: right, up, forward; in metres.
        """
        sa, ca = float(sine(self.azimuth)), float(cosine(self.azimuth))
        se, ce = float(sine(self.elevation)), float(cosine(self.elevation))
        x, y, z = points[..., 0], points[..., 1] - self.target, points[..., 2]
        toward = x * sa + z * ca
        depth = self.distance - (toward * ce + y * se)
        scale = self.focal / depth
        right = z * sa - x * ca
        up = y * ce - toward * se
        return self.center[0] + scale * right, self.center[1] - scale * up, scale, depth


def draw_camera(draws: Draws, height: float) -> Camera:
    """Return a random camera for a figure of the given height in metres."""
    v = VARIATION
    side = draws.sign()
    azimuth = side * draws.between(*v.azimuth)
    distance = draws.between(*v.distance)
    pixels = draws.between(*v.size) * HEIGHT
    return Camera(
        azimuth=azimuth,
        elevation=draws.between(*v.elevation),
        distance=distance,
        focal=pixels * distance / height,
        target=0.6 * height,
        center=(
            0.5 * WIDTH + draws.between(-v.shift[0], v.shift[0]),
            0.5 * HEIGHT + draws.between(-v.shift[1], v.shift[1]) + 1.0,
        ),
    )


def _color(draws: Draws, lightness: float, chroma: float) -> tuple[float, float, float]:
    """Return a random color with mean `lightness` over its channels before clipping."""
    red, green, blue = (draws.between(-1.0, 1.0) for _ in range(3))
    mean = (red + green + blue) / 3.0
    return tuple(
        min(max(lightness + chroma * (c - mean), 0.0), 1.0) for c in (red, green, blue)
    )


def _off(draws: Draws, lightness: float) -> float:
    """Return a random lightness that contrasts with the given one."""
    contrast = draws.between(*VARIATION.contrast)
    sign = draws.sign()
    if not 0.06 <= lightness + sign * contrast <= 0.94:
        sign = -sign
    return lightness + sign * contrast


def draw_clothes(draws: Draws, lightness: float) -> Clothes:
    """Return random clothes for a figure in surroundings of the given lightness."""
    tone = draws.between(0.35, 0.95)
    dark = draws.between(0.05, 0.3)
    return Clothes(
        skin=(0.95 * tone, 0.72 * tone, 0.58 * tone),
        hair=(dark, 0.8 * dark, 0.6 * dark),
        shirt=_color(draws, _off(draws, lightness), 0.15),
        trousers=_color(draws, _off(draws, lightness), 0.15),
        shoes=_color(draws, draws.between(0.05, 0.9), 0.1),
        cap=_color(draws, _off(draws, lightness), 0.15),
        rucksack=_color(draws, _off(draws, lightness), 0.15),
        long_sleeves=draws.chance(0.5),
        long_trousers=draws.chance(0.75),
    )


def _noise(draws: Draws, rows: int, columns: int) -> np.ndarray:
    """Return smooth noise in [-1, 1], `(height, width)`."""
    grid = 2.0 * draws.uniform((rows + 1, columns + 1)) - 1.0
    y = (np.arange(HEIGHT) + 0.5) * (rows / HEIGHT)
    x = (np.arange(WIDTH) + 0.5) * (columns / WIDTH)
    i, j = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    y, x = (y - i)[:, None], (x - j)[None, :]
    y, x = y * y * (3.0 - 2.0 * y), x * x * (3.0 - 2.0 * x)
    i, j = i[:, None], j[None, :]
    top = grid[i, j] * (1.0 - x) + grid[i, j + 1] * x
    bottom = grid[i + 1, j] * (1.0 - x) + grid[i + 1, j + 1] * x
    return top * (1.0 - y) + bottom * y


def _stripes(draws: Draws) -> np.ndarray:
    """Return slanted stripes in [-1, 1], `(height, width)`."""
    angle = draws.between(0.0, 180.0)
    pitch = draws.between(8.0, 20.0)
    y, x = np.arange(HEIGHT)[:, None], np.arange(WIDTH)[None, :]
    along = (x * float(cosine(angle)) + y * float(sine(angle))) / pitch
    wave = 4.0 * np.abs(along - np.floor(along) - 0.5) - 1.0
    return np.clip(2.0 * wave, -1.0, 1.0)


def _surface(draws: Draws, lightness: float, rows: int) -> np.ndarray:
    color = _color(draws, lightness, 0.0)
    strength = VARIATION.texture * draws.between(0.3, 1.0)
    pattern = 0.5 * _noise(draws, rows, 6) + 0.35 * _noise(draws, 3 * rows, 16)
    stripes = _stripes(draws)
    if draws.chance(0.5):
        pattern = pattern + 0.3 * stripes
    return np.stack([c + strength * pattern for c in color], -1)


def draw_background(draws: Draws, lightness: float, edge: float) -> np.ndarray:
    """Return a wall above a floor, `(height, width, 3)`, which meet near row `edge`."""
    wall = _surface(draws, lightness, 5)
    floor = _surface(draws, lightness + draws.between(-0.03, 0.03), 12)
    slant = draws.between(-0.06, 0.06)
    x = np.arange(WIDTH)[None, :, None] - 0.5 * WIDTH
    share = np.arange(HEIGHT)[:, None, None] + 0.5 - edge - slant * x
    share = np.clip(share + 0.5, 0.0, 1.0)
    return wall * (1.0 - share) + floor * share


def draw_distractors(draws: Draws, camera: Camera) -> list[Shape]:
    """Return one or two balls or sticks that drift behind or in front of the figure."""
    time = np.arange(FRAMES) - 0.5 * FRAMES
    things = []
    for index in range(2):
        # Drawn even if absent, so its presence does not change the rest of the video.
        start = [draws.between(-1.5, 1.5), draws.between(0.1, 2.0)]
        speed = [draws.between(-0.05, 0.05), draws.between(-0.025, 0.025)]
        depth = draws.sign() * draws.between(0.5, 1.0)
        angle, spin = draws.between(0.0, 360.0), draws.between(-10.0, 10.0)
        half = draws.between(0.0, 0.16)
        radius = draws.between(0.05, 0.11)
        color = _color(draws, draws.between(0.2, 0.8), 0.1)
        present = index == 0 or draws.chance(VARIATION.second_distractor)
        if not present:
            continue
        sa, ca = float(sine(camera.azimuth)), float(cosine(camera.azimuth))
        right, up = start[0] + speed[0] * time, start[1] + speed[1] * time
        turn = angle + spin * time

        def place(right, up, depth=depth, sa=sa, ca=ca):
            return np.stack([depth * sa - right * ca, up, depth * ca + right * sa], 1)

        dx, dy = half * cosine(turn), half * sine(turn)
        ends = place(right - dx, up - dy), place(right + dx, up + dy)
        things.append(Shape(*ends, radius, radius, color))
    return things


def draw_occluder(draws: Draws) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the opacity and colors of a pillar or bar, or None if there is none.

    Opacity is `(height, width, 1)`, colors are `(height, width, 3)`.
    """
    upright = draws.chance(0.6)
    width = draws.between(4.0, 8.0)
    place = draws.between(0.15, 0.85)
    color = np.array(_color(draws, draws.between(0.2, 0.8), 0.05))
    if not draws.chance(VARIATION.occluder):
        return None
    length = WIDTH if upright else HEIGHT
    away = np.abs(np.arange(length) + 0.5 - place * length)
    opacity = np.clip(0.5 * width - away + 0.5, 0.0, 1.0)
    shade = 1.0 - 0.3 * np.clip(2.0 * away / width, 0.0, 1.0)
    shape = (1, WIDTH, 1) if upright else (HEIGHT, 1, 1)
    opacity, shade = opacity.reshape(shape), shade.reshape(shape)
    full = np.ones((HEIGHT, WIDTH, 1))
    return opacity * full, shade * color * full
