"""Noise, as sensors add it."""

from __future__ import annotations

import numpy as np

from clew.datasets.blending.transforms import to_levels
from clew.training.augmentations.base import Crop, Family, augmentations, of_each

SIGMA = (1.0, 8.0)  # levels of 255


def noise(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop (H, W, 3) with Gaussian noise of a standard deviation from 1 to 8 levels, its own in each channel."""
    sigma = np.float32(rng.uniform(*SIGMA))
    return to_levels(crop + sigma * rng.standard_normal(crop.shape, np.float32))


augmentations.register("noise")(Family(0.1, of_each(noise)))
