"""Render shapes, as a camera sees them, to pixels."""

import numpy as np

from r3d_rs.pantomime.figure import Shape
from r3d_rs.pantomime.scene import FRAMES, HEIGHT, WIDTH, Camera

#: Direction toward the light: right and down in the picture, and toward the camera.
_LIGHT = (-0.35, -0.5, 0.79)
_AMBIENT = 0.55


def render(
    shapes: list[Shape],
    camera: Camera,
    background: np.ndarray,
    occluder: tuple[np.ndarray, np.ndarray] | None,
) -> np.ndarray:
    """Return the video, uint8 `(time, height, width, 3)`.

    In each frame, shapes are painted from the farthest to the nearest. Their edges are
    anti-aliased by their distance to the pixel's center.

    Args:
        shapes: shapes in the scene.
        camera: camera that sees them.
        background: RGB in [0, 1], `(height, width, 3)`.
        occluder: opacity and colors of something in front of everything, or None.
    """
    ends = np.stack([np.stack([s.start, s.end]) for s in shapes], 1)
    radii = np.array([[s.start_radius, s.end_radius] for s in shapes]).T[:, :, None]
    x, y, scale, depth = camera.project(ends)
    radii = np.maximum(scale * radii, 0.75)
    order = np.argsort(-(depth[0] + depth[1]), axis=0, kind="stable")
    colors = np.array([s.color for s in shapes], np.float32)[order]
    x, y, radii = (
        np.take_along_axis(a, order[None], axis=1).astype(np.float32)
        for a in (x, y, radii)
    )

    # A margin around the picture keeps every shape's box on the canvas.
    reach = np.ceil(np.maximum(radii[0], radii[1]) + 1.0)
    left = np.floor(np.minimum(x[0], x[1]) - reach)
    top = np.floor(np.minimum(y[0], y[1]) - reach)
    wide = np.ceil(np.maximum(x[0], x[1]) + reach) - left
    high = np.ceil(np.maximum(y[0], y[1]) + reach) - top
    wide = np.minimum(wide.max(axis=1), WIDTH).astype(np.int64)
    high = np.minimum(high.max(axis=1), HEIGHT).astype(np.int64)
    left = np.clip(left, -wide[:, None], WIDTH).astype(np.int64)
    top = np.clip(top, -high[:, None], HEIGHT).astype(np.int64)
    right, below = wide.max(), high.max()
    rows_of, columns_of = HEIGHT + 2 * below, WIDTH + 2 * right
    inside = np.s_[:, below : below + HEIGHT, right : right + WIDTH]
    canvas = np.zeros((FRAMES, rows_of, columns_of, 3), np.float32)
    canvas[inside] = background

    pixels = canvas.reshape(-1, 3)
    for rank in range(len(shapes)):
        columns = left[rank][:, None] + np.arange(wide[rank])
        rows = top[rank][:, None] + np.arange(high[rank])
        alpha, hit, shade = _capsule(
            columns[:, None, :],
            rows[:, :, None],
            x[:, rank],
            y[:, rank],
            radii[:, rank],
        )
        line, column = np.divmod(hit, wide[rank])
        frame, row = np.divmod(line, high[rank])
        row += (frame * rows_of + below) + top[rank][frame]
        index = row * columns_of + (column + right + left[rank][frame])
        behind = pixels[index]
        pixels[index] = behind + alpha * (colors[rank][frame] * shade - behind)

    picture = canvas[inside]
    if occluder is not None:
        opacity, color = (a.astype(np.float32) for a in occluder)
        picture += opacity * (color - picture)
    np.clip(picture, np.float32(0.0), np.float32(1.0), out=picture)
    picture *= np.float32(255.0)
    picture += np.float32(0.5)
    return picture.astype(np.uint8)  # truncation rounds, since 0.5 was added


def _capsule(columns, rows, x, y, radii):
    """Draw a capsule in each frame, and return the pixels with opacity above zero.

    Returns:
        Their opacity `(pixel, 1)`, flat indices `(pixel,)` and brightness `(pixel, 1)`.
    """
    x0, x1, y0, y1, r0, r1 = (a[:, None, None] for a in (*x, *y, *radii))
    px = columns.astype(np.float32) + np.float32(0.5) - x0
    py = rows.astype(np.float32) + np.float32(0.5) - y0
    dx, dy = x1 - x0, y1 - y0
    length = np.maximum(dx * dx + dy * dy, np.float32(1e-6))
    along = np.clip((px * dx + py * dy) / length, np.float32(0.0), np.float32(1.0))
    radius = r0 + (r1 - r0) * along
    ox, oy = px - along * dx, py - along * dy
    alpha = radius - np.sqrt(ox * ox + oy * oy) + np.float32(0.5)
    hit = np.flatnonzero(alpha > 0.0)
    alpha, radius, ox, oy = (a.reshape(-1)[hit] for a in (alpha, radius, ox, oy))
    nx, ny = ox / radius, oy / radius
    facing = np.sqrt(np.maximum(np.float32(1.0) - nx * nx - ny * ny, np.float32(0.0)))
    lit = nx * np.float32(_LIGHT[0]) + ny * np.float32(_LIGHT[1])
    lit = np.maximum(lit + facing * np.float32(_LIGHT[2]), np.float32(0.0))
    shade = lit * np.float32(1.05 - _AMBIENT) + np.float32(_AMBIENT)
    return np.minimum(alpha, np.float32(1.0))[:, None], hit, shade[:, None]
