"""Aligned face crops as DeepfakeBench's preprocessing cuts them: 256 pixels, 1.3 times the plain template."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.crops import Pixel
from clew.datasets.synth.fields import Array, f32

SIZE, SCALE = 256, 1.3
# The five points of the common 112-pixel template (ArcFace): eyes, nose, corners of the mouth.
_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def template() -> Array:
    """Where the five points (5, 2) come to lie in the crop."""
    return f32((_TEMPLATE - 56.0) / 112.0 * (SIZE / SCALE) + SIZE / 2.0)


def similarity(points: Array, goal: Array) -> Array:
    """The rotation, scale and shift (2, 3) that bring `points` (N, 2) nearest to `goal` in least squares."""
    x, y = points.astype(np.float64).T
    rows = np.concatenate([np.stack([x, -y, x * 0 + 1, x * 0], 1), np.stack([y, x, x * 0, x * 0 + 1], 1)])
    a, b, dx, dy = np.linalg.lstsq(rows, goal.astype(np.float64).T.ravel(), rcond=None)[0]
    return f32([[a, -b, dx], [b, a, dy]])


def cut(picture: NDArray[Pixel], turn: Array, nearest: bool = False) -> NDArray[Pixel]:
    """The crop (SIZE, SIZE, ...) of `picture` under `turn`, black where the picture ends."""
    how = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return cast(NDArray[Pixel], cv2.warpAffine(picture, turn, (SIZE, SIZE), flags=how))


def move_points(points: Array, turn: Array) -> Array:
    """`points` (N, 2) under `turn` (2, 3)."""
    return f32(points @ turn[:, :2].T + turn[:, 2])
