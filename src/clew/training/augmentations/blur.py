"""Blur: lenses out of focus, and scaling that left nothing sharp."""

from __future__ import annotations

import cv2
import numpy as np

from clew.training.augmentations.base import Crop, Family, augmentations, of_each

LEAST = 0.4  # pixels: less changes nothing
MOST = 0.012  # share of the shorter side on top of that: 1.9 pixels at 128


def blur(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop (H, W, 3) under a Gaussian of 0.4 pixels, and up to 1.2 % of its shorter side more."""
    sigma = LEAST + rng.uniform(0, MOST) * min(crop.shape[:2])
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8)


augmentations.register("blur")(Family(0.1, of_each(blur)))
