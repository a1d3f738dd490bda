"""Zoom and shift: face detectors frame the same face more tightly or less, and never in quite the same place."""

from __future__ import annotations

import cv2
import numpy as np

from clew.training.augmentations.base import Crop, Family, augmentations, of_each

SCALE = (0.8, 1.6)  # above 1 the face becomes larger
SHIFT = 0.08  # of a crop's sides, each way
TURN = 5.0  # degrees, each way


def zoom(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop (H, W, 3) enlarged or reduced, shifted and turned a little; what comes in from outside is mirrored."""
    height, width = crop.shape[:2]
    scale, turn = rng.uniform(*SCALE), rng.uniform(-TURN, TURN)
    middle = (width - 1) / 2, (height - 1) / 2
    move = np.asarray(cv2.getRotationMatrix2D(middle, turn, scale), np.float64)
    move[:, 2] += rng.uniform(-SHIFT, SHIFT, 2) * (width, height)
    moved = cv2.warpAffine(crop, move, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


augmentations.register("zoom")(Family(0.5, of_each(zoom)))
