"""Brightness, contrast, saturation and hue."""

from __future__ import annotations

import numpy as np

from clew.datasets.blending.transforms import colour_matrix, recolour
from clew.training.augmentations.base import Crop, Family, augmentations, of_each

BRIGHTNESS = 0.12  # share of 255
CONTRAST, SATURATION = (0.8, 1.25), (0.6, 1.4)
HUE = 10.0  # degrees


def colour(crop: Crop, rng: np.random.Generator) -> Crop:
    """A crop (H, W, 3) under one affine map of its colours."""
    matrix = colour_matrix(
        np.zeros(3),
        rng.uniform(-HUE, HUE),
        rng.uniform(*SATURATION),
        rng.uniform(-BRIGHTNESS, BRIGHTNESS),
        rng.uniform(*CONTRAST),
    )
    return recolour(crop, matrix)


augmentations.register("colour")(Family(0.3, of_each(colour)))
