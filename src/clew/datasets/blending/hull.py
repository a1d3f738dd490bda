"""Where a face lies: outlines from landmarks, or canonical ones where no landmarks are known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError

Points = NDArray[np.float32]  # (N, 2), x and y in pixels

KINDS = ("whole", "face", "lower", "centre")  # with forehead, without, below the eyes, brows to mouth
FOREHEAD = 0.5  # how far above the brows, in distances from the nose's base to the brows
EYES = 0.12  # the middle of a detector's box lies below the eyes by this share of the face's width
MARGIN = 0.02  # of the side, kept free around a canonical face

# The order of the 68 landmarks of iBUG 300-W (Sagonas et al., ICCV Workshops 2013).
JAW, BROWS, NOSE, NOSE_BASE, EYE_POINTS, MOUTH = (
    slice(0, 17),
    slice(17, 27),
    slice(27, 36),
    slice(31, 36),
    slice(36, 48),
    slice(48, 68),
)


def _arc(middle: tuple[float, float], radii: tuple[float, float], count: int, start: float = np.pi) -> Points:
    turn = start + np.arange(count) * 2 * np.pi / count
    return np.stack([middle[0] + radii[0] * np.cos(turn), middle[1] + radii[1] * np.sin(turn)], 1)


def _canonical() -> Points:
    """68 points of a frontal face: x from -0.5 to 0.5 from cheek to cheek, y = 0 at the eyes, down to the chin."""
    turn = np.linspace(0, np.pi, 17)
    jaw = np.stack([-0.5 * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.75, 0.75 * np.sin(turn) ** 0.9], 1)
    x = np.linspace(-0.42, -0.09, 5)
    brow = np.stack([x, -0.14 - 0.06 * np.sin(np.linspace(0.3, 2.6, 5))], 1)
    bridge = np.stack([np.zeros(4), np.linspace(0.02, 0.26, 4)], 1)
    base = np.stack([np.linspace(-0.13, 0.13, 5), 0.32 + 0.02 * np.cos(np.linspace(-1.5, 1.5, 5))], 1)
    eyes = [_arc((side * 0.22, 0.01), (0.085, 0.03), 6) for side in (-1, 1)]
    mouth = [_arc((0, 0.52), (0.19, 0.075), 12), _arc((0, 0.52), (0.13, 0.03), 8)]
    parts = [jaw, brow, brow[::-1] * (-1, 1), bridge, base, *eyes, *mouth]
    return np.concatenate(parts).astype(np.float32)


CANONICAL = _canonical()
FIVE = np.array([[-0.22, 0.01], [0.22, 0.01], [0.0, 0.27], [-0.17, 0.52], [0.17, 0.52]], np.float32)


def canonical(shape: tuple[int, int], width: float, jitter: float, rng: np.random.Generator) -> Points:
    """68 landmarks (68, 2) of a face in the middle of a crop of `shape` (H, W), `width` of its shorter side wide.

    Size, proportions, tilt and place are drawn; all points with a forehead above them lie inside the frame.
    """
    side = min(shape)
    size = side * width * rng.uniform(1 - jitter, 1 + jitter)
    tilt = np.deg2rad(rng.normal(0, 5))
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    scale = size * np.array([rng.uniform(0.95, 1.05), rng.uniform(0.95, 1.05)])
    middle = np.array([shape[1] / 2, shape[0] / 2 - EYES * size]) + rng.uniform(-1, 1, 2) * jitter * size
    return _inside((CANONICAL * scale) @ turn.T + middle, shape)


def _inside(points: NDArray[np.float64], shape: tuple[int, int]) -> Points:
    """The points made smaller and moved, as little as it takes for the whole hull to lie inside the frame."""
    room = np.array([shape[1], shape[0]]) * (1 - 2 * MARGIN)
    outline = whole(points)
    extent = outline.max(0) - outline.min(0)
    shrink = min(1.0, *(room / extent))
    middle = outline.mean(0)
    points, outline = ((part - middle) * shrink + middle for part in (points, outline))
    corner = np.array([shape[1], shape[0]]) * MARGIN
    move = np.clip(corner - outline.min(0), 0, None) - np.clip(outline.max(0) - corner - room, 0, None)
    return (points + move).astype(np.float32)


def whole(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """68 landmarks (68, 2) and ten more along the forehead: (78, 2)."""
    up = points[BROWS].mean(0) - points[NOSE_BASE].mean(0)
    return np.concatenate([points, points[BROWS] + FOREHEAD * up])


def from_five(points: Points) -> Points:
    """68 canonical landmarks laid by a least-squares similarity over eyes, nose tip and mouth corners (5, 2)."""
    x, y = FIVE.T
    zero, one = np.zeros(5), np.ones(5)
    system = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, right, down = np.linalg.lstsq(system, points.T.reshape(-1), rcond=None)[0]
    return (CANONICAL @ np.array([[a, b], [-b, a]]) + (right, down)).astype(np.float32)


def hull(points: Points, kind: str) -> Points:
    """The convex hull (K, 2) of a part of the face that landmarks (N, 2) outline.

    68 landmarks (iBUG's) know all `KINDS`; 5 (eyes, nose tip, mouth corners from left to right) are completed by
    canonical ones; of any other number all kinds are the hull of all points. Raises ClewError for fewer than 3.
    """
    points = np.asarray(points, np.float32)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ClewError(f"landmarks of shape {points.shape}: expected (N, 2) finite numbers, at least 3 points.")
    if len(points) == 5:
        points = np.concatenate([from_five(points), points])
    if len(points) >= 68:
        points = _part(points, kind)
    return np.asarray(cv2.convexHull(points), np.float32)[:, 0]


def _part(points: Points, kind: str) -> Points:
    """The points that outline a part; those beyond the 68 belong to the whole face."""
    known = points[:68]
    if kind == "whole":
        return np.concatenate([points, whole(known)]).astype(np.float32)
    if kind == "lower":
        return np.concatenate([known[2:15], known[29:36], known[MOUTH]])
    if kind == "centre":
        return known[17:]
    return known


def extent(points: Points, shape: tuple[int, int]) -> float:
    """The larger side, in pixels, of the face without its forehead, at most the crop's: the unit of lengths."""
    return float(min(np.ptp(hull(points, "face"), axis=0).max(), max(shape)))


def fill(outline: Points, shape: tuple[int, int]) -> NDArray[np.float32]:
    """The inside of a convex outline (K, 2) as 1.0, its outside as 0.0: (H, W)."""
    inside = np.zeros(shape, np.float32)
    limit = 8.0 * max(shape)  # OpenCV's fixed point overflows far outside
    cv2.fillConvexPoly(inside, np.round(np.clip(outline, -limit, limit) * 16).astype(np.int32), 1.0, shift=4)
    return inside
