"""Cutout (DeVries & Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017)."""

from __future__ import annotations

import cv2
import numpy as np

from clew.training.augmentations.base import Crop, Family, augmentations, of_each

SIDE = (0.15, 0.45)  # of the crop's sides


def cutout(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop (H, W, 3) with one rectangle, of 15 to 45 % of each side, filled with the crop's mean colour."""
    height, width = crop.shape[:2]
    tall, wide = (max(1, round(rng.uniform(*SIDE) * n)) for n in (height, width))
    top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
    crop = crop.copy()
    crop[top : top + tall, left : left + wide] = np.round(cv2.mean(crop)[:3])
    return crop


augmentations.register("cutout")(Family(0.3, of_each(cutout)))
