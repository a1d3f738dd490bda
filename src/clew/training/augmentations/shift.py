"""Shift: face detectors never frame a face in quite the same place. Nothing is resampled: blur tells as before."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from clew.training.augmentations.base import Crop, Family, augmentations, of_each

SHIFT = 0.08  # of a crop's sides, each way


def moves(count: int, shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows and columns (N, 2) by which crops of a height and width move: at most 8 %, and never by none at all."""
    most = np.array([round(SHIFT * side) for side in shape])
    places = int(np.prod(2 * most + 1))
    at = rng.integers(max(places - 1, 1), size=count)
    at += (at >= places // 2) & (places > 1)  # the one in the middle is left out
    return np.stack(np.divmod(at, 2 * most[1] + 1), 1) - most


def shift(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop (H, W, 3) moved by whole pixels; what comes in from outside is mirrored."""
    height, width = crop.shape[:2]
    down, across = moves(1, (height, width), rng)[0]
    tall, wide = abs(down), abs(across)
    wider = cv2.copyMakeBorder(crop, tall, tall, wide, wide, cv2.BORDER_REFLECT_101)
    return np.asarray(wider[tall + down :, wide + across :][:height, :width], np.uint8)


augmentations.register("shift")(Family(0.5, of_each(shift)))
