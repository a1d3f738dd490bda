"""How strongly each pixel takes part in a blend: a face's outline, deformed, worn down and softened."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.base.errors import ClewError
from clew.datasets.blending.hull import Points, extent, fill, hull
from clew.datasets.blending.settings import BlendSettings
from clew.datasets.blending.transforms import elastic

FAINT = 0.03  # blends below this leave the pixel alone
FRAME = 0.05  # share of the side over which a blend fades out towards the crop's edge
LEAST = 0.3  # pixels of a blur
INSIDE = 0.9  # of the first blur: what is above stays


def draw_weights(
    shape: tuple[int, int], points: Points, rng: np.random.Generator, settings: BlendSettings
) -> NDArray[np.float32]:
    """Blend weights (H, W) from 0 to 1: an elastic, feathered part of the face that `points` (N, 2) outline.

    Raises ClewError when the face lies outside the frame.
    """
    outline = hull(points, settings.kinds[rng.integers(len(settings.kinds))])
    weights = fill(outline, shape)
    if not weights.any():
        raise ClewError(
            f"the landmarks lie outside their crop of {shape[1]} x {shape[0]} pixels: expected a face in it."
        )
    size = extent(points, shape)
    x, y = elastic(shape, settings.elastic * size, rng)
    pushed = cv2.remap(weights, x, y, cv2.INTER_LINEAR)
    worn = cv2.GaussianBlur(
        pushed if pushed.any() else weights, (0, 0), max(LEAST, size * rng.uniform(*settings.erode))
    )
    solid = (worn >= INSIDE * worn.max()).astype(np.float32)
    soft = cv2.GaussianBlur(solid, (0, 0), max(LEAST, size * rng.uniform(*settings.feather)))
    return np.asarray(soft / soft.max(), np.float32)


def fade(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Weights (H, W): 0 on the frame's edge, rising to 1 within FRAME of the shorter side."""
    reach = max(2.0, FRAME * min(shape))
    ramps = [np.minimum(np.arange(n), np.arange(n)[::-1]) / reach for n in shape]
    return np.clip(np.minimum(ramps[0][:, None], ramps[1][None, :]), 0, 1).astype(np.float32)


def settle(weights: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The weights (H, W) of the largest connected piece that is not faint, and that piece: the region."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((weights >= FAINT).astype(np.uint8), connectivity=4)
    if count < 2:
        raise ClewError("the landmarks leave no region to blend: expected a face of some pixels inside its crop.")
    region = pieces == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.where(region, weights, np.float32(0)), region
